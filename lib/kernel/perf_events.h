// What perf_event_open() tells that no tracepoint does: mappings of files and samples of what runs.
#pragma once
#include "kernel/image_events.h"
#include "kernel/perf_ring.h"
#include "kernel/trace_clock.h"

#include <vector>

namespace etw::kernel {

class PerfEvents {
public:
    PerfEvents(Context& context, ImageEvents& images, const CounterSource& counter)
        : context_(context), images_(images), clock_(counter) {}

    // Opens what the flags need and closes what they do not. Fails with kAccessDenied without the
    // rights.
    Status set_up(uint32_t cpus);
    std::vector<int> fds() const;

    // Takes what the rings hold; to be called before the events up to a time are handed out.
    void read();
    // Hands out all records up to `until`. Between two events of the tracepoints: those up to the
    // later one.
    void hand_out(int64_t until);
    // Drops what is older: it is none of the trace's.
    void begin_at(int64_t time);
    // Of the next record to hand out; the largest number: there is none.
    int64_t next_time() const noexcept {
        return next_ < pending_.size() ? pending_[next_].time : INT64_MAX;
    }

private:
    struct Pending {
        int64_t time = 0;
        uint32_t cpu = 0;
        enum class Kind : uint8_t { kMap, kExec, kSample } kind = Kind::kSample;
        bool to_run = false;
        uint32_t process = 0;
        uint32_t thread = 0;
        uint64_t address = 0;
        Image image;
    };
    void take(PerfRing& ring, uint32_t cpu);
    static bool parse_map(Bytes body, uint16_t misc, Pending& out);
    static bool parse_sample(Bytes body, Pending& out, uint64_t& time);

    Context& context_;
    ImageEvents& images_;
    RawClock clock_;
    std::vector<PerfRing> maps_;     // by CPU, or none
    std::vector<PerfRing> samples_;  // likewise
    std::vector<Pending> pending_;   // in the order of time
    size_t next_ = 0;                // of pending_, not handed out
};

}  // namespace etw::kernel
