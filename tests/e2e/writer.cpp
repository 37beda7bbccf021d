// A traced program for the end-to-end tests: threads that write numbered events, so that what a log
// holds can be compared with what was written, event by event.
//
//   etw-test-writer [--threads N] [--count N] [--rate N] [--fill BYTES] [--wait] [--until] [--hold]
//                   [--fork]
//
// --count 0 writes until killed, or with --until until a line arrives. --rate is events per second
// and thread, 0 for as fast as it goes. Prints "ready" once registered; --wait then waits for a
// line on standard input before it writes, --hold for another one before it exits. With --fork a
// child, whose id it prints ("child <pid>"), writes as much once a session has enabled it anew, and
// exits before its parent does. Prints "written <events>" when all threads are done.
#include "support/fork_under_tsan.h"

#include <TraceLoggingProvider.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

TRACELOGGING_DEFINE_PROVIDER(g_provider, "Openetw.Test.Writer",
                             // {5f1c0b0e-6e5e-4f57-9a36-0d5a1c6f7e01}
                             (0x5f1c0b0e, 0x6e5e, 0x4f57, 0x9a, 0x36, 0x0d, 0x5a, 0x1c, 0x6f, 0x7e,
                              0x01));

namespace {

struct Options {
    unsigned threads = 1;
    unsigned long long count = 1000;
    unsigned long long rate = 0;
    size_t fill = 16;
    bool wait = false;
    bool until = false;
    bool hold = false;
    bool fork = false;
};

void wait_for_line() {
    for (int c = std::getchar(); c != '\n' && c != EOF;) c = std::getchar();
}

std::atomic<bool> g_enough = false;
std::atomic<unsigned long long> g_written = 0;

// Writes every millisecond what is due by then, so that a rate is an average, not a burst.
void write_events(const Options& options, unsigned thread) {
    const std::string fill(options.fill, char('a' + thread % 26));
    timespec start{};
    clock_gettime(CLOCK_MONOTONIC, &start);
    unsigned long long n = 0;
    for (; !g_enough && (options.count == 0 || n < options.count); ++n) {
        TraceLoggingWrite(g_provider, "Numbered", TraceLoggingLevel(4), TraceLoggingKeyword(1),
                          TraceLoggingUInt32(thread, "thread"), TraceLoggingUInt64(n, "sequence"),
                          TraceLoggingString(fill.c_str(), "fill"));
        if (options.rate == 0) continue;
        const unsigned long long due_ns = (n + 1) * 1000000000ull / options.rate;
        timespec now{};
        clock_gettime(CLOCK_MONOTONIC, &now);
        const auto elapsed_ns = (unsigned long long)((now.tv_sec - start.tv_sec) * 1000000000ll +
                                                     now.tv_nsec - start.tv_nsec);
        if (due_ns > elapsed_ns + 1000000) {
            const timespec pause{0, long(due_ns - elapsed_ns)};
            nanosleep(&pause, nullptr);
        }
    }
    g_written += n;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const auto number = [&] {
            return i + 1 < argc ? std::strtoull(argv[++i], nullptr, 10) : 0;
        };
        if (word == "--threads")
            options.threads = unsigned(number());
        else if (word == "--count")
            options.count = number();
        else if (word == "--rate")
            options.rate = number();
        else if (word == "--fill")
            options.fill = number();
        else if (word == "--wait")
            options.wait = true;
        else if (word == "--until")
            options.until = true;
        else if (word == "--hold")
            options.hold = true;
        else if (word == "--fork")
            options.fork = true;
        else
            return 2;
    }
    TraceLoggingRegister(g_provider);
    std::puts("ready");
    std::fflush(stdout);
    if (options.wait) wait_for_line();
    pid_t child = 0;
    if (options.fork) {
        child = fork();
        if (child == 0) {
            while (!TraceLoggingProviderEnabled(g_provider, 4, 1)) usleep(1000);
            write_events(options, 0);
            std::exit(0);
        }
        std::printf("child %d\n", int(child));
    }
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < options.threads; ++t) threads.emplace_back(write_events, options, t);
    if (options.until) {
        wait_for_line();
        g_enough = true;
    }
    for (auto& thread : threads) thread.join();
    std::printf("written %llu\n", g_written.load());
    std::fflush(stdout);
    if (child != 0) waitpid(child, nullptr, 0);
    if (options.hold) wait_for_line();
    TraceLoggingUnregister(g_provider);
    return 0;
}
