#include "decode/manifest_names.h"

#include <algorithm>
#include <iterator>

namespace etw::decode {
namespace {

template <class Number>
struct Named {
    std::string_view name;
    Number number;
};

template <class Number, size_t N>
std::optional<Number> find(const Named<Number> (&table)[N], std::string_view name) {
    const auto at = std::find_if(std::begin(table), std::end(table),
                                 [&](const Named<Number>& row) { return row.name == name; });
    if (at == std::end(table)) return std::nullopt;
    return at->number;
}

constexpr Named<uint16_t> kInTypes[] = {
    {"Null", 0},
    {"UnicodeString", 1},
    {"AnsiString", 2},
    {"Int8", 3},
    {"UInt8", 4},
    {"Int16", 5},
    {"UInt16", 6},
    {"Int32", 7},
    {"UInt32", 8},
    {"Int64", 9},
    {"UInt64", 10},
    {"Float", 11},
    {"Double", 12},
    {"Boolean", 13},
    {"Binary", 14},
    {"GUID", 15},
    {"Pointer", 16},
    {"FILETIME", 17},
    {"SYSTEMTIME", 18},
    {"SID", 19},
    {"HexInt32", 20},
    {"HexInt64", 21},
    {"CountedUnicodeString", 22},
    {"CountedAnsiString", 23},
    {"CountedBinary", 25},
    // As PerfView names them in the manifests that it makes of what a system knows.
    {"SInt8", 3},
    {"SInt16", 5},
    {"SInt32", 7},
    {"SInt64", 9},
    {"WString", 1},
    {"String", 2},
    {"WChar", 306},
    {"SizeT", 308},
    {"IPAddrV4", 8},
};

constexpr Named<uint16_t> kOutTypes[] = {
    {"string", 1},
    {"dateTime", 2},
    {"byte", 3},
    {"unsignedByte", 4},
    {"short", 5},
    {"unsignedShort", 6},
    {"int", 7},
    {"unsignedInt", 8},
    {"long", 9},
    {"unsignedLong", 10},
    {"float", 11},
    {"double", 12},
    {"boolean", 13},
    {"GUID", 14},
    {"hexBinary", 15},
    {"HexInt8", 16},
    {"HexInt16", 17},
    {"HexInt32", 18},
    {"HexInt64", 19},
    {"PID", 20},
    {"TID", 21},
    {"Port", 22},
    {"IPv4", 23},
    {"IPv6", 24},
    {"SocketAddress", 25},
    {"CIMDateTime", 26},
    {"ETWTIME", 27},
    {"Xml", 28},
    {"ErrorCode", 29},
    {"Win32Error", 30},
    {"NTSTATUS", 31},
    {"HResult", 32},
    {"DateTimeCultureInsensitive", 33},
    {"Json", 34},
    {"Utf8", 35},
    {"Pkcs7WithTypeInfo", 36},
    {"CodePointer", 37},
    {"DateTimeUtc", 38},
};

constexpr std::string_view kLevelNames[] = {"LogAlways", "Critical",    "Error",
                                            "Warning",   "Information", "Verbose"};

constexpr Named<uint8_t> kOpcodes[] = {
    {"Info", 0},    {"Start", 1},     {"Stop", 2},      {"DC_Start", 3},
    {"DC_Stop", 4}, {"Extension", 5}, {"Reply", 6},     {"Resume", 7},
    {"Suspend", 8}, {"Send", 9},      {"Receive", 240},
};

}  // namespace

std::optional<uint16_t> in_type_number(std::string_view name) noexcept {
    return find(kInTypes, local_name(name));
}
std::optional<uint16_t> out_type_number(std::string_view name) noexcept {
    return find(kOutTypes, local_name(name));
}

std::string_view level_name(uint8_t level) noexcept {
    return level < std::size(kLevelNames) ? kLevelNames[level] : std::string_view();
}

std::string_view opcode_name(uint8_t opcode) noexcept {
    switch (opcode) {  // as the classic kernel events write them
        case 3:
            return "DCStart";
        case 4:
            return "DCStop";
        default:
            break;
    }
    const auto at = std::find_if(std::begin(kOpcodes), std::end(kOpcodes),
                                 [&](const Named<uint8_t>& row) { return row.number == opcode; });
    return at == std::end(kOpcodes) ? std::string_view() : at->name;
}

std::string_view local_name(std::string_view name) noexcept {
    const size_t colon = name.rfind(':');
    return colon == name.npos ? name : name.substr(colon + 1);
}

}  // namespace etw::decode
