// Since when a thread is in a call on a file that its file system has not answered: by this others
// tell a disk that is slow from one that does not answer.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>

namespace etw {

class FileCallWatch {
public:
    // The calls of this thread show here from now on. Outlives the thread.
    void watch_this_thread() noexcept;
    // How long the present one has taken; zero: the thread is in none.
    std::chrono::nanoseconds unanswered() const noexcept;

private:
    friend class FileCall;
    std::atomic<int64_t> since_{0};  // ns on the steady clock; 0: in none
};

// While it lives, the thread that made it is in such a call. They may be nested: the end of an
// inner one is an answer, from which the outer one counts anew.
class FileCall {
public:
    FileCall() noexcept;
    FileCall(const FileCall&) = delete;
    FileCall& operator=(const FileCall&) = delete;
    ~FileCall();

private:
    bool nested_ = false;
};

}  // namespace etw
