// A session's kernel events: what lib/kernel collects, in a stream of its own among the session's.
// Belongs to the session's thread. The drain has it collect before it looks at the streams, so that
// kernel and user events are merged as if all were written where they happen.
#pragma once
#include "etw/session.h"
#include "host/recording/stream.h"
#include "host/session/kernel_progress.h"
#include "host/survival/kept_kernel.h"
#include "host/survival/saved_session.h"
#include "kernel/events/record_builder.h"

#include <deque>
#include <memory>
#include <vector>

namespace etw::kernel {
class Collector;
struct ProbeProvider;
}  // namespace etw::kernel

namespace etw::host {

// Refuses, by name, what this machine cannot sample or count by; `asked` passed session::check().
session::Outcome<Ok> check_sources(const session::KernelTracing& asked);

class KernelSource final : public kernel::LastingSink {
public:
    // Begins to record into `stream`, or goes on for a host that was killed: with what that one
    // had the keeper hold, `left` (take_kept_kernel()).
    static Result<std::unique_ptr<KernelSource>> start(const SavedSession& saved,
                                                       const Stream& stream,
                                                       const KeeperLink& keeper,
                                                       const std::string& sessions_folder,
                                                       KeptDescriptors left = {});
    ~KernelSource() override;
    // Takes out breakpoints of a session that nobody goes on with. The kernel may have left some
    // where a host was killed that was just having them set or taken out.
    static void clear_left(const SavedSession& saved);

    // Everything up to the returned time (counter) is in the stream; see kernel::Collector.
    int64_t collect(bool all);
    Status set(const session::Properties& properties);
    Status set_providers(const std::vector<kernel::ProbeProvider>& providers);
    // Tells of all that runs once more; returns the bytes that took.
    uint64_t rundown();
    // What runs, as the end of a log tells it, in a ring of its own: for a log that is saved while
    // the session goes on.
    Result<std::shared_ptr<Stream>> running() const;
    // From now on into `stream`, whose rings have another size.
    Status use(const Stream& stream);
    // See kernel::Collector.
    bool end(bool at_once);
    // A checkpoint was committed.
    void committed() noexcept;

    bool has_room(uint32_t cpu) override;
    std::optional<int64_t> waiting_since() override;
    void append(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time) override;
    void add_lost(uint64_t count) override;
    uint64_t written(uint32_t cpu) const override { return writer_.head(lane_of(cpu)); }
    uint64_t lost() const override { return writer_.lost(); }

private:
    KernelSource(StreamWriter writer, KeptKernel held, KernelProgress progress);
    uint32_t lane_of(uint32_t cpu) const noexcept;

    // A record that the stream had no room for: of one event more than fits, or of a rundown.
    struct Waiting {
        std::vector<std::byte> record;
        uint32_t time_offset;
        int64_t time;
    };
    bool settle(uint32_t lane);
    bool try_append(uint32_t lane, Bytes record, uint32_t time_offset, int64_t time);
    void count_what_is_gone();

    KeptKernel held_;
    KernelProgress progress_;
    StreamWriter writer_;  // under the collector's lock, as all that follows
    std::vector<std::deque<Waiting>> lanes_;
    uint64_t bytes_ = 0;                            // of all records so far
    std::unique_ptr<kernel::Collector> collector_;  // last: its thread writes to the others
};

}  // namespace etw::host
