// Any bytes as a self-describing event, and what must hold of its text.
#pragma once
#include "base/utf16.h"
#include "etw/log_reader.h"

#include <algorithm>
#include <vector>

namespace etw::fuzz {

inline bool is_valid_utf8(std::string_view text) {
    while (!text.empty()) {
        size_t used = 0;
        const bool replaced = decode_utf8(text, used) == kReplacementCharacter;
        if (replaced && used == 1) return false;  // the character itself takes three bytes
        text.remove_prefix(used);
    }
    return true;
}

inline bool is_one_line(std::string_view text) {
    for (size_t i = 0; i + 1 < text.size(); ++i) {
        if (uint8_t(text[i]) < 0x20) return false;
    }
    return !text.empty() && text.back() == '\n';
}

inline std::vector<std::byte> schema_item(Bytes schema) {
    const size_t size = wire::align8(sizeof(wire::ExtendedItem) + schema.size());
    const wire::ExtendedItem item{uint16_t(size), uint16_t(wire::ExtendedType::kEventSchemaTl), 0,
                                  uint16_t(schema.size())};
    std::vector<std::byte> out(size);
    std::memcpy(out.data(), &item, sizeof(item));
    if (!schema.empty()) std::memcpy(out.data() + sizeof(item), schema.data(), schema.size());
    return out;
}

// Input: u16 size of the schema, the schema (its own size is made right), the payload.
class DescribedRecord {
public:
    // At least 2 and at most 60,000 bytes.
    DescribedRecord(const uint8_t* data, size_t size) : bytes_(size - 2) {
        if (!bytes_.empty()) std::memcpy(bytes_.data(), data + 2, bytes_.size());
        const auto schema_size = uint16_t(std::min(size_t(data[0] | data[1] << 8), bytes_.size()));
        if (schema_size >= 2) std::memcpy(bytes_.data(), &schema_size, sizeof(schema_size));
        chain_ = schema_item(Bytes(bytes_).first(schema_size));
        record.type = wire::HeaderType::kEvent64;
        record.extended = chain_;
        record.payload = Bytes(bytes_).subspan(schema_size);
    }
    DescribedRecord(const DescribedRecord&) = delete;
    DescribedRecord& operator=(const DescribedRecord&) = delete;

    etl::Record record;

private:
    std::vector<std::byte> bytes_, chain_;
};

}  // namespace etw::fuzz
