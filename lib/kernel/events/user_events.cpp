#include "kernel/events/user_events.h"

#include "kernel/images/usdt.h"
#include "kernel/programs/futex_program.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace etw::kernel {
namespace {

using Kind = UserFunctionKind;

constexpr char kHeldAs[] = "calls";
constexpr uint16_t kAllocated = 0x1021;
constexpr uint16_t kReallocated = 0x1022;
constexpr uint16_t kFreed = 0x1024;
constexpr uint16_t kCollision = 0x1722;
constexpr uint16_t kStackWalk = 0x1820;
constexpr uint8_t kWithWaitTime = 3;  // version: what Windows has, and then how long it took
constexpr uint64_t kProcessHeap = 1;  // HeapHandle: a process has one heap here
constexpr uint32_t kMainPath = 3;     // SourceId: MEMORY_FROM_MAINPATH
constexpr size_t kMaxSizes = size_t{1} << 22;
constexpr size_t kMaxTold = size_t{1} << 16;
constexpr uint32_t kInheriting = 0x20;       // of a mutex's type
constexpr uint32_t kOwnerBits = 0x3FFFFFFF;  // of a lock that has its owner in it
constexpr uint32_t kMuslTypeBits = 0xF;

std::vector<uint64_t> stack_of(const UserCall& call) {
    const size_t count = std::min(size_t(call.stack_size) / sizeof(uint64_t), kMaxUserFrames);
    std::vector<uint64_t> out(call.stack, call.stack + count);
    std::erase(out, uint64_t{0});
    return out;
}

bool is_mutex(const UserCall& call) {
    const bool may_be_other = call.kind == Kind::kWaitForWord || call.kind == Kind::kWaitForFutex;
    return !may_be_other || call.lock_kind == LockKind::kMutex;
}

bool lends_priority(const UserCall& call) {
    if (is_mutex(call)) return (call.mutex.type & kInheriting) != 0;
    return call.kind == Kind::kWaitForFutex && call.lock_kind != LockKind::kWord;
}

struct LockWords {
    uint32_t lock = 0;
    uint32_t spins = 0;
    uint32_t owner = 0;
};
LockWords words_of(const UserCall& call) {
    const MutexWords& words = call.mutex;
    if (is_mutex(call)) return {words.lock, words.spins, words.owner};
    switch (call.lock_kind) {
        case LockKind::kRwlock:
            return {words.lock, 0, words.writer};
        case LockKind::kMuslMutex: {
            const uint32_t type = words.lock;
            const uint32_t lock = words.count;
            return {lock, 0, (type & kMuslTypeBits) != 0 ? lock & kOwnerBits : 0};
        }
        case LockKind::kInheritingWord:
            return {words.lock, 0, words.lock & kOwnerBits};
        default:
            return {words.lock, 0, 0};
    }
}

// Of those that still run.
std::vector<UserFunctions> functions_of(const TracedProcesses& processes) {
    std::vector<UserFunctions> out;
    for (const uint32_t pid : processes.pids) {
        auto functions = find_user_functions(processes.what, pid);
        if (functions) out.push_back({pid, std::move(*functions)});
    }
    return out;
}

// Of a function as it began, which is left out, or of a place.
UserStack stack_top_of(const UserCall& call) {
    constexpr bool kIsOnStack = this_machine() == Machine::kX86_64;  // the return address
    UserStack out;
    out.frame_pointer = call.frame_pointer;
    out.stack_pointer = out.words_at = call.stack_top;
    out.words = std::span(call.copy).first(size_t(call.copy_size) / sizeof(uint64_t));
    if (call.kind == Kind::kWaitBegins) {
        out.place = call.stack[0];
    } else {
        out.place = call.return_address;
        const bool is_function = call.kind != Kind::kWaitForFutex;
        if (kIsOnStack && is_function) out.stack_pointer += sizeof(uint64_t);
    }
    return out;
}

}  // namespace

Result<std::vector<UserFunction>> find_user_functions(TracedProcesses::What what, uint32_t pid) {
    if (what != TracedProcesses::What::kLocks) return find_heap_functions(pid);
    auto functions = find_lock_functions(pid);
    if (functions || functions.error().code != Code::kFileNotFound) return functions;
    const auto files = files_with_code(pid);
    const bool has_code = files && !files->empty();
    if (has_code && check_futexes()) return std::vector<UserFunction>{};
    return functions;
}

