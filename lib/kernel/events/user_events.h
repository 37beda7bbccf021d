// Heap and CritSec: what processes allocate and free, and where they wait for locks.
#pragma once
#include "kernel/dispatch.h"
#include "kernel/events/pending_records.h"
#include "kernel/images/user_frames.h"
#include "kernel/programs/user_program.h"

#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace etw::kernel {

// What a session records of some processes by breakpoints in their memory.
struct TracedProcesses {
    enum class What : uint8_t { kNothing, kHeap, kLocks };
    What what = What::kNothing;
    std::vector<uint32_t> pids;  // that run
};

// Whether the process has what is to be traced; see user_functions.h.
Result<std::vector<UserFunction>> find_user_functions(TracedProcesses::What what, uint32_t pid);

// Takes out all of our breakpoints that are left in these processes and that nobody holds: the
// kernel does so where they have been set once more and are taken out.
Status clear_breakpoints(uint32_t cpus, const CounterSource& counter,
                         const TracedProcesses& processes);

class UserEvents {
public:
    UserEvents(Context& context, const CounterSource& counter)
        : context_(context), counter_(counter) {}

    // Has the kernel tell, or goes on with what a predecessor had it tell. Processes that end
    // meanwhile have nothing to tell.
    Status set_up(uint32_t cpus, const TracedProcesses& processes, Holder& holder);
    std::vector<int> fds() const { return probe_ ? probe_->fds() : std::vector<int>{}; }
    // What was read is not for a successor any more.
    void give_back() {
        if (probe_) probe_->give_back();
    }
    // Calls that were read, and events made of them, that have not been handed out.
    uint64_t count_rest() const noexcept { return arrivals_.size() + pending_.count(); }
    // Takes out one breakpoint, or those of one kind; what was told by it is still to be read.
    // False: none is left, and the processes are as they were.
    bool detach_one(Holder& holder);
    // Takes what the rings hold. Calls that were told up to `now`, which was taken before, become
    // records. Unless too many wait to be handed out: returns the time up to which all has been
    // taken, at most `now`.
    int64_t read(int64_t now);
    // Also then.
    void take_all(int64_t now);
    PendingRecords& pending() noexcept { return pending_; }

    // What read() takes, and what it makes of it: for tests.
    void take(const ProbeRecord& record);
    void convert(int64_t now);

private:
    struct Call {
        int64_t time = 0;
        uint32_t cpu = 0;
        RecordIds ids;
        UserCall call{};
        bool goes_on = false;  // a wait that another one for the same follows
    };
    void find_what_goes_on();
    void convert(const Call& call);
    void on_allocated(const Call& call);
    void on_freed(const Call& call);
    void on_waited(const Call& call);
    void send_wait(const Call& call);
    void send_stack(const Call& call, const std::vector<uint64_t>& frames);
    RecordBuilder begin(uint16_t hook, const Call& call) const {
        return RecordBuilder(hook, 2, call.time, call.ids);
    }

    Context& context_;
    CounterSource counter_;
    std::optional<BpfProbe> probe_;
    bool is_let_go_ = false;  // nobody holds it but this process
    UserFrames frames_;
    std::vector<Call> arrivals_;  // taken, later than what was converted
    PendingRecords pending_;
    // Sizes of what was allocated, by process and address.
    std::unordered_map<uint32_t, std::unordered_map<uint64_t, uint64_t>> sizes_;
    size_t size_count_ = 0;
    std::unordered_set<uint32_t> told_;  // threads whose last wait was
};

}  // namespace etw::kernel
