#include "decode/schema.h"

#include "base/utf16.h"
#include "decode/unique_names.h"

#include <algorithm>

namespace etw::decode {
namespace {

constexpr uint8_t kTypeMask = 0x1F;
constexpr uint8_t kRepeatMask = 0x60;
constexpr uint8_t kHasMore =
    0x80;  // an out-type follows the in-type; a tag byte follows a tag byte

// Tags are chains of 7-bit groups, most significant first.
Result<uint32_t> read_tag(ByteReader& in) {
    uint32_t tag = 0;
    for (;;) {
        ETW_TRY(const auto byte, in.read<uint8_t>("schema: tag"));
        tag = tag << 7 | (byte & 0x7Fu);
        if ((byte & kHasMore) == 0) return tag;
    }
}

Result<std::string> read_name(ByteReader& in, const char* what) {
    const Bytes rest = in.rest();
    const auto nul = std::find(rest.begin(), rest.end(), std::byte{0});
    if (nul == rest.end()) return Error{Code::kInvalidData, what, in.offset()};
    const auto length = size_t(nul - rest.begin());
    ETW_TRY(const Bytes text, in.take(length + 1, what));
    return clean_text({reinterpret_cast<const char*>(text.data()), length});
}

class Compiler {
public:
    Compiler(Bytes blob, bool is_64_bit) : in_(blob), is_64_bit_(is_64_bit) {}

    Result<Program> compile() {
        ETW_TRY(const auto size, in_.read<uint16_t>("schema: size"));
        if (size != in_.remaining() + sizeof(uint16_t)) {
            return Error{Code::kInvalidData, "schema: size"};
        }
        ETW_TRY(program_.tag, read_tag(in_));
        ETW_TRY(program_.name, read_name(in_, "schema: event name"));
        UniqueNames names;
        while (in_.remaining() != 0) ETW_CHECK(field(0, names));
        return std::move(program_);
    }

private:
    // Reads one field with its members. `names` are those of its level.
    Status field(int depth, UniqueNames& names) {
        if (program_.fields.size() == kMaxFields) {
            return Error{Code::kInvalidData, "schema: too many fields", in_.offset()};
        }
        ETW_TRY(std::string name, read_name(in_, "schema: field name"));
        ETW_TRY(Field head, read_type());
        const bool is_struct = Type(head.type) == Type::kStruct;
        const uint8_t members = is_struct ? head.out : 0;
        head.name = unique_name(std::move(name), names);
        const size_t index = program_.fields.size();
        program_.fields.push_back(head);
        if (is_struct && depth == kMaxNesting) {
            return Error{Code::kInvalidData, "schema: structs nested too deep", in_.offset()};
        }
        UniqueNames inner;
        for (uint8_t i = 0; i < members; ++i) ETW_CHECK(field(depth + 1, inner));
        program_.fields[index].end = uint16_t(program_.fields.size());
        return Ok{};
    }

    Result<Field> read_type() {
        Field out;
        ETW_TRY(const auto in_type, in_.read<uint8_t>("schema: field type"));
        if ((in_type & kHasMore) != 0) {
            ETW_TRY(const auto out_type, in_.read<uint8_t>("schema: field format"));
            out.out = out_type & 0x7F;
            if ((out_type & kHasMore) != 0) {
                ETW_TRY(out.tag, read_tag(in_));
            }
        }
        const auto type = Type(in_type & kTypeMask);
        if (type > Type::kCountedBinary) {
            return Error{Code::kInvalidData, "schema: unknown field type", in_.offset()};
        }
        out.type = uint8_t(type);
        out.size = type_size(type, is_64_bit_);
        out.format = format_of(type, Out(out.out));
        out.hidden = Out(out.out) == Out::kNoPrint && type != Type::kStruct;
        ETW_CHECK(read_repeat(in_type & kRepeatMask, out));
        return out;
    }

    Status read_repeat(uint8_t bits, Field& out) {
        if (bits == 0) return Ok{};
        if (bits == 0x40) {
            out.repeat = Field::Repeat::kCounted;
        } else {
            ETW_TRY(out.count, in_.read<uint16_t>("schema: element count"));
            out.repeat = Field::Repeat::kConstant;
        }
        if (bits ==
            0x60) {  // a serializer of the provider's own: its description, then opaque bytes
            ETW_CHECK(in_.take(out.count, "schema: custom type"));
            out.repeat = Field::Repeat::kNone;
            out.type = uint8_t(Type::kCountedBinary);
            out.size = 0;
            out.format = Format::kBinary;
        } else if (Type(out.type) == Type::kNull) {
            // Elements without bytes: the payload would not bound their number.
            return Error{Code::kInvalidData, "schema: array of nothing", in_.offset()};
        }
        return Ok{};
    }

    std::string_view unique_name(std::string name, UniqueNames& names) {
        std::string& kept = program_.text.emplace_back(std::move(name));
        if (names.take(kept)) return kept;
        std::string& numbered = program_.text.emplace_back(names.numbered(kept));
        names.take(numbered);
        return numbered;
    }

