// Waits in ways of C++ and of libraries that are no pthreads locks, as often as it is told to. A
// line "KIND N" is answered by "done", the address of what was waited for and who waited. What is
// waited for comes when the other thread sleeps for it. Knows nothing of tracing.
#include <fcntl.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>

namespace {

std::counting_semaphore<> counting{0};
std::atomic<int> number{0};
sem_t posix;
std::mutex mutex;
std::condition_variable condition;
bool is_true = false;

bool sleeps(int thread) {
    char text[256] = {};
    const std::string path = "/proc/self/task/" + std::to_string(thread) + "/syscall";
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const bool is_read = ::read(file, text, sizeof(text) - 1) > 0;
    ::close(file);
    return is_read && std::atol(text) == SYS_futex;
}

__attribute__((noinline)) void wait_once(const std::string& kind) {
    if (kind == "counting") counting.acquire();
    if (kind == "atomic") number.wait(0);
    if (kind == "posix") ::sem_wait(&posix);
    if (kind == "condition") {
        std::unique_lock lock(mutex);
        condition.wait(lock, [] { return is_true; });
        is_true = false;
    }
}

void* end_wait(const std::string& kind) {
    if (kind == "counting") {
        counting.release();
        return &counting;
    }
    if (kind == "atomic") {
        number = 1;
        number.notify_one();
        return &number;
    }
    if (kind == "posix") {
        ::sem_post(&posix);
        return &posix;
    }
    {
        const std::lock_guard lock(mutex);
        is_true = true;
    }
    condition.notify_one();  // who has waited finds the mutex free
    return &condition;
}

}  // namespace

int main() {
    ::sem_init(&posix, 0, 0);
    std::cout << "ready" << std::endl;
    std::string kind;
    for (int count = 0; std::cin >> kind >> count;) {
        std::atomic<int> waiter{0};
        const void* address = nullptr;
        for (int i = 0; i < count; ++i) {
            number = 0;
            waiter = 0;
            std::thread thread([&] {
                waiter = int(::syscall(SYS_gettid));
                wait_once(kind);
            });
            while (waiter == 0 || !sleeps(waiter)) ::usleep(100);
            address = end_wait(kind);
            // Without a wait for its end.
            while (::access(("/proc/self/task/" + std::to_string(waiter)).c_str(), F_OK) == 0)
                ::usleep(100);
            thread.join();
        }
        std::printf("done %p %d 0 0\n", address, int(waiter));
        std::fflush(stdout);
    }
    return 0;
}
