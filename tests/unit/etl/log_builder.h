// Makes logs byte by byte, so that a test can break any one of them.
#pragma once
#include "base/byte_writer.h"
#include "etl/log_header.h"
#include "etl/log_writer.h"
#include "etw/log_reader.h"
#include "support/log_info.h"

#include <initializer_list>

namespace etw::etl::test {

using ByteVector = std::vector<std::byte>;
using etw::test::kStartRaw;

constexpr uint32_t kBufferSize = 4096;
constexpr int64_t kStartTime = 133'000'000'000'000'000;  // 2022
constexpr Guid kProvider{0x11223344, 0x5566, 0x7788, {1, 2, 3, 4, 5, 6, 7, 8}};

inline LogFileInfo log_info() {
    LogFileInfo info = etw::test::log_info(kStartTime, kBufferSize);
    info.processors = 2;
    info.log_file_name = "/tmp/test.etl";
    return info;
}

template <class... Parts>
ByteVector record(const Parts&... parts) {
    ByteWriter out;
    (out.write(parts), ...);
    return out.take();
}

// Fills in the size field at `size_at` and pads to 8.
inline ByteVector finished(ByteVector bytes, size_t size_at) {
    const auto size = uint16_t(bytes.size());
    std::memcpy(bytes.data() + size_at, &size, sizeof(size));
    bytes.resize(wire::align8(bytes.size()));
    return bytes;
}

inline wire::EventHeader event_header(int64_t time, uint16_t id = 1) {
    wire::EventHeader header{};
    header.header_type = uint8_t(wire::HeaderType::kEvent64);
    header.marker = wire::kMarkerEvent;
    header.thread_id = 5;
    header.process_id = 6;
    header.time_stamp = time;
    header.provider_id = kProvider;
    header.descriptor = {
        .id = id, .version = 2, .channel = 0, .level = 4, .opcode = 9, .task = 3, .keyword = 0x80};
    return header;
}

inline ByteVector event(int64_t time, size_t payload = 16, uint16_t id = 1) {
    ByteVector bytes = record(event_header(time, id));
    bytes.resize(bytes.size() + payload, std::byte{0x5A});
    return finished(std::move(bytes), 0);
}

inline ByteVector joined(const std::vector<ByteVector>& parts) {
    ByteVector out;
    for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
    return out;
}

inline wire::BufferHeader buffer_header(uint16_t cpu, int64_t sequence, size_t records,
                                        uint32_t buffer_size = kBufferSize) {
    wire::BufferHeader header{};
    header.buffer_size = buffer_size;
    header.offset = header.saved_offset = uint32_t(sizeof(header) + records);
    header.current_offset = header.offset + buffer_size;
    header.time_stamp = INT64_MAX / 2;
    header.sequence = sequence;
    header.processor = cpu;
    header.logger_id = 1;
    header.state = wire::kBufferStateFlush;
    header.flags = wire::kBufferProcessorIndex;
    return header;
}

// A log as a session leaves it that was killed: the header event is not patched.
class LogBuilder {
public:
    explicit LogBuilder(const LogFileInfo& info = log_info()) : size_(info.buffer_size) {
        file_ = build_header_buffer(info);
        file_.resize(size_, std::byte{wire::kUnusedByte});
    }

    LogBuilder& buffer(uint16_t cpu, int64_t sequence, const std::vector<ByteVector>& records) {
        const ByteVector body = joined(records);
        return raw_buffer(buffer_header(cpu, sequence, body.size(), size_), body);
    }
    LogBuilder& raw_buffer(const wire::BufferHeader& header, Bytes body) {
        const size_t end = file_.size() + size_;
        raw(std::as_bytes(std::span(&header, 1)));
        raw(body);
        file_.resize(end, std::byte{wire::kUnusedByte});
        return *this;
    }
    LogBuilder& raw(Bytes bytes) {
        file_.insert(file_.end(), bytes.begin(), bytes.end());
        return *this;
    }

    ByteVector& bytes() { return file_; }

private:
    uint32_t size_;
    ByteVector file_;
};

struct ReadLog {
    std::vector<int64_t> times;  // without the header event
    std::vector<uint16_t> cpus;
    Damage damage;
    uint64_t buffers = 0;
    uint64_t consumed = 0;
};

// Everything a reader finds; the header event is not listed.
inline ReadLog read_all(LogReader& reader) {
    ReadLog out;
    Record record;
    bool first = true;
    while (reader.next(record)) {
        if (!first) {
            out.times.push_back(record.time_stamp);
            out.cpus.push_back(record.cpu);
        }
        first = false;
    }
    out.damage = reader.damage();
    out.buffers = reader.buffer_count();
    out.consumed = reader.consumed_bytes();
    return out;
}

inline ReadLog read_all(Bytes file) {
    auto reader = LogReader::over(file);
    ETW_ASSERT(bool(reader));
    return read_all(*reader);
}

}  // namespace etw::etl::test
