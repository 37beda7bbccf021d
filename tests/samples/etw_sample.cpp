// A program worth tracing, and the way to make one: threads that serve made-up requests against a
// small key-value store and say so in events. Four steps, marked below:
//
//   1. define a provider, the name under which sessions find the program
//   2. register it when the program starts
//   3. write events; while no session listens, each costs a load and a branch
//   4. unregister it at the end
//
//   c++ etw_sample.cpp -letw-provider -o etw-sample
//   tracelog -start Demo -f demo.etl -guid Openetw.Sample -level 5
//   ./etw-sample -count 5
//   tracelog -stop Demo
//   tracefmt demo.etl -displayonly
//
// The number of events written is exact and printed at the end, so that the program serves as a
// yardstick too.
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

// Step 1. The GUID is the one that tools derive from the name, so that sessions may ask for either:
// -guid Openetw.Sample or -guid 9c8aa14e-a87d-5683-128c-b93ebe825df2.
TRACELOGGING_DEFINE_PROVIDER(g_sample, "Openetw.Sample",
                             (0x9c8aa14e, 0xa87d, 0x5683, 0x12, 0x8c, 0xb9, 0x3e, 0xbe, 0x82, 0x5d,
                              0xf2));

namespace {

// Keywords are bits that a session chooses kinds of events by, levels (1 critical to 5 verbose) say
// how much it wants of them: "-level 2 -flag 0x2" records the misses alone.
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

// Step 3, the usual way. One self-describing event: its names and types are in the event, no
// manifest is needed. A request that misses is an error event of its own keyword, so that a session
// can ask for those alone.
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

// Step 3, the other way. The same as a manifest-style event: an id, and values whose meaning a
// manifest would tell.
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

constexpr char kUsage[] =
    "usage: etw-sample [-count N] [-rate R] [-threads T] [-manifest] [-pid-file FILE]\n";
constexpr char kHelp[] =
    "\n"
    "Serves made-up requests and writes one event for each, as provider Openetw.Sample\n"
    "{9c8aa14e-a87d-5683-128c-b93ebe825df2}. Prints how many events it has written.\n"
    "\n"
    "  -count N        requests of each thread (1000)\n"
    "  -rate R         requests of each thread a second; 0: as fast as can be (0)\n"
    "  -threads T      threads, 1 to 1024 (1)\n"
    "  -manifest       write the events with EventWrite instead of TraceLoggingWrite\n"
    "  -pid-file FILE  write the process id there once the provider is registered\n"
    "\n"
    "Events     level  keyword\n"
    "  Request      4      0x1  number, thread, key, seconds\n"
    "  Miss         2      0x2  number, thread, key: every 16th request\n"
    "\n"
    "To see them:\n"
    "  tracelog -start Demo -f demo.etl -guid Openetw.Sample -level 5\n"
    "  etw-sample -count 5\n"
    "  tracelog -stop Demo\n"
    "  tracefmt demo.etl -displayonly\n";

bool asks_for_help(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "-h" || name == "-help" || name == "--help" || name == "-?") return true;
    }
    return false;
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
    if (asks_for_help(argc, argv)) {
        std::printf("%s%s", kUsage, kHelp);
        return 0;
    }
    Options options;
    if (!parse(argc, argv, options)) {
        std::fprintf(stderr, "%s", kUsage);
        return 2;
    }
    // Step 2. Where a session has asked for the provider, it is enabled when this returns; where
    // none has, or where the library finds no host, the program goes on all the same.
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
    TraceLoggingUnregister(g_sample);  // step 4
    std::printf("written %llu\n", static_cast<unsigned long long>(written.load()));
    return 0;
}
