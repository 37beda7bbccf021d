// Signals, of which each platform has its own.
#pragma once
#include <csignal>
#include <span>

namespace etw {

// A reader that closes its pipe is seen as a failed write, not as a signal that ends the process.
inline void ignore_closed_pipes() noexcept {
#ifdef SIGPIPE
    std::signal(SIGPIPE, SIG_IGN);
#endif
}

// A limit on the size of files (ulimit -f), too, is a failed write and no end.
inline void ignore_file_size_limits() noexcept {
#ifdef SIGXFSZ
    std::signal(SIGXFSZ, SIG_IGN);
#endif
}

// A process in the background of its terminal that reads from it goes on; the read then fails.
inline void ignore_background_reads() noexcept {
#ifdef SIGTTIN
    std::signal(SIGTTIN, SIG_IGN);
#endif
}

// The signals by which people and the system ask a process to end.
inline std::span<const int> end_signals() noexcept {
#ifdef SIGHUP
    static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
#else
    static constexpr int kSignals[] = {SIGINT, SIGTERM};
#endif
    return kSignals;
}

}  // namespace etw