Status clear_breakpoints(uint32_t cpus, const CounterSource& counter,
                         const TracedProcesses& processes) {
    if (processes.what == TracedProcesses::What::kNothing) return Ok{};
    const auto set = watch_calls(cpus, counter, functions_of(processes));
    if (!set) return set.error();
    return Ok{};
}

Status UserEvents::set_up(uint32_t cpus, const TracedProcesses& processes, Holder& holder) {
    if (processes.what == TracedProcesses::What::kNothing) return Ok{};
    const std::vector<UserFunctions> found = functions_of(processes);
    std::vector<FutexWaits> waits;
    for (const UserFunctions& of : found) {
        if (processes.what != TracedProcesses::What::kLocks) break;
        const auto files = files_with_code(of.pid);
        if (!files) continue;
        frames_.add(of.pid, *files, of.functions);
        waits.push_back({of.pid, find_futex_code(*files)});
    }
    if (auto held = BpfProbe::adopt(holder, kHeldAs, cpus, counter_)) {
        probe_.emplace(std::move(*held));
        return Ok{};
    }
    ETW_TRY(auto probe, watch_calls(cpus, counter_, found));
    if (!waits.empty()) {
        const Status watched = watch_futexes(probe, waits);
        const auto has_functions = [](const UserFunctions& f) { return !f.functions.empty(); };
        // Without them, the functions tell what they can.
        if (!watched && !std::any_of(found.begin(), found.end(), has_functions)) return watched;
    }
    probe_.emplace(std::move(probe));
    probe_->hold(holder, kHeldAs);
    return Ok{};
}

bool UserEvents::detach_one(Holder& holder) {
    if (!probe_) return false;
    if (!std::exchange(is_let_go_, true)) {
        holder.let_go(kHeldAs);
        holder.settle();
    }
    return probe_->detach_one();
}

int64_t UserEvents::read(int64_t now) {
    if (pending_.wants(now)) take_all(now);
    return std::min(now, pending_.complete_until());
}

void UserEvents::take_all(int64_t now) {
    pending_.complete(now);
    if (!probe_) return;
    probe_->read([this](const ProbeRecord& record) { take(record); });
    if (const uint64_t lost = probe_->take_lost(); lost != 0) context_.sink.add_lost(lost);
    convert(now);
}

void UserEvents::take(const ProbeRecord& record) {
    constexpr size_t kLeast = offsetof(UserCall, stack);
    if (record.data.size() < kLeast) return;
    Call out{record.time, record.cpu, {record.thread, record.process}, {}};
    const size_t size = std::min(record.data.size(), sizeof(out.call));
    std::memcpy(&out.call, record.data.data(), size);
    out.call.stack_size = std::min<uint64_t>(out.call.stack_size, size - kLeast);
    if (size < sizeof(out.call)) out.call.copy_size = 0;
    out.call.copy_size = std::min<uint64_t>(out.call.copy_size, sizeof(out.call.copy));
    arrivals_.push_back(out);
}

void UserEvents::convert(int64_t now) {
    std::stable_sort(arrivals_.begin(), arrivals_.end(),
                     [](const Call& a, const Call& b) { return a.time < b.time; });
    const auto later = std::find_if(arrivals_.begin(), arrivals_.end(),
                                    [now](const Call& call) { return call.time > now; });
    find_what_goes_on();
    // What comes late, as the first ones do that are told before the session has begun, is moved to
    // where the stream is. Each to a time of its own: it is what a thread's stacks are known by.
    int64_t earliest = pending_.handed_out();
    for (auto call = arrivals_.begin(); call != later; ++call) {
        call->time = std::max(call->time, earliest);
        earliest = call->time + 1;
        convert(*call);
    }
    arrivals_.erase(arrivals_.begin(), later);
    pending_.sort();
}

// Of the waits of a thread for one time that a lock is taken, the last is told.
void UserEvents::find_what_goes_on() {
    std::unordered_set<uint32_t> going_on;
    for (auto call = arrivals_.rbegin(); call != arrivals_.rend(); ++call) {
        if (!is_of_locks(call->call.kind) || call->call.kind == Kind::kWaitForFutex) continue;
        if (call->call.kind == Kind::kWaitGoesOn) {
            going_on.insert(call->ids.thread);
        } else {
            call->goes_on = going_on.erase(call->ids.thread) != 0;
        }
    }
}

