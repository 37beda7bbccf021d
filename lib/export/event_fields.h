// Single fields of a decoded event by name, for the few events whose meaning exports know.
#pragma once
#include "base/utf16.h"
#include "decode/schema.h"
#include "etw/event.h"
#include "etw/log_reader.h"

#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace etw::exports {

inline const decode::Item* find_field(const decode::Event& event, std::string_view name) {
    for (const decode::Item& item : event.items) {
        if (item.kind == decode::Item::Kind::kValue && item.field->name == name) return &item;
    }
    return nullptr;
}

// An integer of up to 8 bytes, extended by its sign if it has one.
inline std::optional<int64_t> number_of(const decode::Item& item) {
    const size_t size = item.bytes.size();
    if (size == 0 || size > sizeof(int64_t)) return std::nullopt;
    uint64_t value = 0;
    std::memcpy(&value, item.bytes.data(), size);
    if (item.field->format == decode::Format::kSigned && size < sizeof(value)) {
        const uint64_t sign = uint64_t{1} << (size * 8 - 1);
        value = (value ^ sign) - sign;
    }
    return int64_t(value);
}

inline std::optional<int64_t> number_field(const decode::Event& event, std::string_view name) {
    const decode::Item* const item = find_field(event, name);
    return item == nullptr ? std::nullopt : number_of(*item);
}

// UTF-8 without control characters; "" where the event has no such text.
inline std::string text_field(const decode::Event& event, std::string_view name) {
    const decode::Item* const item = find_field(event, name);
    if (item == nullptr) return {};
    if (item->field->format == decode::Format::kUtf16) {
        return decode::clean_text(to_utf8(item->bytes));
    }
    if (item->field->format != decode::Format::kUtf8) return {};
    return decode::clean_text(
        {reinterpret_cast<const char*>(item->bytes.data()), item->bytes.size()});
}

// An event of the kernel's classes, whose name is that of the class. Manifests have tasks of the
// same names; their events are described from outside.
inline bool is_kernel(const decode::Event& event) {
    return !event.opcode.empty() && event.names == nullptr;
}
// Of this class, as "Thread".
inline bool is_kernel(const decode::Event& event, std::string_view name) {
    return is_kernel(event) && event.name == name;
}

// The name of an event and its provider's, or what stands in their place where nobody knows them.
inline void append_name(std::string& out, const etl::Record& record, const decode::Event& event) {
    if (event.name.empty()) {
        const auto& number = record.descriptor;
        out += number.id != 0 ? "Event " : "Opcode ";
        out += std::to_string(number.id != 0 ? number.id : number.opcode);
        return;
    }
    out += event.name;
    if (!event.opcode.empty()) out.append("/").append(event.opcode);
}
inline void append_provider(std::string& out, const etl::Record& record,
                            const decode::Event& event) {
    if (event.provider.empty()) {
        out += to_string(record.provider);
    } else {
        out += event.provider;
    }
}

constexpr uint32_t kNoId = UINT32_MAX;  // a record without process and thread

}  // namespace etw::exports
