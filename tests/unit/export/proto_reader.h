// Messages of protocol buffers as a tree, for tests.
#pragma once
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etw::exports::test {

struct ProtoField {
    uint32_t number = 0;
    uint64_t value = 0;     // of a number
    std::string_view data;  // of a text or a message
};

class ProtoMessage {
public:
    explicit ProtoMessage(std::string_view data) {
        while (!data.empty()) {
            const auto key = varint(data);
            ProtoField field;
            field.number = uint32_t(key >> 3);
            switch (key & 7) {
                case 0:
                    field.value = varint(data);
                    break;
                case 1:
                    if (data.size() < 8) {
                        data = fail();
                        break;
                    }
                    std::memcpy(&field.value, data.data(), 8);
                    data.remove_prefix(8);
                    break;
                case 2: {
                    const uint64_t size = varint(data);
                    if (size > data.size()) {
                        data = fail();
                        break;
                    }
                    field.data = data.substr(0, size);
                    data.remove_prefix(size);
                    break;
                }
                default:
                    data = fail();
            }
            fields_.push_back(field);
        }
    }

    bool valid() const { return valid_; }
    std::vector<ProtoMessage> all(uint32_t number) const {
        std::vector<ProtoMessage> out;
        for (const ProtoField& field : fields_) {
            if (field.number == number) out.emplace_back(field.data);
        }
        return out;
    }
    std::optional<ProtoMessage> one(uint32_t number) const {
        const auto found = all(number);
        return found.empty() ? std::nullopt : std::optional(found.front());
    }
    uint64_t number(uint32_t wanted) const {
        for (const ProtoField& field : fields_) {
            if (field.number == wanted) return field.value;
        }
        return 0;
    }
    std::string text(uint32_t wanted) const {
        for (const ProtoField& field : fields_) {
            if (field.number == wanted) return std::string(field.data);
        }
        return "";
    }

private:
    // Returns what is left to read: nothing.
    std::string_view fail() {
        valid_ = false;
        return {};
    }
    static uint64_t varint(std::string_view& data) {
        uint64_t value = 0;
        for (unsigned shift = 0; !data.empty() && shift < 64; shift += 7) {
            const auto byte = uint8_t(data.front());
            data.remove_prefix(1);
            value |= uint64_t(byte & 0x7F) << shift;
            if (byte < 0x80) break;
        }
        return value;
    }
    std::vector<ProtoField> fields_;
    bool valid_ = true;
};

}  // namespace etw::exports::test
