// Takes a session's records out of its streams, writes them to its log and delivers them to its
// consumers: the work of a session's thread, without the thread. A session has a log, a feed, or
// both; each has its own place in the rings, and writers may reuse what both have had. What makes
// it safe to kill at any instruction stands in checkpoint.h.
#pragma once
#include "etl/log_writer.h"
#include "host/recording/checkpoint.h"
#include "host/recording/cpu_merger.h"
#include "host/recording/feed.h"
#include "host/recording/log_file.h"
#include "host/recording/stream.h"
#include "host/recording/write_way.h"
#include "host/session/kernel_source.h"
#include "host/survival/saved_session.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace etw::host {

class Drain {
public:
    enum class Depth {
        kFullBlocks,  // what writers have left behind for good
        kAll,         // also what stands in the blocks they are in
        kFinal,       // the same, and stamps from the future do not wait for their time
    };
    enum class Outcome {
        kIdle,          // nothing to write at this depth
        kWrote,         // there may be more
        kLimitReached,  // the log has its full size: a sequential one ends, -newfile goes on
    };

    // Where the progress names a log that is still to be begun, nothing is taken out of the rings
    // until begin_log() is called.
    Drain(const SavedSession& saved, std::optional<etl::LogWriter> log, Checkpoint checkpoint,
          Progress progress);
    // `fd` is the log's file. A failure leaves it as it was.
    Status begin_log(UniqueFd fd);
    // Of a log that a predecessor wrote, before anything else is done.
    Status resume_log(UniqueFd fd);

    // Puts the stream where the checkpoint knows it, or behind the others. kNoSystemResources:
    // there are too many.
    Status add_stream(std::shared_ptr<Stream> stream);
    // The same contents, in other memory, as rings that have not been handed back.
    Status add_copy(const FileIdentity& missing, std::shared_ptr<Stream> stream);
    // Nobody writes to the stream any more: forgets it, but for what it lost, once it is empty.
    // False: it is not.
    bool retire(Stream& stream);
    const std::vector<std::shared_ptr<Stream>>& streams() const noexcept { return streams_; }

    // What fills the stream of kernel events, for a session that has them.
    void set_kernel_source(std::unique_ptr<KernelSource> source) { source_ = std::move(source); }
    KernelSource* kernel_source() const noexcept { return source_.get(); }

    // Called before the streams are looked at, where one is of events that came by socket: has
    // those in it that were sent until now. It gives up where that takes long, or `may_wait`, which
    // it asks now and then, says no.
    using AwaitSent = std::function<void(const std::function<bool()>& may_wait)>;
    void set_await_sent(AwaitSent await_sent) { await_sent_ = std::move(await_sent); }

    // The rings themselves are what the session records to: nothing is ever taken out of them.
    bool keeps_records() const noexcept {
        return (saved_.geometry.flags & wire::kRingOverwrite) != 0;
    }
    // Writes what they hold into `file`. See snapshot.h.
    Status save_snapshot(UniqueFd file, const std::string& path);

    // From now on what comes is delivered too; what the rings hold already only where the log is
    // still to be begun. With the ring of a predecessor, from where that one stopped.
    void start_feed(DeliveryRing ring);
    void end_feed(wire::DeliveryState state);
    size_t consumers() const noexcept { return feed_ == nullptr ? 0 : feed_->consumers(); }
    bool has_feed() const noexcept { return feed_ != nullptr; }
    const DeliveryRing& delivery_ring() const { return feed_->ring(); }
    bool has_log() const noexcept { return log_.has_value(); }
    // Delivers all that has been committed; of kernel events, at kFullBlocks, all that need not
    // wait for what follows. False: there was nothing.
    bool deliver(Depth depth = Depth::kAll);
    // A consumer comes or goes. Returns the number of the chunk that a new one begins with.
    uint64_t add_consumer(ConsumerEnd consumer);
    void remove_consumer(uint64_t id);

    // Writes one batch. Fails with the log's error (kDiskFull); then nothing has changed and the
    // records are still in the rings.
    Result<Outcome> pass(Depth depth);

