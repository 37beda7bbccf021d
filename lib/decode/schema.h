// The compiled form of an event's description, and its first source: TraceLogging schema blobs,
// etl-format (f). Blobs come from the file: any bytes are possible.
#pragma once
#include "etw/bytes.h"
#include "etw/event.h"

#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace etw::decode {

// TraceLogging in-types; those from kFixedText on exist in kernel layouts and manifests only.
enum class Type : uint8_t {
    kNull = 0,
    kUtf16 = 1,
    kUtf8 = 2,
    kInt8 = 3,
    kUInt8 = 4,
    kInt16 = 5,
    kUInt16 = 6,
    kInt32 = 7,
    kUInt32 = 8,
    kInt64 = 9,
    kUInt64 = 10,
    kFloat = 11,
    kDouble = 12,
    kBool32 = 13,
    kBinary = 14,
    kGuid = 15,
    kPointer = 16,
    kFileTime = 17,
    kSystemTime = 18,
    kSid = 19,
    kHexInt32 = 20,
    kHexInt64 = 21,
    kCountedUtf16 = 22,
    kCountedUtf8 = 23,
    kStruct = 24,
    kCountedBinary = 25,
    kFixedText = 32,   // UTF-16, `count` bytes, ends at the first NUL
    kUserSid = 33,     // u32 0, or a TOKEN_USER (two pointers) and a SID
    kSkip = 34,        // `count` bytes that mean nothing
    kRest = 35,        // bytes up to the end of the payload
    kSizedUtf16 = 36,  // as many units as the field says, or an earlier one; shown up to a NUL
    kSizedUtf8 = 37,
    kSizedBinary = 38,
};

// TraceLogging out-types.
enum class Out : uint8_t {
    kDefault = 0,
    kNoPrint = 1,
    kString = 2,
    kBoolean = 3,
    kHex = 4,
    kPid = 5,
    kTid = 6,
    kPort = 7,
    kIpv4 = 8,
    kIpv6 = 9,
    kSockAddr = 10,
    kXml = 11,
    kJson = 12,
    kWin32Error = 13,
    kNtStatus = 14,
    kHResult = 15,
    kFileTime = 16,
    kSigned = 17,
    kUnsigned = 18,
    kCodePointer = 0x25,
    kDateTimeUtc = 0x26,
};

constexpr size_t kMaxFields = 1024;        // per schema; TraceLogging itself allows 128
constexpr int kMaxNesting = 16;            // structs in structs
constexpr size_t kMaxMessageParts = 1024;  // of the text of an event; what is behind is left out
constexpr uint8_t kMaxKept = 63;           // integers of an event that later fields refer to

// Owns the text its fields view.
struct Program {
    Program() = default;
    Program(Program&&) noexcept = default;
    Program& operator=(Program&&) noexcept = default;

    std::string name;  // UTF-8, no control characters
    uint32_t tag = 0;
    std::vector<Field> fields;
    std::deque<std::string> text;  // elements never move
};

struct Provider {
    std::string name;
    std::optional<Guid> group;
};

// Fails with kInvalidData; `where` is the offset in the blob.
Result<Program> compile_schema(Bytes blob, bool is_64_bit);
Result<Provider> parse_traits(Bytes blob);

// The bytes of one value of a type, 0 where it varies.
uint8_t type_size(Type type, bool is_64_bit) noexcept;
Format format_of(Type type, Out out) noexcept;

// Valid UTF-8 without control characters, whatever the bytes.
std::string clean_text(std::string_view untrusted);

}  // namespace etw::decode
