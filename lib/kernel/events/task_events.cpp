#include "kernel/events/task_events.h"

#include <algorithm>

namespace etw::kernel {
namespace {

constexpr uint16_t kProcessStart = 0x0301;
constexpr uint16_t kProcessEnd = 0x0302;
constexpr uint16_t kProcessRundown = 0x0303;
constexpr uint16_t kProcessEndRundown = 0x0304;
constexpr uint16_t kThreadStart = 0x0501;
constexpr uint16_t kThreadEnd = 0x0502;
constexpr uint16_t kThreadRundown = 0x0503;
constexpr uint16_t kThreadEndRundown = 0x0504;
constexpr uint16_t kSwitch = 0x0524;
constexpr uint16_t kReady = 0x0532;
constexpr uint16_t kThreadName = 0x0548;

constexpr uint64_t kCloneParent = 0x00008000;  // CLONE_* of linux/sched.h
constexpr uint64_t kCloneThread = 0x00010000;
constexpr int32_t kStillRunning = 259;
constexpr size_t kMaxLooks = 16384;
constexpr uint32_t kMaxThreadId = 1u << 22;  // PID_MAX_LIMIT

// The kernel's priorities (0..99 real time, highest first; 100..139 the nice values) on Windows'
// scale: 16..31 real time, 1..15 others with 8 in the middle, 0 idle.
int8_t priority_of(uint32_t thread, uint64_t priority) {
    if (thread == 0) return 0;
    const auto p = int32_t(std::min<uint64_t>(priority, 139));
    if (p < 100) return int8_t(31 - p * 15 / 99);
    return int8_t(std::clamp(8 - (p - 120) * 7 / 20, 1, 15));
}

// What a thread does that has left its processor: state and reason of the CSwitch class.
struct Left {
    int8_t state;
    int8_t reason;
};
enum ThreadState : int8_t { kReadyState = 1, kTerminated = 4, kWaiting = 5 };
enum WaitReason : int8_t {
    kExecutive = 0,
    kSuspended = 5,
    kUserRequest = 6,
    kPreempted = 32,
    kYield = 33
};

Left left_by(uint64_t state) {
    constexpr uint64_t kInterruptible = 0x01;
    constexpr uint64_t kStopped = 0x0C;  // also traced
    constexpr uint64_t kDead = 0x30;     // also zombie
    constexpr uint64_t kAll = 0xFF;
    if ((state & kAll) == 0) return {kReadyState, state != 0 ? kPreempted : kYield};
    if ((state & kDead) != 0) return {kTerminated, kExecutive};
    if ((state & kStopped) != 0) return {kWaiting, kSuspended};
    return {kWaiting, (state & kInterruptible) != 0 ? kUserRequest : kExecutive};
}

struct SwitchPayload {
    uint32_t new_thread;
    uint32_t old_thread;
    int8_t new_priority;
    int8_t old_priority;
    uint8_t previous_c_state;
    int8_t spare;
    int8_t old_wait_reason;
    int8_t old_wait_mode;  // 1: it waits for what its program asked for
    int8_t old_state;
    int8_t old_ideal_processor;
    uint32_t new_wait_time;  // milliseconds since it last ran; 0: not known
    uint32_t reserved;
};
static_assert(sizeof(SwitchPayload) == 24);

// TOKEN_USER with the SID of a Unix user, S-1-22-1-<uid>. The pointer is none; readers look only
// whether it is 0.
struct UserSid {
    uint64_t pointer = 1;
    uint64_t attributes = 0;
    uint8_t revision = 1;
    uint8_t parts = 2;
    uint8_t authority[6] = {0, 0, 0, 0, 0, 22};
    uint32_t part[2] = {1, 0};
};
static_assert(sizeof(UserSid) == 32);

}  // namespace

bool is_process(uint64_t clone_flags) { return (clone_flags & kCloneThread) == 0; }

// A process can turn to one program after the other on two processors.
void Execs::expect(uint32_t pid, int64_t time, std::string file) {
    auto& files = files_[pid];
    const auto later = std::find_if(files.begin(), files.end(),
                                    [time](const File& other) { return other.time > time; });
    files.insert(later, {time, std::move(file)});
}

void Execs::found(Process look) {
    if (looks_.size() >= kMaxLooks) looks_.clear();  // of execs whose events were lost
    auto& looks = looks_[look.pid];
    looks.push_back(std::move(look));
}

const std::string* Execs::next_file(uint32_t pid) const {
    const auto it = files_.find(pid);
    return it == files_.end() ? nullptr : &it->second.front().path;
}

const Process* Execs::next_look(uint32_t pid) const {
    const auto it = looks_.find(pid);
    return it == looks_.end() ? nullptr : &it->second.front();
}

void Execs::done(uint32_t pid) {
    const auto drop_first = [pid](auto& all) {
        const auto it = all.find(pid);
        if (it == all.end()) return;
        it->second.pop_front();
        if (it->second.empty()) all.erase(it);
    };
    drop_first(files_);
    drop_first(looks_);
}

bool TaskEvents::bind(Dispatch& dispatch) {
    bool all = dispatch.on("task", "task_newtask", [this](const Format& f) -> Dispatch::Handler {
        return [this, pid = f.field("pid"), flags = f.field("clone_flags"),
                name = f.field("comm")](const RawEvent& e) {
            on_new_task(e, uint32_t(e.number(pid)), e.number(flags), e.text(name));
        };
    });
    all &= dispatch.on("sched", "sched_process_exec", [this](const Format& f) -> Dispatch::Handler {
        return [this, pid = f.field("pid"), old = f.field("old_pid"),
                file = f.field("filename")](const RawEvent& e) {
            on_exec(e, uint32_t(e.number(pid)), uint32_t(e.number(old)), e.text(file));
        };
    });
    all &= dispatch.on("sched", "sched_process_exit", [this](const Format& f) -> Dispatch::Handler {
        return [this, pid = f.field("pid"), name = f.field("comm"),
                last = f.field("group_dead")](const RawEvent& e) {
            const auto thread = uint32_t(e.number(pid));
            // Kernels before 6.16 do not say which thread is the last.
            bool is_last = e.number(last) != 0;
            if (!last) {
                const uint32_t process = context_.tasks.process_of(thread);
                context_.tasks.remove_thread(thread);
                is_last = !context_.tasks.has_threads(process);
                context_.tasks.add_thread({thread, process, std::string(e.text(name))});
            }
            on_exit(e, thread, e.text(name), is_last);
        };
    });
    all &= dispatch.on("task", "task_rename", [this](const Format& f) -> Dispatch::Handler {
        return [this, pid = f.field("pid"), name = f.field("newcomm")](const RawEvent& e) {
            on_rename(e, pid ? uint32_t(e.number(pid)) : e.thread(), e.text(name));
        };
    });
    if (context_.has(kKernelContextSwitch)) {
        all &= dispatch.on("sched", "sched_switch", [this](const Format& f) -> Dispatch::Handler {
            return [this, old_thread = f.field("prev_pid"), new_thread = f.field("next_pid"),
                    old_priority = f.field("prev_prio"), new_priority = f.field("next_prio"),
                    old_state = f.field("prev_state")](const RawEvent& e) {
                if (switches_apart_) return;  // a provider's event, and no more
                on_switch({e.time, e.cpu, uint32_t(e.number(old_thread)),
                           uint32_t(e.number(new_thread)), uint32_t(e.number(old_priority)),
                           uint32_t(e.number(new_priority)), e.number(old_state)});
            };
        });
    }
    if (context_.has(kKernelDispatcher)) {
        for (const char* name : {"sched_waking", "sched_wakeup_new"}) {
            all &= dispatch.on("sched", name, [this](const Format& f) -> Dispatch::Handler {
                return [this, pid = f.field("pid")](const RawEvent& e) {
                    on_waking(e, uint32_t(e.number(pid)));
                };
            });
        }
    }
    return all;
}

void TaskEvents::on_new_task(const RawEvent& event, uint32_t child, uint64_t flags,
                             std::string_view name) {
    Tasks& tasks = context_.tasks;
    const RecordIds ids = context_.ids(event.thread());
    if (!is_process(flags)) {
        const Thread& thread = tasks.add_thread({child, ids.process, std::string(name)});
        if (context_.has(kKernelThread)) {
            send_thread(kThreadStart, thread, event.time, event.cpu, ids);
        }
        return;
    }
    tasks.remove(child);  // an id that is used again, whose end was lost
    Process process;
    process.pid = child;
    process.parent = ids.process;
    process.image = name;
    if (const Process* parent = tasks.find(ids.process)) {
        process.image = parent->image;
        process.command_line = parent->command_line;
        process.session = parent->session;
        process.uid = parent->uid;
        if ((flags & kCloneParent) != 0) process.parent = parent->parent;
    }
    if (const std::string* file = execs_.next_file(child)) {
        set_program(process, *file);
        announced_.insert(child);
    }
    const Process& added = tasks.add(std::move(process));
    const Thread& thread = tasks.add_thread({child, child, std::string(name)});
    if (context_.has(kKernelProcess)) {
        send_process(kProcessStart, added, event.time, event.cpu, ids, kStillRunning);
    }
    if (context_.has(kKernelThread)) {
        send_thread(kThreadStart, thread, event.time, event.cpu, ids);
    }
    if (began) began(child, ids.process, event);
}

void TaskEvents::found_exit(uint32_t process, int32_t status) {
    if (exit_statuses_.size() >= kMaxLooks) exit_statuses_.clear();  // whose ends were lost
    exit_statuses_[process] = status;
}

int32_t TaskEvents::take_exit_status(uint32_t process) {
    const auto found = exit_statuses_.extract(process);
    return found.empty() ? 0 : found.mapped();
}

void TaskEvents::set_program(Process& process, std::string_view file) {
    process.image = base_name(std::string(file));
    process.command_line = file;
    const Process* look = execs_.next_look(process.pid);
    if (look == nullptr) return;
    // A program that was gone before it could be looked at has no arguments there.
    if (!look->command_line.empty()) process.command_line = look->command_line;
    process.uid = look->uid;
    process.session = look->session;
}

void TaskEvents::on_exec(const RawEvent& event, uint32_t pid, uint32_t old_thread,
                         std::string_view file) {
    Tasks& tasks = context_.tasks;
    const RecordIds ids{pid, pid};
    if (old_thread != pid) {
        // The thread that calls exec becomes the first one, under that one's number; the others,
        // and the one that was the first, have ended before.
        if (const Thread* gone = tasks.find_thread(old_thread);
            gone && context_.has(kKernelThread)) {
            send_thread(kThreadEnd, *gone, event.time, event.cpu, ids);
        }
        tasks.remove_thread(old_thread);
        const Thread& first = tasks.add_thread({pid, pid, base_name(std::string(file))});
        if (context_.has(kKernelThread)) {
            send_thread(kThreadStart, first, event.time, event.cpu, ids);
        }
    }
    Process* process = tasks.find(pid);
    if (process == nullptr) {
        Process found;
        found.pid = pid;
        process = &tasks.add(std::move(found));
    }
    const bool announced = announced_.erase(pid) != 0;
    set_program(*process, file);
    execs_.done(pid);
    // A running process that turns to another program: what is known of it begins anew.
    if (!announced && context_.has(kKernelProcess)) {
        send_process(kProcessRundown, *process, event.time, event.cpu, ids, kStillRunning);
    }
}

void TaskEvents::on_exit(const RawEvent& event, uint32_t thread, std::string_view name,
                         bool is_last) {
    Tasks& tasks = context_.tasks;
    const RecordIds ids = context_.ids(thread);
    if (context_.has(kKernelThread)) {
        send_thread(kThreadEnd, {thread, ids.process, std::string(name)}, event.time, event.cpu,
                    ids);
    }
    tasks.remove_thread(thread);
    tasks.set_ended(event.cpu, {thread, ids.process, std::string(name)});
    if (!is_last) return;
    const int32_t exit_status = take_exit_status(ids.process);
    if (context_.has(kKernelProcess)) {
        Process unknown;
        unknown.pid = ids.process;
        unknown.image = name;
        const Process* process = tasks.find(ids.process);
        send_process(kProcessEnd, process != nullptr ? *process : unknown, event.time, event.cpu,
                     ids, exit_status);
    }
    if (ended) ended(ids.process, event);
    tasks.remove(ids.process);
}

void TaskEvents::on_rename(const RawEvent& event, uint32_t thread, std::string_view name) {
    const RecordIds ids = context_.ids(thread);
    context_.tasks.add_thread({thread, ids.process, std::string(name)});
    if (!context_.has(kKernelThread) || !context_.concerns(ids.process)) return;
    RecordBuilder(kThreadName, 2, event.time)
        .put(ids.process)
        .put(thread)
        .put_text(name)
        .send(context_.sink, event.cpu);
}

void TaskEvents::on_switch(const Switch& event) {
    const uint32_t old_thread = event.old_thread;
    const uint32_t new_thread = event.new_thread;
    const Left left = left_by(event.old_state);
    const uint32_t highest = std::max(old_thread, new_thread);
    if (highest < kMaxThreadId && highest >= left_at_.size()) left_at_.resize(highest + 1024);
    SwitchPayload payload{};
    payload.new_thread = new_thread;
    payload.old_thread = old_thread;
    payload.new_priority = priority_of(new_thread, event.new_priority);
    payload.old_priority = priority_of(old_thread, event.old_priority);
    payload.old_wait_reason = left.reason;
    payload.old_wait_mode = left.reason == kUserRequest ? 1 : 0;
    payload.old_state = left.state;
    payload.old_ideal_processor = int8_t(event.cpu);
    if (new_thread != 0 && new_thread < left_at_.size() && left_at_[new_thread] != 0) {
        payload.new_wait_time = context_.milliseconds(event.time - left_at_[new_thread]);
    }
    if (old_thread < left_at_.size()) left_at_[old_thread] = event.time;
    RecordBuilder(kSwitch, 4, event.time).put(payload).send(context_.sink, event.cpu);
}

void TaskEvents::on_waking(const RawEvent& event, uint32_t thread) {
    constexpr int8_t kUnwait = 1;
    constexpr uint8_t kExecutingDpc = 1;
    const bool in_interrupt = (event.context() & (kInHardIrq | kInSoftIrq)) != 0;
    RecordBuilder(kReady, 2, event.time)
        .put(thread)
        .put(kUnwait)
        .put(int8_t{0})
        .put(uint8_t(in_interrupt ? kExecutingDpc : 0))
        .put(int8_t{0})
        .send(context_.sink, event.cpu);
}

void TaskEvents::rundown(uint32_t flags, bool at_end, int64_t time) {
    if ((flags & kKernelProcess) != 0) {
        for (const auto& [pid, process] : context_.tasks.processes()) {
            send_process(at_end ? kProcessEndRundown : kProcessRundown, process, time, 0,
                         {pid, pid}, kStillRunning);
        }
    }
    if ((flags & kKernelThread) != 0) {
        for (const auto& [id, thread] : context_.tasks.threads()) {
            send_thread(at_end ? kThreadEndRundown : kThreadRundown, thread, time, 0,
                        {id, thread.process});
        }
    }
}

void TaskEvents::send_process(uint16_t hook, const Process& process, int64_t time, uint32_t cpu,
                              RecordIds ids, int32_t exit_status) {
    if (!context_.concerns(process.pid)) return;
    const bool rundown = hook == kProcessRundown || hook == kProcessEndRundown;
    LongRecordBuilder out =
        rundown ? LongRecordBuilder(hook, 4, time) : LongRecordBuilder(hook, 4, time, ids);
    UserSid sid;
    sid.part[1] = process.uid;
    out.put(process.key)
        .put(process.pid)
        .put(process.parent)
        .put(process.session)
        .put(exit_status)
        .put(uint64_t{0})  // its page tables, which no user may know
        .put(uint32_t{0})  // flags: none of what they say is to be had here
        .put(sid)
        .put_narrow(process.image);
    // Behind the command line come two empty texts.
    const size_t room = (context_.longest_record - out.size()) / sizeof(char16_t) - 2;
    out.put_text(process.command_line, room)
        .put_text("")  // neither package nor application ids
        .put_text("")
        .send(context_.sink, cpu);
}

void TaskEvents::send_thread(uint16_t hook, const Thread& thread, int64_t time, uint32_t cpu,
                             RecordIds ids) {
    if (!context_.concerns(thread.process)) return;
    struct Payload {
        uint32_t process = 0;
        uint32_t thread = 0;
        uint64_t stack_base = 0;  // the kernel does not tell where stacks are, nor what they run
        uint64_t stack_limit = 0;
        uint64_t user_stack_base = 0;
        uint64_t user_stack_limit = 0;
        uint64_t affinity = 0;
        uint64_t start_address = 0;
        uint64_t teb_base = 0;
        uint32_t service_tag = 0;
        int8_t base_priority = 8;
        uint8_t page_priority = 5;
        uint8_t io_priority = 2;
        uint8_t flags = 0;
    } payload;
    static_assert(sizeof(Payload) == 72);
    payload.process = thread.process;
    payload.thread = thread.id;
    RecordBuilder(hook, 3, time, ids).put(payload).put_text(thread.name).send(context_.sink, cpu);
}

}  // namespace etw::kernel
