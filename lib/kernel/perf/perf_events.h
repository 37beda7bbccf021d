// What perf_event_open() tells that tracefs does not: mappings of files, samples of what runs, and
// the stacks and counters of tracepoints, whose events then come from it as a whole.
#pragma once
#include "kernel/events/image_events.h"
#include "kernel/events/traced_sink.h"
#include "kernel/perf/perf_open.h"
#include "kernel/tracefs/trace_clock.h"

#include <optional>
#include <unordered_map>
#include <vector>

namespace etw::kernel {

class PerfEvents {
public:
    PerfEvents(Context& context, ImageEvents& images, TracedSink& sink,
               const CounterSource& counter)
        : context_(context), images_(images), sink_(sink), counter_(counter), clock_(counter) {}

    // Has the calls told that map files to run, where the stacks of these are wanted. Fails with
    // kNotSupported where the kernel does not tell system calls.
    Status bind(Dispatch& dispatch, const Tracing& tracing);
    // Opens what the flags need and closes what they do not. `dispatch`: what the tracepoints are
    // wanted for; those that feed records with stacks or counters, and those that programs stand in
    // for, are ours from now on. Fails with kAccessDenied without the rights, kNotSupported where
    // the machine lacks a source.
    Status set_up(uint32_t cpus, const Tracing& tracing, const Dispatch& dispatch, Holder& holder);
    // Whether the events of a tracepoint come from here, and must not come from tracefs too.
    bool has(const Tracepoint& point) const noexcept;
    // Whether they do, where this is asked for.
    static bool takes(const std::string& tracepoint, const Tracing& tracing);

    // Tracepoints that come from here and will not, where this is asked for.
    std::vector<Tracepoint> leaving(const Tracing& tracing) const;
    // A tracepoint, of number `id`, that set_up() will have to take over from another source is
    // recorded from now on, but not read yet.
    Status prepare(uint32_t cpus, const Tracepoint& point, uint16_t id, const Tracing& tracing);
    // Events of all that were prepared since the last call that are earlier than these times, by
    // CPU, are the other source's.
    void begin_prepared_at(const std::vector<int64_t>& times);
    // Events of a tracepoint from these times on are another source's.
    void end_at(const Tracepoint& point, const std::vector<int64_t>& times);
    // Neither of them is to be.
    void cancel();
    // Of a tracepoint that comes from elsewhere now. Returns how many there were that were read and
    // have not been handed out.
    uint64_t drop_rest_of(uint16_t id);
    std::vector<int> fds() const;
    // The session begins at this time: what was seen before is not its own.
    void begin(int64_t time) noexcept { from_ = time; }
    // Nothing more is met; what is there is still to be read.
    void stop();
    // Closes all; what was read is still to be handed out.
    void let_go(Holder& holder);

    // Takes what the rings hold; to be called before the events up to a time are handed out.
    // `look`: is shown every tracepoint's event; may be null. Returns the time up to which
    // everything has been taken, at most `now`, which was taken before the call.
    int64_t read(int64_t now, const Dispatch* look);
    // Hands out all records up to `until`; those of tracepoints to `dispatch`. Between two events
    // of tracefs: those up to the later one. Returns the time of the one that the sink had no room
    // for; the rest stays.
    std::optional<int64_t> hand_out(int64_t until, const Dispatch& dispatch);
    // Of the next record to hand out; the largest number: there is none.
    int64_t next_time() const noexcept {
        return next_ < pending_.size() ? pending_[next_].time : INT64_MAX;
    }
    // What was read is not for a successor any more.
    void give_back();
    // What the kernel had no room for since the last call, a predecessor's included.
    uint64_t take_lost();
    // Events that were read and have not been handed out.
    uint64_t count_rest() const;
    // With mappings.
    uint64_t count_pending() const noexcept { return pending_.size() - next_; }

private:
    struct Pending {
        int64_t time = 0;
        uint32_t cpu = 0;
        enum class Kind : uint8_t {
            kMap,
            kUnmap,
            kExec,
            kCode,      // of the kernel, which it has made
            kCodeGone,  // and has no longer
            kSample,
            kTracepoint
        } kind = Kind::kSample;
        bool to_run = false;
        uint32_t process = 0;
        uint32_t thread = 0;
        int64_t from = 0;  // earlier, or from `until` on: of another source
        int64_t until = INT64_MAX;
        PerfSample sample;
        Image image;
    };
    struct Point {
        Tracepoint tracepoint;
        PerfLane lane;
        std::vector<int64_t> from = {};  // by CPU, or none
        std::vector<int64_t> until = {};
    };
    static Result<PerfLane> open_point(uint32_t cpus, const Tracepoint& point, uint16_t id,
                                       const Tracing& tracing, uint32_t pages);
    Status open_points(uint32_t cpus, const Tracing& tracing, const Dispatch& dispatch,
                       Holder& holder);
    Status set_up_maps(uint32_t cpus, Holder& holder);
    void set_up_unmaps(uint32_t cpus, Holder& holder);
    Status set_up_samples(uint32_t cpus, const Tracing& tracing, Holder& holder);
    void take(PerfRing& ring, const Pending& as, const PerfForm& form);
    bool parse_other(const PerfRing::Record& record, Bytes body, Pending& out);
    static bool parse_map(Bytes body, uint16_t misc, Pending& out);
    static bool parse_code(Bytes body, Pending& out);
    void send_sample(const Pending& pending);
    void name_who_has_ended(Pending& pending) const;
    void hand_out_map(Pending& pending, const ImageEvents::Place& at);
    void hand_out_unmap(const Pending& pending, ImageEvents::Place at);

    Context& context_;
    ImageEvents& images_;
    TracedSink& sink_;
    CounterSource counter_;
    RawClock clock_;
    Tracing tracing_;
    std::vector<PerfRing> maps_;  // by CPU, or none
    PerfLane unmaps_;             // likewise; none, too, where the kernel does not tell
    PerfLane samples_;            // likewise
    std::vector<Point> points_;
    std::vector<Point> prepared_;
    // Of threads that are about to map a file to run: who calls for it.
    std::unordered_map<uint32_t, std::vector<uint64_t>> mapping_;
    std::vector<Pending> pending_;  // in the order of time
    size_t next_ = 0;               // of pending_, not handed out
    int64_t from_ = 0;
    int64_t complete_until_ = 0;  // when the rings were last looked at
};

}  // namespace etw::kernel
