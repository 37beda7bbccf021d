#include "tmf/pdb_types.h"

#include <algorithm>
#include <vector>

namespace etw::tmf {
namespace {

constexpr uint16_t kFieldList = 0x1203;
constexpr uint16_t kContinuation = 0x1404;  // LF_INDEX: the list goes on in another record
constexpr uint16_t kEnumerate = 0x1502;
constexpr uint16_t kEnum = 0x1507;
constexpr uint16_t kForwardReference = 0x80;    // property: the definition is elsewhere
constexpr uint8_t kFirstPad = 0xF0;             // bytes from here on fill up to 4
constexpr size_t kMaxValues = size_t{1} << 20;  // of all enumerations: lists can be shared

struct StreamHeader {
    uint32_t version;
    uint32_t header_size;
    uint32_t first_index;  // type index of the first record
    uint32_t end_index;
    uint32_t record_bytes;
};
static_assert(sizeof(StreamHeader) == 20);

Result<std::string_view> read_name(ByteReader& in) {
    const Bytes rest = in.rest();
    const auto nul = std::find(rest.begin(), rest.end(), std::byte{0});
    if (nul == rest.end()) return Error{Code::kInvalidData, "PDB: name", in.offset()};
    const auto length = size_t(nul - rest.begin());
    ETW_TRY(const Bytes text, in.take(length + 1, "PDB: name"));
    return std::string_view(reinterpret_cast<const char*>(text.data()), length);
}

template <class T>
Result<uint64_t> widened(ByteReader& in) {
    ETW_TRY(const auto value, in.read<T>("PDB: value"));
    return uint64_t(int64_t{value});
}

// A number of CodeView: small ones stand for themselves, others name their type first.
Result<uint64_t> read_number(ByteReader& in) {
    ETW_TRY(const auto leaf, in.read<uint16_t>("PDB: value"));
    if (leaf < 0x8000) return uint64_t{leaf};
    switch (leaf) {
        case 0x8000:
            return widened<int8_t>(in);
        case 0x8001:
            return widened<int16_t>(in);
        case 0x8002:
            return widened<uint16_t>(in);
        case 0x8003:
            return widened<int32_t>(in);
        case 0x8004:
            return widened<uint32_t>(in);
        case 0x8009:
        case 0x800A:
            return in.read<uint64_t>("PDB: value");
        default:
            return Error{Code::kInvalidData, "PDB: type of a value", in.offset()};
    }
}

class TypeStream {
public:
    explicit TypeStream(Bytes stream) { (void)index(stream); }

    std::map<std::string, std::vector<NamedValue>> enumerations(const Names& wanted) {
        std::map<std::string, std::vector<NamedValue>> out;
        for (const Bytes record : records_) {
            if (const auto found = enumeration(record); found && wanted.contains(found->name)) {
                std::vector<NamedValue>& values = out[std::string(found->name)];
                if (values.empty()) (void)append_list(found->fields, values);
            }
        }
        return out;
    }

private:
    struct Enumeration {
        std::string_view name;
        uint32_t fields;  // type index of its list
    };

    Status index(Bytes stream) {
        ByteReader in(stream);
        ETW_TRY(const auto header, in.read<StreamHeader>("PDB: header of the types"));
        if (header.header_size < sizeof(header)) {
            return Error{Code::kInvalidData, "PDB: header of the types"};
        }
        ETW_CHECK(in.take(header.header_size - sizeof(header), "PDB: header of the types"));
        ETW_TRY(const Bytes all,
                in.take(std::min<size_t>(header.record_bytes, in.remaining()), "PDB: types"));
        first_index_ = header.first_index;
        ByteReader records(all);
        while (records.remaining() != 0) {
            ETW_TRY(const auto size, records.read<uint16_t>("PDB: type"));
            ETW_TRY(const Bytes record, records.take(size, "PDB: type"));
            records_.push_back(record);
        }
        return Ok{};
    }

    // Fails where the record is no definition of one.
    static Result<Enumeration> enumeration(Bytes record) {
        ByteReader in(record);
        ETW_TRY(const auto kind, in.read<uint16_t>("PDB: kind of a type"));
        if (kind != kEnum) return Error{Code::kInvalidData, "PDB: another type"};
        ETW_CHECK(in.take(sizeof(uint16_t), "PDB: number of values"));
        ETW_TRY(const auto property, in.read<uint16_t>("PDB: properties"));
        if ((property & kForwardReference) != 0) {
            return Error{Code::kInvalidData, "PDB: a reference"};
        }
        ETW_CHECK(in.take(sizeof(uint32_t), "PDB: underlying type"));
        ETW_TRY(const auto fields, in.read<uint32_t>("PDB: list of values"));
        ETW_TRY(const auto name, read_name(in));
        return Enumeration{name, fields};
    }

    Status append_list(uint32_t type, std::vector<NamedValue>& out) {
        while (type >= first_index_ && type - first_index_ < records_.size()) {
            ByteReader in(records_[type - first_index_]);
            ETW_TRY(const auto kind, in.read<uint16_t>("PDB: kind of a type"));
            if (kind != kFieldList) break;
            ETW_TRY(const uint32_t next, append_values(in, out));
            if (next >= type) break;  // types refer to types before them: no circle
            type = next;
        }
        return Ok{};
    }

    // Returns the type index of the record where the list goes on, or 0.
    Result<uint32_t> append_values(ByteReader& in, std::vector<NamedValue>& out) {
        while (in.remaining() != 0) {
            if (uint8_t(in.rest()[0]) >= kFirstPad) {
                ETW_CHECK(in.take(1, "PDB: padding"));
                continue;
            }
            ETW_TRY(const auto kind, in.read<uint16_t>("PDB: kind of a value"));
            ETW_CHECK(in.take(sizeof(uint16_t), "PDB: attributes"));
            if (kind == kContinuation) return in.read<uint32_t>("PDB: next list");
            if (kind != kEnumerate) return Error{Code::kInvalidData, "PDB: kind of a value"};
            ETW_TRY(const auto value, read_number(in));
            ETW_TRY(const auto name, read_name(in));
            if (values_++ == kMaxValues) return Error{Code::kInvalidData, "PDB: too many values"};
            out.push_back({value, std::string(name)});
        }
        return 0u;
    }

    uint32_t first_index_ = 0;
    std::vector<Bytes> records_;
    size_t values_ = 0;
};

}  // namespace

std::map<std::string, std::vector<NamedValue>> read_enumerations(Bytes type_stream,
                                                                 const Names& wanted) {
    return TypeStream(type_stream).enumerations(wanted);
}

}  // namespace etw::tmf
