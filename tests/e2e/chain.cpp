// A known chain of calls: main, outer, middle, leaf. Compiled with frame pointers. leaf makes the
// system call itself: functions of libc keep no frame pointer.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

namespace chain {

volatile long calls = 0;

// Sleeps for a millisecond.
[[gnu::always_inline]] inline long pause_a_little() {
    timespec span{0, 1'000'000};
#if defined(__x86_64__)
    long result = SYS_nanosleep;
    __asm__ volatile("syscall" : "+a"(result) : "D"(&span), "S"(nullptr) : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long number __asm__("x8") = SYS_nanosleep;
    register long first __asm__("x0") = long(&span);
    register long second __asm__("x1") = 0;
    __asm__ volatile("svc 0" : "+r"(first) : "r"(number), "r"(second) : "memory");
    return first;
#else
    return ::nanosleep(&span, nullptr);
#endif
}

[[gnu::noinline]] void leaf(int) { calls = calls + 1 + pause_a_little(); }

[[gnu::noinline]] void middle(int round) {
    leaf(round);
    calls = calls + 1;  // no jump in place of the call
}

[[gnu::noinline]] void outer(int round) {
    middle(round);
    calls = calls + 1;
}

}  // namespace chain

// chain ROUNDS
int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 1;
    for (int i = 0; i < rounds; ++i) chain::outer(i);
    return 0;
}
