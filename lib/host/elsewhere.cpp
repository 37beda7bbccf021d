#include "host/elsewhere.h"

#include <fcntl.h>

#include <atomic>
#include <system_error>
#include <thread>

namespace etw::host {
namespace {

// Whoever passes files of a file system that hangs again and again shall not have all threads of
// the host: what exceeds this stays open, as it does with a thread that waits.
constexpr int kMostWaiting = 64;
std::atomic<int> g_waiting{0};

}  // namespace

bool is_of_memory(const UniqueFd& fd) noexcept {
    return !fd || ::fcntl(fd.get(), F_GET_SEALS) >= 0;
}

void close_elsewhere(UniqueFd fd) {
    if (is_of_memory(fd)) return;
    const int file = fd.release();
    if (g_waiting.fetch_add(1) < kMostWaiting) {
        try {
            std::thread([file] {
                UniqueFd(file).reset();
                --g_waiting;
            }).detach();
            return;
        } catch (const std::system_error&) {  // no thread is to be had: it stays open
        }
    }
    --g_waiting;
}

}  // namespace etw::host
