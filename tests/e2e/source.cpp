// A traced program that does what it is told, line by line on standard input, for the tests of what
// happens where events are written:
//
//   write ID COUNT      manifest events of that id; keyword 1, level 4; the payload is a number
//   describe COUNT      self-describing events "Described"
//   private ID COUNT    as write, with EVENT_WRITE_FLAG_INPRIVATE
//   dynamic COUNT       self-describing events "Made", described by what EventWrite is given
//   plain COUNT         manifest events of id 1 without a keyword
//   signal | alternate  one "Described" from a signal handler, on the thread's stack or on another
//   again               registers the same provider once more
//   time ID COUNT       as write, and says how many nanoseconds one took
//
// Answers each with "done". Every call of the enable callback is a line of its own:
// "callback SOURCE IS_ENABLED LEVEL ANY ALL".
#include <TraceLoggingProvider.h>
#include <evntprov.h>
#include <signal.h>
#include <time.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

// {5f1c0b0e-6e5e-4f57-9a36-0d5a1c6f7e02}
TRACELOGGING_DEFINE_PROVIDER(g_described, "Openetw.Test.Source",
                             (0x5f1c0b0e, 0x6e5e, 0x4f57, 0x9a, 0x36, 0x0d, 0x5a, 0x1c, 0x6f, 0x7e,
                              0x02));
// {5f1c0b0e-6e5e-4f57-9a36-0d5a1c6f7e03}
static const GUID kManifest = {
    0x5f1c0b0e, 0x6e5e, 0x4f57, {0x9a, 0x36, 0x0d, 0x5a, 0x1c, 0x6f, 0x7e, 0x03}};
static REGHANDLE g_manifest;

static void say(const std::string& line) {
    std::fputs((line + "\n").c_str(), stdout);
    std::fflush(stdout);
}

static void on_enable(LPCGUID source, ULONG is_enabled, UCHAR level, ULONGLONG any, ULONGLONG all,
                      PEVENT_FILTER_DESCRIPTOR, PVOID) {
    char line[128];
    std::snprintf(line, sizeof(line), "callback %08x %u %u 0x%" PRIx64 " 0x%" PRIx64,
                  unsigned(source->Data1), unsigned(is_enabled), unsigned(level), uint64_t(any),
                  uint64_t(all));
    say(line);
}

// Not inlined and not a tail call: a frame of its own.
extern "C" __attribute__((noinline)) void source_describe(uint32_t number) {
    TraceLoggingWrite(g_described, "Described", TraceLoggingLevel(4), TraceLoggingKeyword(1),
                      TraceLoggingUInt32(number, "number"));
    asm volatile("");
}

extern "C" __attribute__((noinline)) void source_write(USHORT id, ULONGLONG keyword,
                                                       uint32_t number) {
    EVENT_DESCRIPTOR descriptor;
    EVENT_DATA_DESCRIPTOR data;
    EventDescCreate(&descriptor, id, 0, 0, 4, 0, 0, keyword);
    EventDataDescCreate(&data, &number, sizeof(number));
    EventWrite(g_manifest, &descriptor, 1, &data);
    asm volatile("");
}

static void write_private(USHORT id, uint32_t number) {
    EVENT_DESCRIPTOR descriptor;
    EVENT_DATA_DESCRIPTOR data;
    EventDescCreate(&descriptor, id, 0, 0, 4, 0, 0, 1);
    EventDataDescCreate(&data, &number, sizeof(number));
    EventWriteEx(g_manifest, &descriptor, 0, EVENT_WRITE_FLAG_INPRIVATE, nullptr, nullptr, 1,
                 &data);
}

static void write_dynamic(uint32_t number) {
    static const char traits[] = "\x17\0Openetw.Test.Dynamic";
    static const char event[] = "\x10\0\0Made\0number\0\x08";
    static_assert(sizeof(traits) == 0x17 && sizeof(event) == 0x10 + 1);
    BOOLEAN typed = TRUE;
    EventSetInformation(g_manifest, EventProviderUseDescriptorType, &typed, sizeof(typed));
    EVENT_DESCRIPTOR descriptor;
    EVENT_DATA_DESCRIPTOR data[3];
    EventDescCreate(&descriptor, 0, 0, 11, 4, 0, 0, 1);
    EventDataDescCreate(&data[0], traits, sizeof(traits));
    data[0].Reserved = EVENT_DATA_DESCRIPTOR_TYPE_PROVIDER_METADATA;
    EventDataDescCreate(&data[1], event, sizeof(event) - 1);
    data[1].Reserved = EVENT_DATA_DESCRIPTOR_TYPE_EVENT_METADATA;
    EventDataDescCreate(&data[2], &number, sizeof(number));
    EventWrite(g_manifest, &descriptor, 3, data);
}

static void on_signal(int) { source_describe(0); }

static void raise_signal(bool alternate) {
    static char stack[64 * 1024];
    stack_t other{};
    other.ss_sp = stack;
    other.ss_size = sizeof(stack);
    other.ss_flags = alternate ? 0 : SS_DISABLE;
    sigaltstack(&other, nullptr);
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGUSR1, &action, nullptr);
    raise(SIGUSR1);
}

static void time_writes(USHORT id, uint32_t count) {
    timespec start{}, end{};
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (uint32_t i = 0; i < count; ++i) source_write(id, 1, i);
    clock_gettime(CLOCK_MONOTONIC, &end);
    const double ns = double(end.tv_sec - start.tv_sec) * 1e9 + double(end.tv_nsec - start.tv_nsec);
    say("time " + std::to_string(ns / count));
}

static bool obey(const std::string& line) {
    std::istringstream in(line);
    std::string word;
    uint32_t first = 0, second = 0;
    in >> word >> first >> second;
    if (word == "write") {
        for (uint32_t i = 0; i < second; ++i) source_write(USHORT(first), 1, i);
    } else if (word == "private") {
        for (uint32_t i = 0; i < second; ++i) write_private(USHORT(first), i);
    } else if (word == "dynamic") {
        for (uint32_t i = 0; i < first; ++i) write_dynamic(i);
    } else if (word == "plain") {
        for (uint32_t i = 0; i < first; ++i) source_write(1, 0, i);
    } else if (word == "describe") {
        for (uint32_t i = 0; i < first; ++i) source_describe(i);
    } else if (word == "signal" || word == "alternate") {
        raise_signal(word == "alternate");
    } else if (word == "again") {
        REGHANDLE other = 0;
        EventRegister(&kManifest, on_enable, nullptr, &other);
    } else if (word == "time") {
        time_writes(USHORT(first), second);
    } else {
        return false;
    }
    return true;
}

int main() {
    EventRegister(&kManifest, on_enable, nullptr, &g_manifest);
    TraceLoggingRegister(g_described);
    say("ready");
    for (std::string line; std::getline(std::cin, line);) {
        if (!obey(line)) return 2;
        say("done");
    }
    TraceLoggingUnregister(g_described);
    EventUnregister(g_manifest);
    return 0;
}
