// The private session of this process: its rings in the process's own memory, its log written by a
// thread of its own. It needs the host to begin and to end; in between it lives without one.
//
// Threads: the agent (with the library's lock) begins and ends it and passes on what the host asks;
// the private thread alone drains the rings and touches the log. They meet in two short queues.
//
//   end   the agent clears the entries and detaches the rings, after which no writer is in them;
//         the thread drains them for the last time, gives the log its final header and is gone;
//         the agent frees the memory
#pragma once
#include "provider/state.h"

namespace etw::provider {

// A log as the host hands it over: the file, taken over, and the bytes that it is to begin with.
struct HandedLog {
    int fd;
    const std::byte* front;
    size_t front_size;
};

// All with the library's lock.
void start_private(uint32_t host, const wire::PrivateStart& start, const HandedLog& log) noexcept;
void control_private(uint32_t host, const wire::PrivateControl& control,
                     const HandedLog& log) noexcept;
// To a host that has just said Welcome: the session that its predecessor began.
void report_private(uint32_t host) noexcept;
// What the thread has answered goes to the host; a session whose log is full ends.
void send_private_answers() noexcept;
// Of detach_session(): no thread of the process writes to it any more; its thread finishes the log.
void detach_private(SessionSlot& slot) noexcept;
// In a forked child, which has no private session: another process, another log.
void forget_private() noexcept;

// Where restartable sequences cannot be had. Async-signal-safe.
uint32_t append_private(SessionSlot& slot, uint64_t generation, const SocketEvent& event) noexcept;

}  // namespace etw::provider
