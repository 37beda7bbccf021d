// What the header of a test's log says where the test does not care.
#pragma once
#include "etl/log_writer.h"
#include "etw/log_file_mode.h"

namespace etw::test {

constexpr int64_t kStartRaw = 1'000'000;  // in ticks of 100 ns

// A session that began at `start_time`, a FILETIME, on one processor.
inline etl::LogFileInfo log_info(int64_t start_time, uint32_t buffer_size) {
    etl::LogFileInfo info;
    info.buffer_size = buffer_size;
    info.log_file_mode = kModeSequential;
    info.process_id = 0x100;
    info.thread_id = 0x104;
    info.cpu_mhz = 2400;
    info.timer_resolution = 10'000;
    info.perf_frequency = 10'000'000;
    info.start_raw = kStartRaw;
    info.start_time = start_time;
    info.boot_time = start_time - 1'000'000'000;
    info.logger_name = "test session";
    info.log_file_name = "test.etl";
    return info;
}

}  // namespace etw::test