    // For a log that cannot be written: drops the oldest block of each ring that is about to refuse
    // events, and counts it as a lost buffer. True if one was dropped.
    bool make_room();
    // Drops what is left, counting as make_room() does: the session ends without its disk.
    void drop_rest();

    // The log is at its end: final header.
    Status finish();
    // The old log, if there is one, ends; `fd` is the next. Progress counts on. With `ends_feed`
    // consumers are cut off there: what they have been delivered is not in the log, all else is,
    // and so is what waited for a first consumer. After a failure the old log and the feed go on,
    // and what `fd` held is still there.
    Status switch_log(UniqueFd fd, const std::string& path, uint32_t number,
                      bool ends_feed = false);

    const Progress& progress() const noexcept { return progress_; }
    const wire::RingGeometry& geometry() const noexcept { return saved_.geometry; }
    uint64_t log_size();  // bytes
    uint64_t events_lost() const;
    void count_lost(uint64_t events) { progress_.written_off += events; }  // of no stream
    uint64_t capacity() const;                                             // bytes of all rings
    size_t passes_over_all() const;  // that take, from every CPU, the block that writers are in
    // Blocks to drain, of all rings.
    uint64_t full_blocks() const;
    // As many as the session waits for (flush_threshold), or a ring that they half fill.
    bool has_enough_full_blocks() const;
    // How many full blocks make a ring crowded. What is left must do until the thread runs.
    static uint32_t crowded_at(const wire::RingGeometry& geometry) {
        return std::max(geometry.blocks / 4, std::min(geometry.blocks / 2, 2u));
    }
    bool has_crowded_ring() const;
    void set_saved(const SavedSession& saved) { saved_ = saved; }

private:
    // Has any ring as many full blocks as `enough` says of its geometry?
    template <class Enough>
    bool any_ring_has(Enough enough) const;
    bool has_half_full_ring() const;
    bool awaits_log() const noexcept { return progress_.begin != LogBegin::kDone; }

    // A buffer that is about to be written, and how far it takes the tails of its CPU.
    struct Pending {
        etl::BufferData data;
        std::vector<std::pair<size_t, wire::RingPosition>> tails;  // stream index
        int64_t last_raw = 0;                                      // 0: the buffer's own time
    };

    int64_t collect(Depth depth);
    bool has_socket_stream() const;
    bool may_go_direct(size_t stream) const;
    void gather(uint32_t cpu, Depth depth, int64_t until);
    void gather_direct(uint32_t cpu, size_t stream, Depth depth);
    void gather_merged(uint32_t cpu, Depth depth, int64_t until);
    bool nothing_new(uint32_t cpu, size_t except) const;
    void skip_damage(uint32_t cpu);
    bool drop_block(size_t stream, uint32_t cpu);
    Result<Outcome> write_batch();
    void apply(size_t written);
    void commit();
    void publish_tails();
    bool deliver_lanes(Depth depth, int64_t until);
    void publish_feed();
    uint64_t backlog_size() const;  // bytes of a log with it
    Status write_backlog(etl::LogWriter& log);
    void tell_kernel_state();
    void take_log(etl::LogWriter log);
    Status write_buffers(std::span<const etl::BufferData> buffers);
    size_t max_batch() const;  // buffers
    CpuProgress& at(size_t stream, uint32_t cpu) { return progress_.streams[stream].cpus[cpu]; }
    size_t copies_allowed() const;
    std::span<std::byte> next_copy_buffer();
    etl::LogTotals totals() const;

    SavedSession saved_;
    SessionClock clock_;
    std::optional<etl::LogWriter> log_;
    WriteWay way_;
    std::unique_ptr<KernelSource> source_;
    AwaitSent await_sent_;
    std::unique_ptr<Feed> feed_;
    Checkpoint checkpoint_;
    Progress progress_;
    std::vector<std::shared_ptr<Stream>> streams_;  // as progress_.streams; null: not handed back
    std::vector<Pending> batch_;
    std::vector<std::unique_ptr<etl::Page[]>> copies_;
    size_t copies_used_ = 0;
    uint32_t first_cpu_ = 0;
    uint64_t told_bytes_ = 0;  // of what runs, when a log went on in another
};

}  // namespace etw::host
