// FileIo: what programs do with files, and the files' names.
#pragma once
#include "kernel/dispatch.h"
#include "kernel/events/file_names.h"
#include "kernel/events/pending_records.h"
#include "kernel/programs/file_program.h"

#include <memory>
#include <optional>
#include <unordered_map>
#include <variant>
#include <vector>

namespace etw::kernel {

class FileEvents {
public:
    FileEvents(Context& context, FileNames& names, const CounterSource& counter)
        : context_(context), names_(names), counter_(counter) {}

    // Has the kernel tell what the flags need. Fails with kNotSupported where it cannot; without
    // the files that are opened where only names are wanted.
    Status set_up(uint32_t cpus, const Tracing& tracing, Holder& holder);
    std::vector<int> fds() const { return probe_ ? probe_->fds() : std::vector<int>{}; }

    // What ended before is none of the trace's.
    void begin_at(int64_t time) {
        beginning_ = time;
        pending_.begin_at(time);
    }
    // Takes what the rings hold. Calls that ended up to `now`, which was taken before, become
    // records; a call stands where it began, or, where that has been handed out already, right
    // behind it. Unless too many wait to be handed out: returns the time up to which all has been
    // taken, at most `now`.
    int64_t read(int64_t now);
    // Also then.
    void take_all(int64_t now);
    // What was read is not for a successor any more.
    void give_back() {
        if (probe_) probe_->give_back();
    }
    // No call that ends from now on is met; what is there is still to be read.
    void stop() {
        if (probe_) probe_->stop();
        while (probe_ && probe_->detach_one()) {
        }
    }
    // Closes all; what was read is still to be handed out.
    void let_go(Holder& holder) {
        if (probe_) holder.let_go(held_as_);
        probe_.reset();
        from_.clear();
    }
    PendingRecords& pending() noexcept { return pending_; }
    const PendingRecords& pending() const noexcept { return pending_; }
    // Calls and names that were read, and records of them, that have not been handed out.
    uint64_t count_rest() const noexcept { return arrivals_.size() + pending_.count(); }

    // What read() takes, and what it makes of it: for tests.
    void take(const ProbeRecord& record);
    void convert(int64_t now);

private:
    struct Call {
        int64_t begin = 0;
        int64_t end = 0;
        uint32_t cpu = 0;
        uint32_t thread = 0;
        bool writes = false;                   // of an asynchronous one
        std::shared_ptr<const Caller> caller;  // null: without a stack
        CallRecord record{};
        std::string paths[2];  // as the program gave them
    };
    struct File {
        uint64_t object = 0;  // of the open file; 0: none
        uint64_t key = 0;
    };
    enum class Make : uint8_t { kFind, kNew };

    struct Name {
        uint64_t inode = 0;
        uint32_t device = 0;
        uint32_t cpu = 0;
        std::string path;
    };
    struct Arrival {
        int64_t time = 0;  // of a call: its end
        std::variant<Name, Call> what;
    };
    void replace(BpfProbe probe, uint32_t cpus);
    void take_if_ours(const ProbeRecord& record);
    void take_name(const ProbeRecord& record);
    void take_call(const ProbeRecord& record);
    void take_async(const ProbeRecord& record);
    void set_times(Call& call, const ProbeRecord& record) const;
    void convert(const Call& call);
    File file_of(const CallFile& file, const Call& call, Make make);
    std::string path_of(const Call& call, size_t which) const;
    LongRecordBuilder begin(uint16_t hook, const Call& call) const {
        return LongRecordBuilder(hook, 3, call.begin);
    }
    void send_end(const Call& call, uint64_t irp, uint64_t extra);
    void on_open(const Call& call);
    void on_make(const Call& call, uint32_t options, uint32_t attributes);
    void send_create(const Call& call, uint64_t irp, uint64_t object, uint32_t options,
                     uint32_t attributes, const std::string& path);
    void on_close(const Call& call);
    void on_transfer(const Call& call, uint16_t hook, const CallFile& file, uint64_t offset);
    void on_read_or_write(const Call& call, bool reads);
    void on_copy(const Call& call);
    void on_simple(const Call& call, FileCall::Kind kind);
    void on_delete(const Call& call);
    void on_rename(const Call& call);
    void on_link(const Call& call);
    void on_set_info(const Call& call, uint32_t information, uint64_t extra);
    void on_path(const Call& call, uint16_t hook, uint16_t path_hook, uint32_t information,
                 uint64_t key, const std::string& path);

    Context& context_;
    FileNames& names_;
    CounterSource counter_;
    std::optional<BpfProbe> probe_;
    std::string held_as_;
    std::vector<int64_t> from_;      // by CPU: what ended earlier was told by the programs before
    std::vector<Arrival> arrivals_;  // taken, later than what was converted
    PendingRecords pending_;
    int64_t beginning_ = 0;
    std::unordered_map<uint64_t, File> open_;  // by the kernel's structure
    uint64_t last_object_ = 0;
    uint64_t last_irp_ = 0;
};

}  // namespace etw::kernel
