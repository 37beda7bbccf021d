// Logs of few records in files, and what an exporter makes of them.
#pragma once
#include "../decode/event_builder.h"
#include "etl/log_writer.h"
#include "etw/log_reader.h"
#include "export/run.h"
#include "support/command_output.h"
#include "support/temp_folder.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace etw::exports::test {

using decode::test::ByteVector;
using decode::test::kProvider;
using decode::test::kStartRaw;
using decode::test::kStartTime;
using etw::test::output_of;
using etw::test::read_file;
using etw::test::TempFolder;

constexpr uint32_t kProcess = 0x888, kThread = 0xD60;
constexpr Guid kActivity{1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};

struct EventOptions {
    Guid provider = kProvider;
    uint16_t id = 0;
    uint8_t version = 0;
    uint8_t opcode = 0;
    uint8_t level = 4;
    uint64_t keyword = 0;
    uint32_t process = kProcess, thread = kThread;
    Guid activity{};
};

inline ByteVector padded(ByteWriter out) {
    while (out.size() % 8 != 0) out.write(uint8_t{0});
    return out.take();
}

// Self-describing where it has `extended`, else as a manifest's.
inline ByteVector event_at(int64_t time, const EventOptions& options, Bytes payload,
                           Bytes extended = {}) {
    wire::EventHeader header{};
    header.size = uint16_t(sizeof(header) + extended.size() + payload.size());
    header.header_type = uint8_t(wire::HeaderType::kEvent64);
    header.marker = wire::kMarkerEvent;
    header.flags = extended.empty() ? 0 : wire::kEventExtended;
    header.thread_id = options.thread;
    header.process_id = options.process;
    header.time_stamp = time;
    header.provider_id = options.provider;
    header.descriptor.id = options.id;
    header.descriptor.version = options.version;
    header.descriptor.channel = extended.empty() ? 0 : wire::kChannelTraceLogging;
    header.descriptor.level = options.level;
    header.descriptor.opcode = options.opcode;
    header.descriptor.keyword = options.keyword;
    header.activity_id = options.activity;
    ByteWriter out;
    out.write(header);
    out.append(extended);
    out.append(payload);
    return padded(std::move(out));
}

// An event of provider P without fields.
inline ByteVector named_event(int64_t time, std::string_view name, const EventOptions& options) {
    const ByteVector chain = decode::test::describing_chain(
        decode::test::SchemaBuilder(name).build(), decode::test::traits("P"));
    return event_at(time, options, {}, chain);
}

inline ByteVector kernel_at(int64_t time, uint16_t hook, uint8_t version, Bytes payload) {
    wire::PerfInfoHeader header{};
    header.version = version;
    header.header_type = uint8_t(wire::HeaderType::kPerfInfo64);
    header.marker = wire::kMarkerEvent;
    header.size = uint16_t(sizeof(header) + payload.size());
    header.hook_id = hook;
    header.time_stamp = time;
    ByteWriter out;
    out.write(header);
    out.append(payload);
    return padded(std::move(out));
}

inline ByteVector process_event(int64_t time, uint16_t hook, uint32_t process,
                                std::string_view name) {
    ByteWriter out;
    out.write(uint64_t{0xFFFF});
    out.write(process);
    out.write(uint32_t{4});
    out.write(uint32_t{0});
    out.write(int32_t{259});
    out.write(uint64_t{0});
    out.write(uint32_t{0});
    out.append_text(name);
    out.write(uint8_t{0});
    out.write(char16_t{0});
    return kernel_at(time, hook, 3, out.bytes());
}

inline ByteVector switch_event(int64_t time, uint32_t from, uint32_t to, int8_t state) {
    ByteWriter out;
    out.write(to);
    out.write(from);
    out.write(int8_t{8});
    out.write(int8_t{9});
    ByteVector payload = out.take();
    payload.resize(24);
    payload[14] = std::byte(state);  // of the old thread
    return kernel_at(time, 0x0524, 2, payload);
}

// A finished log. Records of each processor come in order of time.
class LogFile {
public:
    LogFile& add(uint16_t cpu, int64_t time, const ByteVector& record) {
        auto& records = buffers_[cpu];
        records.insert(records.end(), record.begin(), record.end());
        newest_ = std::max(newest_, time);
        return *this;
    }
    etl::LogFileInfo& info() { return info_; }
    LogFile& lost(uint64_t events) {
        lost_ = events;
        return *this;
    }
    std::string write(const std::string& path) const {
        auto file = File::create(path, true);
        ETW_ASSERT(bool(file));
        auto log = etl::LogWriter::create(*std::move(file), info_, 0);
        ETW_ASSERT(bool(log));
        for (const auto& [cpu, records] : buffers_) {
            const etl::BufferData buffer{cpu, newest_, records};
            ETW_ASSERT(bool(log->write({&buffer, 1})));
        }
        etl::LogTotals totals;
        totals.buffers_written = log->position().buffers_written;
        totals.events_lost = lost_;
        totals.end_time = kStartTime + (newest_ - kStartRaw);
        ETW_ASSERT(bool(log->finish(totals)));
        return path;
    }

private:
    etl::LogFileInfo info_ = [] {
        auto info = decode::test::log_info(4096);
        info.processors = 4;
        return info;
    }();
    std::map<uint16_t, ByteVector> buffers_;
    int64_t newest_ = kStartRaw;
    uint64_t lost_ = 0;
};

class OneLog final : public render::RecordSource {
public:
    explicit OneLog(etl::LogReader& reader) : reader_(reader) {}
    bool next(etl::Record& record, const etl::TimeConverter*& clock) override {
        clock = &reader_.time();
        return reader_.next(record);
    }

private:
    etl::LogReader& reader_;
};

inline etl::LogReader open_log(const std::string& path) {
    auto reader = etl::LogReader::open(path);
    ETW_ASSERT(bool(reader));
    return *std::move(reader);
}

inline Result<render::Summary> feed(const std::string& log, Exporter& exporter,
                                    const render::FilterOptions& options = {},
                                    std::shared_ptr<const decode::Catalog> catalog = nullptr) {
    etl::LogReader reader = open_log(log);
    OneLog source(reader);
    render::RecordFilter filter(options);
    auto summary = run_export(source, filter, exporter, std::move(catalog), {});
    if (summary) ETW_CHECK(exporter.finish(reader.events_lost()));
    return summary;
}

}  // namespace etw::exports::test
