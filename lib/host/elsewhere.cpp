#include "host/elsewhere.h"

#include <fcntl.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

namespace etw::host {
namespace {

// Whoever passes files of a file system that hangs again and again shall not have all threads of
// the host, nor those of others.
constexpr size_t kMostOfOneUser = 128;  // twice the sessions that there may be

// Never destroyed: who waits may do so longer than anything else of the program.
struct Waiting {
    std::mutex mutex;
    std::condition_variable fewer;
    std::map<uid_t, size_t> threads;  // guarded by mutex; of users who have any
};
Waiting& waiting() {
    static Waiting* const all = new Waiting;
    return *all;
}

// A thread's place among its user's, as long as it lives.
class Place {
public:
    static std::unique_ptr<Place> take(uid_t whose) {
        const std::lock_guard lock(waiting().mutex);
        size_t& count = waiting().threads[whose];
        if (count >= kMostOfOneUser) return nullptr;
        ++count;
        return std::unique_ptr<Place>(new Place(whose));
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
        const std::lock_guard lock(waiting().mutex);
        const auto mine = waiting().threads.find(whose_);
        if (--mine->second == 0) waiting().threads.erase(mine);
        waiting().fewer.notify_all();
    }

private:
    explicit Place(uid_t whose) noexcept : whose_(whose) {}
    uid_t whose_;
};

}  // namespace

Status run_elsewhere(uid_t whose, std::function<void()> task) {
    const Error refused{Code::kNoSystemResources, "too many files that do not answer", 0};
    auto place = Place::take(whose);
    if (place == nullptr) return refused;
    try {
        std::thread([task = std::move(task), place = std::move(place)]() mutable {
            std::exchange(task, nullptr)();
        }).detach();
    } catch (const std::system_error&) {
        return refused;
    }
    return Ok{};
}

bool all_done_elsewhere(std::chrono::milliseconds patience) {
    std::unique_lock lock(waiting().mutex);
    return waiting().fewer.wait_for(lock, patience, [] { return waiting().threads.empty(); });
}

bool is_of_memory(const UniqueFd& fd) noexcept {
    return !fd || ::fcntl(fd.get(), F_GET_SEALS) >= 0;
}

void ForeignFd::close() noexcept {
    if (!fd_) return;
    if (is_of_memory(fd_)) return fd_.reset();
    const int file = fd_.release();
    static_cast<void>(bool(run_elsewhere(whose_, [file] { UniqueFd(file).reset(); })));
}

ForeignFds foreign(std::vector<UniqueFd> fds, uid_t whose) {
    ForeignFds out;
    out.reserve(fds.size());
    for (UniqueFd& fd : fds) out.emplace_back(std::move(fd), whose);
    return out;
}

}  // namespace etw::host
