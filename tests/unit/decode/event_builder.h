// Makes self-describing events byte by byte, and logs of them in memory.
#pragma once
#include "base/byte_writer.h"
#include "base/utf16.h"
#include "decode/schema.h"
#include "etl/log_header.h"
#include "etl/log_writer.h"
#include "etw/check.h"
#include "etw/log_reader.h"
#include "support/log_info.h"

#include <initializer_list>

namespace etw::decode::test {

using ByteVector = std::vector<std::byte>;
using etw::test::kStartRaw;

constexpr Guid kProvider{0x11223344, 0x5566, 0x7788, {1, 2, 3, 4, 5, 6, 7, 8}};
constexpr int64_t kStartTime = 127'113'856'601'730'000;  // 2003-10-23 12:27:40.173 UTC

constexpr uint8_t kConstantArray = 0x20;
constexpr uint8_t kCountedArray = 0x40;
constexpr uint8_t kCustom = 0x60;

// A TraceLogging schema blob. `repeat` is one of the constants above, or 0.
class SchemaBuilder {
public:
    explicit SchemaBuilder(std::string_view event, uint8_t tag = 0) {
        out_.write(uint16_t{0});
        out_.write(tag);
        name(event);
    }
    SchemaBuilder& field(std::string_view field_name, Type type, Out out = Out::kDefault,
                         uint8_t repeat = 0, uint16_t count = 0) {
        return raw_field(field_name, type, uint8_t(out), repeat, count);
    }
    SchemaBuilder& structure(std::string_view field_name, uint8_t members, uint8_t repeat = 0,
                             uint16_t count = 0) {
        return raw_field(field_name, Type::kStruct, members, repeat, count);
    }
    SchemaBuilder& raw(Bytes bytes) {
        out_.append(bytes);
        return *this;
    }
    ByteVector build() const {
        const Bytes bytes = out_.bytes();
        ByteVector blob(bytes.begin(), bytes.end());
        const auto size = uint16_t(blob.size());
        std::memcpy(blob.data(), &size, sizeof(size));
        return blob;
    }

private:
    void name(std::string_view text) {
        out_.append_text(text);
        out_.write(uint8_t{0});
    }
    SchemaBuilder& raw_field(std::string_view field_name, Type type, uint8_t out, uint8_t repeat,
                             uint16_t count) {
        name(field_name);
        out_.write(uint8_t(uint8_t(type) | repeat | (out != 0 ? 0x80 : 0)));
        if (out != 0) out_.write(out);
        if (repeat == kConstantArray || repeat == kCustom) out_.write(count);
        return *this;
    }
    ByteWriter out_;
};

inline ByteVector traits(std::string_view provider, const Guid* group = nullptr) {
    ByteWriter out;
    const size_t size = 2 + provider.size() + 1 + (group != nullptr ? 3 + sizeof(Guid) : 0);
    out.write(uint16_t(size));
    out.append_text(provider);
    out.write(uint8_t{0});
    if (group != nullptr) {
        out.write(uint16_t{3 + sizeof(Guid)});
        out.write(uint8_t{1});
        out.write(*group);
    }
    return out.take();
}

inline void put_utf16(ByteWriter& out, std::string_view utf8) {
    for (const char16_t unit : to_utf16(utf8)) out.write(unit);
}

struct ExtendedData {
    wire::ExtendedType type;
    ByteVector data;
};

// The extended items of an event, as they are stored.
inline ByteVector chain(const std::vector<ExtendedData>& items) {
    ByteWriter out;
    for (size_t i = 0; i < items.size(); ++i) {
        const size_t size = wire::align8(sizeof(wire::ExtendedItem) + items[i].data.size());
        out.write(wire::ExtendedItem{uint16_t(size), uint16_t(items[i].type),
                                     uint16_t(i + 1 < items.size() ? 1 : 0),
                                     uint16_t(items[i].data.size())});
        out.append(items[i].data);
        while (out.size() % 8 != 0) out.write(uint8_t{0});
    }
    return out.take();
}

inline ByteVector describing_chain(const ByteVector& schema, const ByteVector& provider) {
    return chain({{wire::ExtendedType::kProviderTraits, provider},
                  {wire::ExtendedType::kEventSchemaTl, schema}});
}

// A record as the reader gives it, over bytes that the caller keeps.
inline etl::Record event_record(Bytes extended, Bytes payload) {
    etl::Record record;
    record.type = wire::HeaderType::kEvent64;
    record.cpu = 0;
    record.time_stamp = kStartRaw;
    record.process_id = 0x888;
    record.thread_id = 0xD60;
    record.provider = kProvider;
    record.descriptor.channel = wire::kChannelTraceLogging;
    record.descriptor.level = 5;
    record.descriptor.keyword = 0x10;
    record.extended = extended;
    record.payload = payload;
    return record;
}

inline etl::Record kernel_record(uint16_t hook, uint8_t version, Bytes payload,
                                 bool is_64_bit = true) {
    etl::Record record = event_record({}, payload);
    record.type = is_64_bit ? wire::HeaderType::kSystem64 : wire::HeaderType::kSystem32;
    record.is_64_bit = is_64_bit;
    record.provider = Guid{};
    record.hook_id = hook;
    record.descriptor = {};
    record.descriptor.opcode = uint8_t(hook);
    record.descriptor.version = version;
    return record;
}

// The stored form of an event, padded to 8 bytes.
inline ByteVector stored_event(int64_t time, Bytes extended, Bytes payload) {
    wire::EventHeader header{};
    header.size = uint16_t(sizeof(header) + extended.size() + payload.size());
    header.header_type = uint8_t(wire::HeaderType::kEvent64);
    header.marker = wire::kMarkerEvent;
    header.flags = extended.empty() ? 0 : wire::kEventExtended;
    header.thread_id = 0xD60;
    header.process_id = 0x888;
    header.time_stamp = time;
    header.provider_id = kProvider;
    header.descriptor.channel = extended.empty() ? 0 : wire::kChannelTraceLogging;
    header.descriptor.level = 5;
    ByteWriter out;
    out.write(header);
    out.append(extended);
    out.append(payload);
    while (out.size() % 8 != 0) out.write(uint8_t{0});
    return out.take();
}

inline etl::LogFileInfo log_info(uint32_t buffer_size = 64 * 1024) {
    return etw::test::log_info(kStartTime, buffer_size);
}

// Writes a finished log of one processor. `records` are padded to 8 bytes each, in time order.
class LogFileWriter {
public:
    LogFileWriter(const std::string& path, uint32_t buffer_size, int64_t frequency = 10'000'000)
        : buffer_size_(buffer_size), log_(create(path, buffer_size, frequency)) {}

