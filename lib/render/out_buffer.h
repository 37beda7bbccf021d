// Where text is formatted into: a block of bytes that grows and is used again and again.
#pragma once
#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

namespace etw::render {

// memcpy for what is mostly short, such as the name of a field: up to 32 bytes are two copies of a
// fixed size that may overlap. Returns the end.
inline char* put_text(char* p, std::string_view text) noexcept {
    const size_t size = text.size();
    const char* const from = text.data();
    if (size >= 8 && size < 16) {
        std::memcpy(p, from, 8);
        std::memcpy(p + size - 8, from + size - 8, 8);
    } else if (size >= 16 && size <= 32) {
        std::memcpy(p, from, 16);
        std::memcpy(p + size - 16, from + size - 16, 16);
    } else if (size != 0) {  // memcpy wants places, also for nothing
        std::memcpy(p, from, size);
    }
    return p + size;
}

class OutBuffer {
public:
    // At least `size` writable bytes at the end. Write, then commit() what was used.
    char* reserve(size_t size) {
        if (size > capacity_ - size_) grow(size);
        return data_.get() + size_;
    }
    void commit(const char* end) noexcept { size_ = size_t(end - data_.get()); }
    // Behind the last of the bytes that are writable.
    const char* limit() const noexcept { return data_.get() + capacity_; }

    void append(std::string_view text) {
        if (text.empty()) return;  // memcpy wants places, also for nothing
        std::memcpy(reserve(text.size()), text.data(), text.size());
        size_ += text.size();
    }
    void append(char c) {
        *reserve(1) = c;
        ++size_;
    }

    void replace(size_t at, char c) noexcept { data_[at] = c; }

    std::string_view view() const noexcept { return {data_.get(), size_}; }
    size_t size() const noexcept { return size_; }
    void clear() noexcept { size_ = 0; }

private:
    void grow(size_t size) {
        const size_t capacity = std::max(capacity_ * 2, size_ + size);
        std::unique_ptr<char[]> data(new char[capacity]);
        if (size_ != 0) std::memcpy(data.get(), data_.get(), size_);
        data_ = std::move(data);
        capacity_ = capacity;
    }

    std::unique_ptr<char[]> data_;
    size_t size_ = 0;
    size_t capacity_ = 0;
};

}  // namespace etw::render
