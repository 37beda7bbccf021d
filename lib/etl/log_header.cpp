#include "etl/log_header.h"

#include "base/utf16.h"

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

}  // namespace

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
