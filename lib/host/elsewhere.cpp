#include "host/elsewhere.h"

#include <fcntl.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

namespace etw::host {
namespace {

// Whoever passes files of a file system that hangs again and again shall not have all threads of
// the host.
constexpr int kMostWaiting = 64;

// Never destroyed: who waits may do so longer than anything else of the program.
struct Waiting {
    std::mutex mutex;
    std::condition_variable fewer;
    int count = 0;  // guarded by mutex
};
Waiting& waiting() {
    static Waiting* const all = new Waiting;
    return *all;
}

bool too_many() {
    const std::lock_guard lock(waiting().mutex);
    return waiting().count >= kMostWaiting;
}

}  // namespace

Elsewhere::Elsewhere() noexcept {
    const std::lock_guard lock(waiting().mutex);
    ++waiting().count;
}

Elsewhere::~Elsewhere() {
    const std::lock_guard lock(waiting().mutex);
    --waiting().count;
    waiting().fewer.notify_all();
}

bool Elsewhere::all_done(std::chrono::milliseconds patience) {
    std::unique_lock lock(waiting().mutex);
    return waiting().fewer.wait_for(lock, patience, [] { return waiting().count == 0; });
}

Status run_elsewhere(std::function<void()> task) {
    const Error refused{Code::kNoSystemResources, "too many files that do not answer", 0};
    if (too_many()) return refused;
    try {
        std::thread([task = std::move(task), counted = std::make_unique<Elsewhere>()]() mutable {
            std::exchange(task, nullptr)();
        }).detach();
    } catch (const std::system_error&) {
        return refused;
    }
    return Ok{};
}

bool is_of_memory(const UniqueFd& fd) noexcept {
    return !fd || ::fcntl(fd.get(), F_GET_SEALS) >= 0;
}

void close_elsewhere(UniqueFd fd) {
    if (is_of_memory(fd)) return;
    const int file = fd.release();
    static_cast<void>(bool(run_elsewhere([file] { UniqueFd(file).reset(); })));
}

}  // namespace etw::host
