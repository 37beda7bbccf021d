// Memory of a file that other processes may have mapped, too.
#pragma once
#include "base/unique_fd.h"
#include "etw/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace etw {

// Unmapped at its end, or by `= {}`. What was moved from is empty.
class Mapping {
public:
    // `what`: for the error that mmap() fails with.
    static Result<Mapping> of(const UniqueFd& fd, size_t size, const char* what,
                              bool writable = true);
    Mapping() = default;

    std::byte* get() const noexcept { return memory_.get(); }
    template <class T>
    T& as() const noexcept {
        return *reinterpret_cast<T*>(memory_.get());
    }
    size_t size() const noexcept { return memory_.get_deleter().size; }
    explicit operator bool() const noexcept { return bool(memory_); }

private:
    struct Unmap {
        size_t size;
        void operator()(std::byte* memory) const noexcept;
    };
    Mapping(std::byte* memory, size_t size) noexcept : memory_(memory, Unmap{size}) {}
    std::unique_ptr<std::byte, Unmap> memory_;
};

// A memory file of this size that is there as a whole: who writes to it meets no lack of memory,
// and nobody who has it can make it smaller or larger. Goes on exec to nobody.
Result<UniqueFd> make_memory_file(const char* name, uint64_t size);

}  // namespace etw