    void add(int64_t time, Bytes record) {
        if (records_.size() + record.size() > buffer_size_ - sizeof(wire::BufferHeader)) flush();
        records_.insert(records_.end(), record.begin(), record.end());
        time_ = time;
    }
    void finish(uint64_t events_lost = 0) {
        flush();
        etl::LogTotals totals;
        totals.buffers_written = log_.position().buffers_written;
        totals.events_lost = events_lost;
        totals.end_time = kStartTime + (time_ - kStartRaw);
        ETW_ASSERT(bool(log_.finish(totals)));
    }

private:
    static etl::LogWriter create(const std::string& path, uint32_t buffer_size, int64_t frequency) {
        auto file = File::create(path, true);
        ETW_ASSERT(bool(file));
        etl::LogFileInfo info = log_info(buffer_size);
        info.perf_frequency = frequency;
        auto log = etl::LogWriter::create(*std::move(file), info, 0);
        ETW_ASSERT(bool(log));
        return *std::move(log);
    }
    void flush() {
        if (records_.empty()) return;
        const etl::BufferData buffer{0, time_, records_};
        ETW_ASSERT(bool(log_.write({&buffer, 1})));
        records_.clear();
    }

    uint32_t buffer_size_;
    etl::LogWriter log_;
    ByteVector records_;
    int64_t time_ = kStartRaw;
};

// The event that the speed of formatting is measured with: u64, double, 16-character string.
inline ByteVector typical_chain() {
    return describing_chain(SchemaBuilder("TestEvent")
                                .field("counter", Type::kUInt64)
                                .field("value", Type::kDouble)
                                .field("text", Type::kUtf8)
                                .build(),
                            traits("BenchProvider"));
}
inline ByteVector typical_payload(uint64_t i) {
    ByteWriter out;
    out.write(i);
    out.write(double(i) * 0.37);
    out.append_text("sixteen letters!");
    out.write(uint8_t{0});
    return out.take();
}
inline void write_typical_log(const std::string& path, uint64_t events) {
    LogFileWriter log(path, 64 * 1024);
    const ByteVector extended = typical_chain();
    for (uint64_t i = 0; i < events; ++i) {
        const int64_t time = kStartRaw + int64_t(i) * 10;
        log.add(time, stored_event(time, extended, typical_payload(i)));
    }
    log.finish();
}

}  // namespace etw::decode::test
