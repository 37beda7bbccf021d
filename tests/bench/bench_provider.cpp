// What an event costs the application: the macro, the provider library and the ring of its CPU, in
// one process with a session host that only hands out the rings. Overwriting rings of 8 MiB a CPU
// (what scripts/bench gives the rival), so that no reader has to keep up.
#include "TraceLoggingProvider.h"
#include "evntprov.h"
#include "ring/writer.h"
#include "support/fake_host.h"

#include <benchmark/benchmark.h>

#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>
#include <vector>

TRACELOGGING_DEFINE_PROVIDER(g_enabled, "Openetw.Bench",
                             (0x4d8be6c0, 0x36c5, 0x4a5c, 0x8d, 0x0e, 0x0f, 0x1d, 0x1f, 0xf3, 0xb7,
                              0xa1));
TRACELOGGING_DEFINE_PROVIDER(g_disabled, "Openetw.Bench.Disabled",
                             (0x4d8be6c0, 0x36c5, 0x4a5c, 0x8d, 0x0e, 0x0f, 0x1d, 0x1f, 0xf3, 0xb7,
                              0xa2));

namespace etw {
namespace {

constexpr uint32_t kBlocks = 8;
constexpr uint32_t kBlockSize = 1u << 20;

// Keeps the calling thread on the n-th of the CPUs it may use.
class OnCpu {
public:
    explicit OnCpu(int n) {
        ::sched_getaffinity(0, sizeof(before_), &before_);
        int cpu = 0;
        for (int left = n % CPU_COUNT(&before_);; ++cpu) {
            if (CPU_ISSET(cpu, &before_) && left-- == 0) break;
        }
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        ::sched_setaffinity(0, sizeof(one), &one);
    }
    ~OnCpu() { ::sched_setaffinity(0, sizeof(before_), &before_); }
    OnCpu(const OnCpu&) = delete;
    OnCpu& operator=(const OnCpu&) = delete;

private:
    cpu_set_t before_;
};

void write_one(uint64_t n) {
    TraceLoggingWrite(g_enabled, "one", TraceLoggingLevel(4), TraceLoggingUInt32(uint32_t(n), "v"));
}

void write_three(uint64_t n) {
    TraceLoggingWrite(g_enabled, "three", TraceLoggingLevel(4), TraceLoggingUInt64(n, "a"),
                      TraceLoggingFloat64(double(n) * 0.5, "b"),
                      TraceLoggingString("0123456789abcdef", "c"));
}

template <void (*write)(uint64_t)>
void write_events(benchmark::State& state) {
    const OnCpu pinned(state.thread_index());
    // The first round through the ring meets pages that this process has not touched yet.
    for (uint64_t n = 0; n < 2 * kBlocks * kBlockSize / 128; ++n) write(n);
    uint64_t n = 0;
    for (auto _ : state) write(n++);
    state.SetItemsProcessed(int64_t(n));
}

BENCHMARK(write_events<write_one>)->Name("BM_Write/one/overwrite");
BENCHMARK(write_events<write_one>)->Name("BM_Write/one/overwrite")->Threads(1)->Threads(2);
BENCHMARK(write_events<write_three>)->Name("BM_Write/three/overwrite");

// Reads the whole of the rings on another CPU, as a host does that drains them.
class Reader {
public:
    explicit Reader(const ring::RingSet& set) : size_(set.geometry().set_size()) {
        base_ = static_cast<const uint64_t*>(
            ::mmap(nullptr, size_, PROT_READ, MAP_SHARED | MAP_POPULATE, set.fd().get(), 0));
        ETW_ASSERT(base_ != MAP_FAILED);
    }
    ~Reader() { ::munmap(const_cast<uint64_t*>(base_), size_); }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    void read() const {
        std::thread([this] {
            const OnCpu pinned(0);
            uint64_t sum = 0;
            for (size_t i = 0; i < size_ / sizeof(*base_); i += 8) sum += base_[i];
            benchmark::DoNotOptimize(sum);
        }).join();
    }

private:
    const uint64_t* base_;
    size_t size_;
};

const ring::RingSet* g_rings;

// Bursts into memory that another CPU has just read.
template <void (*write)(uint64_t)>
void write_read(benchmark::State& state) {
    constexpr uint64_t kBurst = 8000;
    const OnCpu pinned(1);
    const Reader reader(*g_rings);
    for (uint64_t n = 0; n < 2 * kBlocks * kBlockSize / 128; ++n) write(n);
    std::vector<double> taken;
    for (auto _ : state) {
        reader.read();
        const auto start = std::chrono::steady_clock::now();
        for (uint64_t n = 0; n < kBurst; ++n) write(n);
        const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
        state.SetIterationTime(time.count());
        taken.push_back(time.count() / kBurst * 1e9);
    }
    std::sort(taken.begin(), taken.end());
    state.counters["median_ns"] = taken[taken.size() / 2];
    state.counters["tenth_ns"] = taken[taken.size() / 10];
}
BENCHMARK(write_read<write_one>)->Name("BM_Write/one/read")->UseManualTime()->Iterations(300);
BENCHMARK(write_read<write_three>)->Name("BM_Write/three/read")->UseManualTime()->Iterations(300);

void BM_Disabled(benchmark::State& state) {
    uint32_t n = 0;
    for (auto _ : state) {
        TraceLoggingWrite(g_disabled, "one", TraceLoggingLevel(4), TraceLoggingUInt32(n, "v"));
        benchmark::DoNotOptimize(++n);
    }
}
BENCHMARK(BM_Disabled);

// Events with ids: of a provider that nobody has enabled, and such as a filter of ids leaves out.
REGHANDLE g_ids_disabled, g_ids_filtered;

void write_id(benchmark::State& state, REGHANDLE handle) {
    const EVENT_DESCRIPTOR descriptor = {1, 0, 0, 4, 0, 0, 1};
    uint32_t n = 0;
    EVENT_DATA_DESCRIPTOR data;
    EventDataDescCreate(&data, &n, sizeof(n));
    for (auto _ : state) {
        EventWrite(handle, &descriptor, 1, &data);
        benchmark::DoNotOptimize(++n);
    }
}
void BM_IdDisabled(benchmark::State& state) { write_id(state, g_ids_disabled); }
void BM_IdFiltered(benchmark::State& state) { write_id(state, g_ids_filtered); }
BENCHMARK(BM_IdDisabled);
BENCHMARK(BM_IdFiltered);

// The ring alone, without the library that builds the record.
void BM_Ring(benchmark::State& state) {
    const OnCpu pinned(0);
    const auto cpus = uint32_t(::sysconf(_SC_NPROCESSORS_CONF));
    const auto set = *ring::RingSet::create({cpus, kBlocks, kBlockSize, wire::kRingOverwrite});
    const size_t size = set.geometry().set_size();
    void* base =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, set.fd().get(), 0);
    ETW_ASSERT(base != MAP_FAILED);
    ring::WriterMap map;
    map.describe(static_cast<std::byte*>(base), set.geometry());
    map.generation = 1;
    alignas(16) std::byte bytes[4096] = {};
    const auto record_size = uint32_t(state.range(0));
    for (auto _ : state) {
        ring::Record record{&map, 1, bytes, nullptr, record_size, 0, record_size, 16};
        benchmark::DoNotOptimize(ring::write_record(record));
    }
    state.SetBytesProcessed(state.iterations() * record_size);
    ::munmap(base, size);
}
BENCHMARK(BM_Ring)->Arg(80)->Arg(168)->Arg(512)->Arg(4096);

// Registers while the host is served, as in life.
template <class F>
void register_with(provider::FakeHost& host, F register_provider) {
    const size_t known = host.registered.size();
    std::atomic<bool> done = false;
    std::thread application([&] {
        register_provider();
        done = true;
    });
    const bool answered = host.serve_until([&] { return done && host.registered.size() > known; });
    application.join();
    ETW_ASSERT(answered);
}

}  // namespace
}  // namespace etw

