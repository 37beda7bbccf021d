// Protocol buffer messages, as far as traces need them:
// https://protobuf.dev/programming-guides/encoding
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace etw::exports {

class ProtoWriter {
public:
    void number(uint32_t field, uint64_t value) {
        char bytes[2 * kMaxVarint];
        char* const end = put_varint(put_varint(bytes, field << 3 | kVarint), value);
        out_.append(bytes, size_t(end - bytes));
    }
    void signed_number(uint32_t field, int64_t value) { number(field, uint64_t(value)); }
    void real(uint32_t field, double value) {
        varint(field << 3 | kFixed64);
        const auto bits = std::bit_cast<uint64_t>(value);
        for (int i = 0; i < 8; ++i) out_ += char(bits >> (8 * i));
    }
    void text(uint32_t field, std::string_view value) {
        varint(field << 3 | kLength);
        varint(value.size());
        out_ += value;
    }

    // A message inside: what is written between begin() and end() belongs to it. The length takes
    // four bytes whatever it is, so that nothing has to be moved; a reader takes that as it is.
    [[nodiscard]] size_t begin(uint32_t field) {
        varint(field << 3 | kLength);
        out_.append(kLengthBytes, '\0');
        return out_.size();
    }
    void end(size_t begun) {
        const size_t length = out_.size() - begun;
        for (size_t i = 0; i < kLengthBytes; ++i) {
            const auto more = i + 1 < kLengthBytes ? 0x80u : 0u;
            out_[begun - kLengthBytes + i] = char((length >> (7 * i) & 0x7F) | more);
        }
    }

    std::string_view view() const noexcept { return out_; }
    void clear() noexcept { out_.clear(); }

private:
    enum : uint32_t { kVarint = 0, kFixed64 = 1, kLength = 2 };
    static constexpr size_t kLengthBytes = 4;  // 256 MB: far above what an event becomes

    static constexpr size_t kMaxVarint = 10;

    static char* put_varint(char* p, uint64_t value) {
        for (; value >= 0x80; value >>= 7) *p++ = char(value | 0x80);
        *p++ = char(value);
        return p;
    }
    void varint(uint64_t value) {
        char bytes[kMaxVarint];
        out_.append(bytes, size_t(put_varint(bytes, value) - bytes));
    }

    std::string out_;
};

}  // namespace etw::exports
