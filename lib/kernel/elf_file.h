// An ELF file of 64 bits that somebody else chose, opened to be read with libelf.
#pragma once
#include "base/unique_fd.h"
#include "etw/result.h"

#include <gelf.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace etw::kernel {

class ElfFile {
public:
    // Fails with the code of opening it, kInvalidData where it is no such file.
    static Result<ElfFile> open(const std::string& path);
    Elf* get() const noexcept { return elf_.get(); }
    // The bytes at an address of the loaded image; fewer where the file ends.
    std::vector<uint8_t> code_at(uint64_t address, size_t size) const;

private:
    using Handle = std::unique_ptr<Elf, decltype(&elf_end)>;
    ElfFile(UniqueFd fd, Handle elf) : fd_(std::move(fd)), elf_(std::move(elf)) {}

    UniqueFd fd_;
    Handle elf_;
};

// Where in the file the byte at an address of the loaded image is.
std::optional<uint64_t> file_offset(Elf* elf, uint64_t address);
// The reverse.
std::optional<uint64_t> image_address(Elf* elf, uint64_t file_offset);

}  // namespace etw::kernel
