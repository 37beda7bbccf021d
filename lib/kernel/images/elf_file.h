// An ELF file of 64 bits that somebody else chose, opened to be read with libelf.
#pragma once
#include "base/file.h"

#include <gelf.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etw::kernel {

struct ElfSymbol {
    std::string_view name;  // good as long as the file is open
    uint64_t address = 0;   // of the loaded image
    uint64_t size = 0;
};

class ElfFile {
public:
    // Opening it neither waits nor does anything, whatever it is. Fails with the code of opening
    // it, kInvalidData where it is no such file.
    static Result<ElfFile> open(const std::string& path);
    Elf* get() const noexcept { return elf_.get(); }
    // That a table of symbols (SHT_DYNSYM, SHT_SYMTAB) defines.
    std::vector<ElfSymbol> functions(uint32_t table) const;
    // The bytes at an address of the loaded image; fewer where the file ends.
    std::vector<uint8_t> code_at(uint64_t address, size_t size) const;

private:
    using Handle = std::unique_ptr<Elf, decltype(&elf_end)>;
    ElfFile(File file, Handle elf) : file_(std::move(file)), elf_(std::move(elf)) {}

    File file_;
    Handle elf_;
};

// Where in the file the byte at an address of the loaded image is.
std::optional<uint64_t> file_offset(Elf* elf, uint64_t address);
// The reverse.
std::optional<uint64_t> image_address(Elf* elf, uint64_t file_offset);

}  // namespace etw::kernel
