// Sections of ELF files, 32- and 64-bit, as far as trace messages and names of addresses need them.
// This is read on every platform that the tools are built for, and libelf is not to be had on all
// of them; what is needed of it is this page. The file is untrusted.
#pragma once
#include "base/build_id.h"
#include "tmf/read_at.h"

#include <string>
#include <string_view>
#include <vector>

namespace etw::tmf {

constexpr std::string_view kElfMagic = "\177ELF";

class ElfFile {
public:
    // Fails with kNotSupported where the file is no ELF file or is big-endian, with kInvalidData
    // where its section table is damaged. A file without one has no sections.
    static Result<ElfFile> open(ReadAt read, uint64_t file_size);

    // Empty where there is no such section, or none with contents in this file (as code has none
    // in a separate debug file). Fails with kInvalidData where it lies outside the file,
    // kNotSupported where it is compressed, kBadLength above 256 MB.
    Result<std::vector<std::byte>> read_section(std::string_view name) const;

    // Of the GNU note; empty where there is none.
    BuildId build_id() const;
    // Name of the file with the debug information, as .gnu_debuglink says; empty: none.
    std::string debug_link() const;

    bool is_64_bit() const noexcept { return wide_; }
    // What is loaded where: bytes of the file, and the address of the first as symbols have it.
    struct LoadedPart {
        uint64_t offset, size, address;
    };
    std::vector<LoadedPart> loaded_parts() const;

private:
    struct Section {
        std::string name;
        uint32_t type;
        uint64_t flags, address, offset, size;
    };

    ElfFile(ReadAt read, uint64_t file_size) : read_(std::move(read)), file_size_(file_size) {}
    Status read_sections();
    Result<std::vector<std::byte>> read_range(uint64_t offset, uint64_t size,
                                              const char* what) const;

    ReadAt read_;
    uint64_t file_size_;
    bool wide_ = true;
    std::vector<Section> sections_;
};

}  // namespace etw::tmf