int main(int argc, char** argv) {
    using namespace etw;
    benchmark::Initialize(&argc, argv);
    provider::runtime_dir();
    {
        provider::FakeHost host(true, kBlocks, kBlockSize, wire::kRingOverwrite);
        const GUID ids = {
            0x4d8be6c0, 0x36c5, 0x4a5c, {0x8d, 0x0e, 0x0f, 0x1d, 0x1f, 0xf3, 0xb7, 0xa3}};
        const auto register_ids = [&](REGHANDLE& handle) {
            register_with(host, [&] { EventRegister(&ids, nullptr, nullptr, &handle); });
        };
        register_with(host, [] { TraceLoggingRegister(g_enabled); });
        host.enable.events = {wire::IdFilterMode::kOnly, 2, {2, 65}};
        register_ids(g_ids_filtered);
        host.enable_at_registration = false;
        register_with(host, [] { TraceLoggingRegister(g_disabled); });
        register_ids(g_ids_disabled);
        ETW_ASSERT(TraceLoggingProviderEnabled(g_enabled, 4, 0));
        ETW_ASSERT(!TraceLoggingProviderEnabled(g_disabled, 4, 0));
        g_rings = &host.ring_set();
        benchmark::RunSpecifiedBenchmarks();
    }
    std::filesystem::remove_all(provider::runtime_dir());
    return 0;
}
