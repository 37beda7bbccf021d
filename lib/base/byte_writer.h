#pragma once
#include "etw/bytes.h"

#include <string_view>
#include <vector>

namespace etw {

// The writing side of ByteReader: little-endian values back to back, growing as needed.
class ByteWriter {
public:
    template <Wire T>
    void write(const T& value) {
        append(std::as_bytes(std::span(&value, 1)));
    }
    void append(Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
    void append_text(std::string_view text) { append(std::as_bytes(std::span(text))); }
    // A u32 byte count, then the bytes.
    void write_counted(std::string_view text) {
        write(uint32_t(text.size()));
        append_text(text);
    }

    size_t size() const noexcept { return out_.size(); }
    Bytes bytes() const noexcept { return out_; }
    std::vector<std::byte> take() { return std::move(out_); }

private:
    std::vector<std::byte> out_;
};

}  // namespace etw
