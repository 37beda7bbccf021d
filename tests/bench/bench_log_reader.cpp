// Records read per second, headers only, one thread. Input: (1) a log of 2 processors in 64 KB
// buffers with events of 80 + 20 bytes, the two processors taking turns at random, runs of 1 to 8;
// (2) a compressed log of 168,298 records that Windows wrote, 8 processors.
#include "base/byte_writer.h"
#include "etl/log_writer.h"
#include "etw/log_reader.h"

#include <benchmark/benchmark.h>

#include <filesystem>
#include <random>

namespace etw::etl {
namespace {

constexpr uint32_t kBufferSize = 64 * 1024;
constexpr uint64_t kRecords = 2'000'000;
const std::string kRealFile = ETW_SHARED_DIR "/data/etl/microsoft.net.4.5.2.x86.etl";

void append_event(ByteWriter& out, int64_t time) {
    wire::EventHeader header{};
    header.size = sizeof(header) + 20;
    header.header_type = uint8_t(wire::HeaderType::kEvent64);
    header.marker = wire::kMarkerEvent;
    header.time_stamp = time;
    header.descriptor.id = 7;
    out.write(header);
    out.append(std::array<std::byte, 24>{});
}

std::string make_log() {
    const std::string path = std::filesystem::temp_directory_path() / "etw_bench_log_reader.etl";
    LogFileInfo info;
    info.buffer_size = kBufferSize;
    info.processors = 2;
    info.perf_frequency = 10'000'000;
    auto log = LogWriter::create(*File::create(path, true), info, 0);
    ETW_ASSERT(bool(log));
    std::mt19937 random(1);
    ByteWriter filling[2];
    int64_t time = 0;
    const auto flush = [&](uint16_t cpu) {
        const BufferData buffer{.cpu = cpu, .time_stamp = time, .records = filling[cpu].bytes()};
        ETW_ASSERT(bool(log->write({&buffer, 1})));
        filling[cpu] = {};
    };
    for (uint64_t made = 0; made < kRecords;) {
        const auto cpu = uint16_t(random() % 2);
        for (unsigned run = 1 + random() % 8; run > 0 && made < kRecords; --run, ++made) {
            append_event(filling[cpu], ++time);
            if (filling[cpu].size() + 104 > kBufferSize - sizeof(wire::BufferHeader)) flush(cpu);
        }
    }
    flush(0);
    flush(1);
    return path;
}

uint64_t read_log(const std::string& path) {
    auto reader = LogReader::open(path);
    ETW_ASSERT(bool(reader));
    uint64_t count = 0;
    Record record;
    while (reader->next(record)) {
        benchmark::DoNotOptimize(record.descriptor.id);
        ++count;
    }
    return count;
}

void run(benchmark::State& state, const std::string& path) {
    uint64_t count = 0;
    for (auto _ : state) count += read_log(path);
    state.SetItemsProcessed(int64_t(count));
    state.SetBytesProcessed(state.iterations() * int64_t(std::filesystem::file_size(path)));
}

void BM_Read(benchmark::State& state, const std::string& path) {
    if (!std::filesystem::exists(path)) return state.SkipWithError("no such file");
    run(state, path);
}

int run_all(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    const std::string made = make_log();
    benchmark::RegisterBenchmark("BM_Read/uncompressed", BM_Read, made)
        ->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark("BM_Read/net_4_5_2", BM_Read, kRealFile)
        ->Unit(benchmark::kMillisecond);
    benchmark::RunSpecifiedBenchmarks();
    std::filesystem::remove(made);
    return 0;
}

}  // namespace
}  // namespace etw::etl

int main(int argc, char** argv) { return etw::etl::run_all(argc, argv); }
