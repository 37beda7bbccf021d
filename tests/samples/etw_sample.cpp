// A program worth tracing: threads that serve made-up requests against a small key-value store, and
// say so in events of both kinds, self-describing and manifest-style. The number of events it has
// written is exact and printed at the end, so that it serves as a yardstick too.
//
//   etw-sample [-count N] [-rate R] [-threads T] [-manifest] [-pid-file FILE]
//
//   -count N       requests of each thread (1000); each writes one event
//   -rate R        requests of each thread a second; 0: as fast as can be (0)
//   -threads T     threads (1)
//   -manifest      write the events with EventWrite instead of TraceLoggingWrite
//   -pid-file FILE write the process id there once the provider is registered
#include <TraceLoggingProvider.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

// {0f2a6ab5-5d26-4f5c-9a10-3b4b1c2d7e61}
TRACELOGGING_DEFINE_PROVIDER(g_sample, "OpenEtw.Sample",
                             (0x0f2a6ab5, 0x5d26, 0x4f5c, 0x9a, 0x10, 0x3b, 0x4b, 0x1c, 0x2d, 0x7e,
                              0x61));

namespace {

constexpr uint64_t kKeywordRequests = 0x1;
constexpr uint64_t kKeywordErrors = 0x2;

struct Options {
    uint64_t count = 1000;
    uint64_t rate = 0;
    uint64_t threads = 1;
    bool manifest = false;
    std::string pid_file;
};

struct Request {
    uint64_t number;
    uint32_t thread;
    bool hit;
    std::string key;
    double seconds;
};

// One self-describing event: its names and types are in the event, no manifest is needed. A request
// that misses is an error event of its own keyword, so that a session can ask for those alone.
void report_self_describing(const Request& request) {
    if (request.hit) {
        TraceLoggingWrite(g_sample, "Request", TraceLoggingLevel(4),
                          TraceLoggingKeyword(kKeywordRequests),
                          TraceLoggingUInt64(request.number, "number"),
                          TraceLoggingUInt32(request.thread, "thread"),
                          TraceLoggingString(request.key.c_str(), "key"),
                          TraceLoggingFloat64(request.seconds, "seconds"));
    } else {
        TraceLoggingWrite(g_sample, "Miss", TraceLoggingLevel(2),
                          TraceLoggingKeyword(kKeywordErrors),
                          TraceLoggingUInt64(request.number, "number"),
                          TraceLoggingUInt32(request.thread, "thread"),
                          TraceLoggingString(request.key.c_str(), "key"));
    }
}

// The same as a manifest-style event: an id, and values whose meaning a manifest would tell.
void report_by_manifest(const Request& request) {
    EVENT_DESCRIPTOR descriptor;
    EventDescCreate(&descriptor, request.hit ? 1 : 2, 0, 0, request.hit ? 4 : 2, 1, 0,
                    request.hit ? kKeywordRequests : kKeywordErrors);
    EVENT_DATA_DESCRIPTOR data[3];
    EventDataDescCreate(&data[0], &request.number, sizeof(request.number));
    EventDataDescCreate(&data[1], &request.thread, sizeof(request.thread));
    EventDataDescCreate(&data[2], request.key.c_str(), uint32_t(request.key.size() + 1));
    EventWrite(g_sample->handle, &descriptor, 3, data);
}

void serve(const Options& options, uint32_t thread, std::atomic<uint64_t>& written) {
    // Everything below belongs to one activity: the events of this thread can be told apart.
    GUID activity;
    EventActivityIdControl(EVENT_ACTIVITY_CTRL_CREATE_ID, &activity);
    EventActivityIdControl(EVENT_ACTIVITY_CTRL_SET_ID, &activity);
    const auto start = std::chrono::steady_clock::now();
    for (uint64_t i = 0; i < options.count; ++i) {
        constexpr uint64_t kMissEvery = 16;
        const Request request = {i, thread, i % kMissEvery != 0, "key-" + std::to_string(i % 100),
                                 double(i) / 1000};
        (options.manifest ? report_by_manifest : report_self_describing)(request);
        written.fetch_add(1, std::memory_order_relaxed);
        if (options.rate != 0) {
            std::this_thread::sleep_until(
                start + std::chrono::nanoseconds(1'000'000'000 * (i + 1) / options.rate));
        }
    }
}

bool parse_number(const char* text, uint64_t& out) {
    const char* end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, out);
    return error == std::errc() && stop == end;
}

bool parse(int argc, char** argv, Options& options) {
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "-manifest") {
            options.manifest = true;
            continue;
        }
        if (i + 1 == argc) return false;
        const char* value = argv[++i];
        if (name == "-pid-file") {
            options.pid_file = value;
        } else if (name == "-count" || name == "-rate" || name == "-threads") {
            uint64_t& out = name == "-count"  ? options.count
                            : name == "-rate" ? options.rate
                                              : options.threads;
            if (!parse_number(value, out)) return false;
        } else {
            return false;
        }
    }
    return options.threads >= 1 && options.threads <= 1024;
}

bool write_pid_file(const std::string& path) {
    // Under another name first: who sees the file sees it whole.
    const std::string fresh = path + ".new";
    std::FILE* file = std::fopen(fresh.c_str(), "w");
    if (file == nullptr) return false;
    std::fprintf(file, "%d\n", int(::getpid()));
    return std::fclose(file) == 0 && std::rename(fresh.c_str(), path.c_str()) == 0;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    if (!parse(argc, argv, options)) {
        std::fprintf(stderr,
                     "usage: etw-sample [-count N] [-rate R] [-threads T] [-manifest] "
                     "[-pid-file FILE]\n");
        return 2;
    }
    TraceLoggingRegister(g_sample);
    if (!options.pid_file.empty() && !write_pid_file(options.pid_file)) {
        std::fprintf(stderr, "etw-sample: %s: cannot write\n", options.pid_file.c_str());
        return 1;
    }
    std::atomic<uint64_t> written{0};
    std::vector<std::thread> threads;
    for (uint32_t i = 0; i < options.threads; ++i) {
        threads.emplace_back([&options, i, &written] { serve(options, i, written); });
    }
    for (std::thread& thread : threads) thread.join();
    TraceLoggingUnregister(g_sample);
    std::printf("written %llu\n", static_cast<unsigned long long>(written.load()));
    return 0;
}
