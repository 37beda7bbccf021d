// Process, Thread, CSwitch and ReadyThread.
#pragma once
#include "kernel/dispatch.h"
#include "kernel/programs/switch_ring.h"

#include <deque>
#include <unordered_map>
#include <unordered_set>

namespace etw::kernel {

// What task_newtask tells of: a process, or a thread of one.
bool is_process(uint64_t clone_flags);

// Programs that processes have turned to but whose events are still to come. On Linux a process
// begins as a copy of its parent and takes up its program afterwards; a Start that says what runs
// needs to look ahead.
class Execs {
public:
    // An exec's event lies in a page that was read: each processor's in their order.
    void expect(uint32_t pid, int64_t time, std::string file);
    // What /proc said right after an exec.
    void found(Process look);

    // Of the next exec of the process: its file, and what was found. Null: none is known.
    const std::string* next_file(uint32_t pid) const;
    const Process* next_look(uint32_t pid) const;
    // Its event has come.
    void done(uint32_t pid);

private:
    struct File {
        int64_t time;
        std::string path;
    };
    std::unordered_map<uint32_t, std::deque<File>> files_;  // in the order of time
    std::unordered_map<uint32_t, std::deque<Process>> looks_;
};

class TaskEvents {
public:
    TaskEvents(Context& context, Execs& execs) : context_(context), execs_(execs) {}

    // Processes and threads are followed whatever is recorded: other records need their ids.
    // False where the kernel lacks what the flags need.
    bool bind(Dispatch& dispatch);

    // Who else follows processes: called as one begins (with its parent) and has ended.
    std::function<void(uint32_t pid, uint32_t parent, const RawEvent&)> began;
    std::function<void(uint32_t pid, const RawEvent&)> ended;

    // Whether context switches are told by on_switch(), and not by the tracepoint.
    void set_switches_apart(bool apart) noexcept { switches_apart_ = apart; }
    void on_switch(const Switch& event);

    // What a process ends with, before its end is told.
    void found_exit(uint32_t process, int32_t status);

    // Records for all that is known to run, for the flags given: as the trace begins (DCStart) or
    // ends (DCEnd).
    void rundown(uint32_t flags, bool at_end, int64_t time);

private:
    void on_new_task(const RawEvent& event, uint32_t child, uint64_t flags, std::string_view name);
    void on_exec(const RawEvent& event, uint32_t pid, uint32_t old_thread, std::string_view file);
    void on_exit(const RawEvent& event, uint32_t thread, std::string_view name, bool is_last);
    void on_rename(const RawEvent& event, uint32_t thread, std::string_view name);
    void on_waking(const RawEvent& event, uint32_t thread);
    void set_program(Process& process, std::string_view file);
    void send_process(uint16_t hook, const Process& process, int64_t time, uint32_t cpu,
                      RecordIds ids, int32_t exit_status);
    int32_t take_exit_status(uint32_t process);
    void send_thread(uint16_t hook, const Thread& thread, int64_t time, uint32_t cpu,
                     RecordIds ids);

    Context& context_;
    Execs& execs_;
    std::unordered_map<uint32_t, int32_t> exit_statuses_;  // of processes whose ends are to come
    std::unordered_set<uint32_t> announced_;  // whose Start has told of their exec already
    bool switches_apart_ = false;
    std::vector<int64_t> left_at_;  // by thread: when it last left a processor; 0: never
};

}  // namespace etw::kernel
