// Names of the functions of an ELF file, by address. The file is untrusted.
#pragma once
#include "tmf/elf_file.h"

#include <string_view>
#include <vector>

namespace etw::tmf {

class ElfSymbols {
public:
    // Of .symtab; where the file has none, of .dynsym. Without either there are none.
    static Result<ElfSymbols> read(const ElfFile& file);

    bool empty() const noexcept { return symbols_.empty(); }
    struct Found {
        std::string_view name;  // as the linker has it; valid as long as this
        uint64_t offset;        // of the address in the function
    };
    // Addresses are those of the file, not of a process. False: no function is there.
    bool find(uint64_t address, Found& out) const;

private:
    struct Symbol {
        uint64_t address;
        uint64_t size;
        uint32_t name;  // in names_
        uint8_t rank;   // of several at an address the lowest counts
    };
    std::string_view name_of(const Symbol& symbol) const;

    std::vector<Symbol> symbols_;   // by address, one for each
    std::vector<std::byte> names_;  // ends in a NUL
};

}  // namespace etw::tmf
