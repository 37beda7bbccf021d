#include "tmf/binary.h"

#include "tmf/elf_messages.h"
#include "tmf/pdb.h"

#include <array>

namespace etw::tmf {
namespace {

constexpr std::string_view kMsfBegins = "Microsoft C/C++ ";

Result<BinaryMessages> read_pdb(const File& file, uint64_t size) {
    ETW_TRY(auto msf, MsfFile::open(reader_of(file), size));
    ETW_TRY(PdbMessages pdb, read_pdb_messages(msf));
    return BinaryMessages{std::move(pdb.messages), std::move(pdb.skipped), pdb.damaged_modules};
}

// Of the file itself, or, where they have been moved there, of its debug information.
Result<BinaryMessages> read_elf(const File& file, uint64_t size, const std::string& path) {
    ETW_TRY(const auto elf, ElfFile::open(reader_of(file), size));
    ETW_TRY(ElfMessages own, read_elf_messages(elf));
    if (own.messages.empty() && own.damaged_entries == 0) {
        for (const std::string& candidate : debug_file_candidates(elf, path)) {
            const auto debug = File::open_read(candidate);
            if (!debug) continue;
            ETW_TRY(const uint64_t debug_size, debug->size());
            const auto debug_elf = ElfFile::open(reader_of(*debug), debug_size);
            if (!debug_elf || debug_elf->build_id() != elf.build_id()) continue;
            auto found = read_elf_messages(*debug_elf);
            if (!found || found->messages.empty()) continue;
            own = std::move(*found);
            break;
        }
    }
    return BinaryMessages{std::move(own.messages), {}, own.damaged_entries};
}

}  // namespace

Result<BinaryMessages> read_binary(const std::string& path) {
    ETW_TRY(const File file, File::open_read(path));
    ETW_TRY(const uint64_t size, file.size());
    std::array<char, kMsfBegins.size()> start{};
    if (size >= start.size()) ETW_CHECK(file.read_at(0, std::as_writable_bytes(std::span(start))));
    const std::string_view magic(start.data(), start.size());
    if (magic == kMsfBegins) return read_pdb(file, size);
    if (magic.starts_with(kElfMagic)) return read_elf(file, size, path);
    return Error{Code::kNotSupported, "neither a PDB file nor an ELF binary"};
}

}  // namespace etw::tmf
