// What the kernel's events say of processes and threads: names, and which thread belongs where.
#pragma once
#include "etw/event.h"
#include "etw/log_reader.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace etw::exports {

class ProcessNames {
public:
    struct Change {
        enum class What : uint8_t { kNothing, kProcess, kThread };
        What what = What::kNothing;
        uint32_t process = 0, thread = 0;
        uint32_t parent = 0;  // of a process
        bool starts = false;  // the id names another process or thread from now on
        std::string name;
        std::string command_line;
    };

    // Also learns which process a thread belongs to from the headers of events.
    Change learn(const etl::Record& record, const decode::Event& event);

    std::string_view process(uint32_t process) const;  // "" if unknown
    std::string_view thread(uint32_t thread) const;    // its own name, else its process's
    uint32_t process_of(uint32_t thread) const;        // kNoId if unknown

private:
    // A log can name as many ids as it has records: those after these many are not kept.
    static constexpr size_t kMaxKnown = 1 << 20;
    struct Thread {
        uint32_t process;
        std::string name;
    };
    Change learn_process(const decode::Event& event);
    Change learn_thread(const decode::Event& event);

    std::unordered_map<uint32_t, std::string> processes_;
    std::unordered_map<uint32_t, Thread> threads_;
};

}  // namespace etw::exports
