#pragma once
#include "etw/result.h"

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace etw {

using Bytes = std::span<const std::byte>;  // a view; its contents are not checked yet

static_assert(std::endian::native == std::endian::little, "read() copies; add a swap to port");

template <class T>
concept Wire = std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T>;

// Cursor over untrusted bytes. Never reads outside, never needs alignment, never copies payload.
// Every failure carries the offset from the start of the view it was built on.
class ByteReader {
public:
    explicit ByteReader(Bytes all) noexcept : all_(all) {}

    // Returns the next sizeof(T) bytes as a T. Fails with kInvalidData if fewer remain.
    template <Wire T>
    Result<T> read(const char* what) {
        ETW_TRY(const Bytes raw, take(sizeof(T), what));
        T out;
        std::memcpy(&out, raw.data(), sizeof(T));
        return out;
    }

    // Returns a view of the next `size` bytes. `size` may come straight from the file.
    Result<Bytes> take(size_t size, const char* what) {
        if (size > all_.size() - pos_) return Error{Code::kInvalidData, what, pos_};
        const Bytes out = all_.subspan(pos_, size);
        pos_ += size;
        return out;
    }

    // Text written by ByteWriter::write_counted; the view is valid as long as the input.
    Result<std::string_view> take_counted(const char* what) {
        ETW_TRY(const auto size, read<uint32_t>(what));
        ETW_TRY(const Bytes text, take(size, what));
        return std::string_view(reinterpret_cast<const char*>(text.data()), text.size());
    }

    size_t offset() const noexcept { return pos_; }
    size_t remaining() const noexcept { return all_.size() - pos_; }
    Bytes rest() const noexcept { return all_.subspan(pos_); }

private:
    Bytes all_;
    size_t pos_ = 0;  // invariant: pos_ <= all_.size(), so the subtraction in take() cannot wrap
};

}  // namespace etw
