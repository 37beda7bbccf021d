#include "etl/log_header.h"

#include "base/byte_writer.h"
#include "base/utf16.h"

#include <algorithm>

namespace etw::etl {
namespace {

constexpr size_t kBeforePointers = offsetof(wire::LogFileHeader64, logger_name);
constexpr size_t kTimes = offsetof(wire::LogFileHeader64, boot_time);

// Both pointer sizes hold the same fields in the same order; only the two pointers differ, and by
// chance the padding after the time zone does not.
Result<wire::LogFileHeader64> read_fixed(ByteReader& in, bool is_64_bit) {
    wire::LogFileHeader64 out{};
    std::byte* raw = reinterpret_cast<std::byte*>(&out);  // our own struct, not input
    ETW_TRY(const Bytes front, in.take(kBeforePointers, "log file header"));
    std::memcpy(raw, front.data(), front.size());
    if (is_64_bit) {
        ETW_TRY(out.logger_name, in.read<uint64_t>("log file header: logger name"));
        ETW_TRY(out.log_file_name, in.read<uint64_t>("log file header: log file name"));
    } else {
        ETW_TRY(out.logger_name, in.read<uint32_t>("log file header: logger name"));
        ETW_TRY(out.log_file_name, in.read<uint32_t>("log file header: log file name"));
    }
    ETW_TRY(out.time_zone, in.read<wire::TimeZone>("log file header: time zone"));
    ETW_TRY(out.padding, in.read<uint32_t>("log file header: padding"));
    ETW_TRY(const Bytes times, in.take(sizeof(out) - kTimes, "log file header: times"));
    std::memcpy(raw + kTimes, times.data(), times.size());
    return out;
}

// UTF-16 up to its NUL, or up to the end of the record where that is missing.
std::string take_name(Bytes& rest) {
    size_t size = 0;
    while (size + 2 <= rest.size() &&
           (rest[size] != std::byte{0} || rest[size + 1] != std::byte{0})) {
        size += 2;
    }
    std::string name = to_utf8(rest.first(size));
    rest = rest.subspan(std::min(size + 2, rest.size()));
    return name;
}

// Windows 10 22H2. The format is 1.5 but for logs that older readers could not hold.
constexpr uint8_t kOsMajor = 10;
constexpr uint32_t kOsBuild = 19045;
constexpr uint32_t kMaxBufferSizeOf15 = 1024 * 1024;
constexpr uint32_t kMaxProcessorsOf15 = 256;

wire::LogFileHeader64 fixed_part(const LogFileInfo& info) {
    wire::LogFileHeader64 out{};
    const bool large =
        info.buffer_size > kMaxBufferSizeOf15 || info.processors > kMaxProcessorsOf15;
    out.buffer_size = info.buffer_size;
    out.os_major = kOsMajor;
    out.format_major = large ? 2 : 1;
    out.format_minor = large ? 0 : 5;
    out.provider_version = kOsBuild;
    out.processors = info.processors;
    out.timer_resolution = info.timer_resolution;
    out.max_file_size = info.max_file_size;
    out.log_file_mode = info.log_file_mode;
    out.start_buffers = 1;
    out.pointer_size = 8;
    out.cpu_mhz = info.cpu_mhz;
    out.time_zone = info.time_zone;
    out.boot_time = info.boot_time;
    out.perf_frequency = info.perf_frequency;
    out.start_time = info.start_time;
    out.clock_type = uint32_t(info.clock);
    return out;
}

// Cuts `name` to `units` UTF-16 units, the NUL included; never between the halves of a pair.
void append_name(ByteWriter& out, std::string_view name, size_t units) {
    std::u16string text = to_utf16(name);
    if (text.size() >= units) {
        const bool split = (text[units - 1] & 0xFC00) == 0xDC00;
        text.resize(units - (split ? 2 : 1));
    }
    out.append(std::as_bytes(std::span(text)));
    out.write(char16_t{0});
}

}  // namespace

std::vector<std::byte> build_header_buffer(const LogFileInfo& info) {
    constexpr size_t kBeforeNames =
        sizeof(wire::BufferHeader) + sizeof(wire::SystemHeader) + sizeof(wire::LogFileHeader64);
    const size_t room =
        (std::min<size_t>(info.buffer_size, wire::kMaxRecordSize) - kBeforeNames) / 2;
    ByteWriter names;
    append_name(names, info.logger_name, room / 2);
    append_name(names, info.log_file_name, room - names.size() / 2);

    wire::SystemHeader event{};
    event.version = 2;
    event.header_type = uint8_t(wire::HeaderType::kSystem64);
    event.marker = wire::kMarkerEvent;
    event.size = uint16_t(kBeforeNames - sizeof(wire::BufferHeader) + names.size());
    event.thread_id = info.thread_id;
    event.process_id = info.process_id;
    event.time_stamp = info.start_raw;

    wire::BufferHeader header{};
    header.buffer_size = info.buffer_size;
    header.offset = uint32_t(wire::align8(kBeforeNames + names.size()));
    header.saved_offset = header.current_offset = header.offset;
    header.logger_id = info.logger_id;
    header.state = wire::kBufferStateFlush;
    header.flags = wire::kBufferFlushMarker | wire::kBufferProcessorIndex;
    header.type = uint16_t(wire::BufferType::kHeader);

    ByteWriter out;
    out.write(header);
    out.write(event);
    out.write(fixed_part(info));
    out.append(names.bytes());
    while (out.size() < header.offset) out.write(uint8_t{0});
    return out.take();
}

Result<LogHeader> parse_log_header(Bytes buffer_rest) {
    ByteReader in(buffer_rest);
    ETW_TRY(const auto system, in.read<wire::SystemHeader>("header event"));
    const auto type = wire::HeaderType{system.header_type};
    if (system.marker != wire::kMarkerEvent || system.hook_id != 0 ||
        (type != wire::HeaderType::kSystem32 && type != wire::HeaderType::kSystem64)) {
        return Error{Code::kInvalidData, "no log file header event"};
    }
    if (system.size < sizeof(system)) return Error{Code::kInvalidData, "header event: size"};
    ETW_TRY(const Bytes body, in.take(system.size - sizeof(system), "header event: size"));

    LogHeader out;
    out.is_64_bit = type == wire::HeaderType::kSystem64;
    out.start_raw = system.time_stamp;
    ByteReader fields(body);
    ETW_TRY(out.fixed, read_fixed(fields, out.is_64_bit));
    Bytes names = fields.rest();
    out.logger_name = take_name(names);
    out.log_file_name = take_name(names);
    return out;
}

}  // namespace etw::etl