    ByteReader in_;
    bool is_64_bit_;
    Program program_;
};

}  // namespace

Result<Program> compile_schema(Bytes blob, bool is_64_bit) {
    return Compiler(blob, is_64_bit).compile();
}

Result<Provider> parse_traits(Bytes blob) {
    constexpr uint8_t kGroupTrait = 1;
    ByteReader in(blob);
    ETW_TRY(const auto size, in.read<uint16_t>("traits: size"));
    if (size != blob.size()) return Error{Code::kInvalidData, "traits: size"};
    Provider out;
    ETW_TRY(out.name, read_name(in, "traits: provider name"));
    while (in.remaining() != 0) {
        ETW_TRY(const auto trait_size, in.read<uint16_t>("traits: trait size"));
        if (trait_size < 3) return Error{Code::kInvalidData, "traits: trait size", in.offset()};
        ETW_TRY(const auto type, in.read<uint8_t>("traits: trait type"));
        ETW_TRY(const Bytes data, in.take(trait_size - 3u, "traits: trait"));
        if (type == kGroupTrait && data.size() == sizeof(Guid)) {
            std::memcpy(&out.group.emplace(), data.data(), sizeof(Guid));
        }
    }
    return out;
}

uint8_t type_size(Type type, bool is_64_bit) noexcept {
    switch (type) {
        case Type::kInt8:
        case Type::kUInt8:
            return 1;
        case Type::kInt16:
        case Type::kUInt16:
            return 2;
        case Type::kInt32:
        case Type::kUInt32:
        case Type::kFloat:
        case Type::kBool32:
        case Type::kHexInt32:
            return 4;
        case Type::kInt64:
        case Type::kUInt64:
        case Type::kDouble:
        case Type::kFileTime:
        case Type::kHexInt64:
            return 8;
        case Type::kGuid:
        case Type::kSystemTime:
            return 16;
        case Type::kPointer:
            return is_64_bit ? 8 : 4;
        default:
            return 0;
    }
}

namespace {

// What an out-type makes of an integer of `size` bytes; `plain` where it has no say.
Format integer_format(Out out, uint8_t size, Format plain) {
    switch (out) {
        case Out::kString:
            return size <= 2 ? Format::kChar : plain;
        case Out::kBoolean:
            return Format::kBool;
        case Out::kHex:
        case Out::kCodePointer:
            return Format::kHex;
        case Out::kPid:
        case Out::kTid:
        case Out::kUnsigned:
            return Format::kUnsigned;
        case Out::kSigned:
            return Format::kSigned;
        case Out::kPort:
            return size == 2 ? Format::kPort : plain;
        case Out::kIpv4:
            return size == 4 ? Format::kIpv4 : plain;
        case Out::kWin32Error:
            return size == 4 ? Format::kWin32Error : plain;
        case Out::kNtStatus:
        case Out::kHResult:
            return size == 4 ? Format::kStatus : plain;
        case Out::kFileTime:
            return size == 8 ? Format::kFileTime : plain;
        default:
            return plain;
    }
}

Format binary_format(Out out) {
    switch (out) {
        case Out::kIpv4:
            return Format::kIpv4;
        case Out::kIpv6:
            return Format::kIpv6;
        case Out::kSockAddr:
            return Format::kSockAddr;
        case Out::kString:
        case Out::kXml:
        case Out::kJson:
            return Format::kUtf8;
        default:
            return Format::kBinary;
    }
}

}  // namespace

Format format_of(Type type, Out out) noexcept {
    switch (type) {
        case Type::kNull:
        case Type::kSkip:
            return Format::kNull;
        case Type::kUtf16:
        case Type::kCountedUtf16:
        case Type::kFixedText:
        case Type::kSizedUtf16:
            return Format::kUtf16;
        case Type::kUtf8:
        case Type::kCountedUtf8:
        case Type::kSizedUtf8:
            return Format::kUtf8;
        case Type::kInt8:
        case Type::kInt16:
        case Type::kInt32:
        case Type::kInt64:
            return integer_format(out, type_size(type, true), Format::kSigned);
        case Type::kUInt8:
        case Type::kUInt16:
        case Type::kUInt32:
        case Type::kUInt64:
            return integer_format(out, type_size(type, true), Format::kUnsigned);
        case Type::kFloat:
        case Type::kDouble:
            return Format::kFloat;
        case Type::kBool32:
            return integer_format(out, 4, Format::kBool);
        case Type::kBinary:
        case Type::kCountedBinary:
        case Type::kRest:
        case Type::kSizedBinary:
            return binary_format(out);
        case Type::kGuid:
            return Format::kGuid;
        case Type::kPointer:
        case Type::kHexInt32:
        case Type::kHexInt64:
            return integer_format(out, type_size(type, true), Format::kHex);
        case Type::kFileTime:
            return Format::kFileTime;
        case Type::kSystemTime:
            return Format::kSystemTime;
        case Type::kSid:
        case Type::kUserSid:
            return Format::kSid;
        case Type::kStruct:
            return Format::kStruct;
    }
    return Format::kBinary;
}

std::string clean_text(std::string_view untrusted) {
    std::u16string text = to_utf16(untrusted);
    for (char16_t& unit : text) {
        if (unit < 0x20 || (unit >= 0x7F && unit < 0xA0)) unit = 0xFFFD;
    }
    return to_utf8(text);
}

}  // namespace etw::decode
