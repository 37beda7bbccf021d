// A small compressor for synthetic streams: greedy, and every length in its shortest form.
#pragma once
#include "etw/bytes.h"

#include <vector>

namespace etw::etl::test {

class XpressCompressor {
public:
    static std::vector<std::byte> compress(Bytes in) {
        XpressCompressor c;
        for (size_t at = 0; at < in.size();) {
            const auto [distance, length] = longest_match(in, at);
            if (length >= 3) {
                c.match(distance, length);
                at += length;
            } else {
                c.literal(in[at++]);
            }
        }
        return c.finish();
    }

    void literal(std::byte value) {
        flag(false);
        out_.push_back(value);
    }
    void match(size_t distance, size_t length) {
        flag(true);
        const size_t extra = length - 3;
        put<uint16_t>(uint16_t((distance - 1) << 3 | std::min<size_t>(extra, 7)));
        if (extra < 7) return;
        put_nibble(std::min<size_t>(extra - 7, 15));
        if (extra < 22) return;
        put<uint8_t>(uint8_t(std::min<size_t>(extra - 22, 255)));
        if (extra - 22 < 255) return;
        if (extra <= UINT16_MAX) return put<uint16_t>(uint16_t(extra));
        put<uint16_t>(0);
        put<uint32_t>(uint32_t(extra));
    }
    // Unused flags are 1; a stream that ends with a word has an empty one behind.
    std::vector<std::byte> finish() {
        if (used_ == 32) {
            put<uint32_t>(UINT32_MAX);
        } else {
            const uint32_t unused = used_ == 0 ? UINT32_MAX : (uint32_t{1} << (32 - used_)) - 1;
            flags_ |= unused;
            std::memcpy(out_.data() + flags_at_, &flags_, 4);
        }
        return std::move(out_);
    }

private:
    void flag(bool is_match) {
        if (used_ == 32) {
            flags_at_ = out_.size();
            flags_ = 0;
            used_ = 0;
            put<uint32_t>(0);
        }
        if (is_match) flags_ |= uint32_t{1} << (31 - used_);
        ++used_;
        std::memcpy(out_.data() + flags_at_, &flags_, 4);
    }
    template <class T>
    void put(T value) {
        const Bytes raw = std::as_bytes(std::span(&value, 1));
        out_.insert(out_.end(), raw.begin(), raw.end());
    }
    void put_nibble(size_t value) {
        if (nibble_at_ == 0) {
            nibble_at_ = out_.size();
            put<uint8_t>(uint8_t(value));
        } else {
            out_[nibble_at_] |= std::byte(value << 4);
            nibble_at_ = 0;
        }
    }
    static std::pair<size_t, size_t> longest_match(Bytes in, size_t at) {
        size_t best_distance = 0, best = 0;
        for (size_t distance = 1; distance <= std::min<size_t>(at, 512); ++distance) {
            size_t length = 0;
            while (at + length < in.size() && in[at + length] == in[at + length - distance]) {
                ++length;
            }
            if (length > best) best_distance = distance, best = length;
        }
        return {best_distance, best};
    }

    std::vector<std::byte> out_;
    size_t flags_at_ = 0;
    size_t nibble_at_ = 0;  // 0: none is open; no nibble can be at 0
    uint32_t flags_ = 0;
    unsigned used_ = 32;
};

}  // namespace etw::etl::test