void UserEvents::convert(const Call& call) {
    switch (call.call.kind) {
        case Kind::kNone:
        case Kind::kWaitEnds:
        case Kind::kWaitIsOver:
        case Kind::kLockIsTried:
        case Kind::kWaitGoesOn:
            return;
        case Kind::kFree:
            return on_freed(call);
        case Kind::kWaitForLock:
        case Kind::kWaitForWord:
        case Kind::kWaitBegins:
            return on_waited(call);
        case Kind::kWaitForFutex:
            return send_wait(call);
        default:
            return on_allocated(call);
    }
}

void UserEvents::on_allocated(const Call& call) {
    const UserCall& c = call.call;
    const bool replaces = c.kind == Kind::kReallocate || c.kind == Kind::kReallocateArray;
    auto& sizes = sizes_[call.ids.process];
    uint64_t old_size = 0;  // not known
    if (replaces && c.address != 0) {
        if (const auto old = sizes.extract(c.address)) {
            old_size = old.mapped();
            --size_count_;
        }
    }
    if (c.result == 0) {  // realloc() to nothing
        begin(kFreed, call)
            .put(kProcessHeap)
            .put(c.address)
            .put(kMainPath)
            .send(pending_, call.cpu);
        return send_stack(call, stack_of(c));
    }
    if (size_count_ >= kMaxSizes) {
        sizes_.clear();
        size_count_ = 0;
    }
    size_count_ += sizes_[call.ids.process].insert_or_assign(c.result, c.size).second ? 1 : 0;
    if (replaces && c.address != 0) {
        begin(kReallocated, call)
            .put(kProcessHeap)
            .put(c.result)
            .put(c.address)
            .put(c.size)
            .put(old_size)
            .put(kMainPath)
            .send(pending_, call.cpu);
    } else {
        begin(kAllocated, call)
            .put(kProcessHeap)
            .put(c.size)
            .put(c.result)
            .put(kMainPath)
            .send(pending_, call.cpu);
    }
    send_stack(call, stack_of(c));
}

void UserEvents::on_freed(const Call& call) {
    const UserCall& c = call.call;
    size_count_ -= sizes_[call.ids.process].erase(c.address);
    begin(kFreed, call).put(kProcessHeap).put(c.address).put(kMainPath).send(pending_, call.cpu);
    // The kernel goes by frame pointers, which do not know the caller of a function that has just
    // begun; some kernels do all the same.
    std::vector<uint64_t> frames{c.return_address};
    const std::vector<uint64_t> stack = stack_of(c);
    const size_t known = stack.size() > 1 && stack[1] == c.return_address ? 2 : 1;
    for (size_t i = known; i < stack.size(); ++i) frames.push_back(stack[i]);
    send_stack(call, frames);
}

void UserEvents::on_waited(const Call& call) {
    const UserCall& c = call.call;
    if (c.is_for_same == 0) told_.erase(call.ids.thread);
    if (call.goes_on) return;
    // Told already where what was read ended between two waits.
    if (told_.size() >= kMaxTold) told_.clear();
    if (told_.insert(call.ids.thread).second) send_wait(call);
}

void UserEvents::send_wait(const Call& call) {
    const UserCall& c = call.call;
    const LockWords words = words_of(c);
    // A lock whose owner has died is nobody's: the kernel hands it out at once.
    if (lends_priority(c) && (words.lock & kOwnerBits) == 0) return;
    RecordBuilder(kCollision, kWithWaitTime, call.time, call.ids)
        .put(words.lock)
        .put(words.spins)
        .put(uint64_t{words.owner})
        .put(c.address)
        .put(c.duration_ns)
        .send(pending_, call.cpu);
    send_stack(call, frames_.find(call.ids.process, stack_top_of(c), stack_of(c)));
}

void UserEvents::send_stack(const Call& call, const std::vector<uint64_t>& frames) {
    if (frames.empty()) return;
    pending_.set_follows(true);
    RecordBuilder(kStackWalk, 2, call.time)
        .put(call.time)  // of the event that it belongs to
        .put(call.ids.process)
        .put(call.ids.thread)
        .append(std::as_bytes(std::span(frames)))
        .send(pending_, call.cpu);
    pending_.set_follows(false);
}

}  // namespace etw::kernel
