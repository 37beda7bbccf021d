#include "base/file_call.h"

namespace etw {
namespace {

thread_local FileCallWatch* t_watch = nullptr;

int64_t now_ns() noexcept {
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void FileCallWatch::watch_this_thread() noexcept { t_watch = this; }

std::chrono::nanoseconds FileCallWatch::unanswered() const noexcept {
    const int64_t since = since_.load(std::memory_order_relaxed);
    return std::chrono::nanoseconds(since == 0 ? 0 : now_ns() - since);
}

FileCall::FileCall() noexcept {
    if (t_watch == nullptr) return;
    nested_ = t_watch->since_.load(std::memory_order_relaxed) != 0;
    t_watch->since_.store(now_ns(), std::memory_order_relaxed);
}

FileCall::~FileCall() {
    if (t_watch != nullptr)
        t_watch->since_.store(nested_ ? now_ns() : 0, std::memory_order_relaxed);
}

}  // namespace etw
