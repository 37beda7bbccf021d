// Which process every thread belongs to and what is known of processes: from /proc for those that
// ran before, from the events since.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace etw::kernel {

struct Process {
    uint32_t pid = 0;
    uint32_t parent = 0;
    uint32_t session = 0;  // id of its session leader
    uint32_t uid = 0;
    uint64_t key = 0;          // of no other process of the trace
    std::string image;         // base name of the executable; of a kernel thread its name
    std::string command_line;  // arguments, parted by spaces; empty: none or not known
};

struct Thread {
    uint32_t id = 0;
    uint32_t process = 0;
    std::string name;
};

// What /proc says of a process now. Nothing when it is gone.
std::optional<Process> look_at(uint32_t pid);
// What changes as a process turns to another program: arguments, user, session. Just the id of one
// that is gone.
Process look_at_program(uint32_t pid);
// "/usr/bin/make" to "make".
std::string base_name(const std::string& path);

class Tasks {
public:
    // Takes in all that run now. What is known of others stays. `found` is told of each at once,
    // while it is likely to be there still.
    void scan(const std::function<void(uint32_t)>& found = {});

    Process* find(uint32_t pid);
    const Thread* find_thread(uint32_t id) const;
    // Of a thread that is not known: a process of its own, what a thread is until it makes others.
    uint32_t process_of(uint32_t thread) const;
    // With the thread that a process begins with, if it has none.
    Process& add(Process process);
    const Thread& add_thread(Thread thread);
    void remove_thread(uint32_t id);
    // A thread runs on for a while where it has ended, and the kernel has taken its number back.
    void set_ended(uint32_t cpu, const Thread& thread) { last_ended_[cpu] = thread; }
    // The last one there. Null: none has.
    const Thread* last_ended(uint32_t cpu) const;
    void remove(uint32_t pid);  // with its threads
    bool has_threads(uint32_t pid) const { return threads_of_.contains(pid); }

    // In the order of their ids.
    const std::map<uint32_t, Process>& processes() const noexcept { return processes_; }
    std::map<uint32_t, Thread> threads() const;

private:
    std::map<uint32_t, Process> processes_;
    std::unordered_map<uint32_t, Thread> threads_;
    std::unordered_map<uint32_t, std::unordered_set<uint32_t>> threads_of_;  // none is empty
    std::unordered_map<uint32_t, Thread> last_ended_;                        // by processor
    uint64_t last_key_ = 0;
};

}  // namespace etw::kernel
