// Any bytes as an ELF file, and as the section of one: nothing is read outside, all ends, and what
// is found can be written as TMF and read back.
#include "support/elf_builder.h"
#include "tmf/elf_messages.h"
#include "tmf/elf_symbols.h"
#include "tmf/tmf_reader.h"
#include "tmf/tmf_writer.h"

#include <algorithm>
#include <cstdlib>

using namespace etw;

namespace {

void read(Bytes bytes) {
    const tmf::ReadAt read = [bytes](uint64_t offset, std::span<std::byte> out) -> Status {
        if (offset > bytes.size() || out.size() > bytes.size() - offset) std::abort();
        std::copy_n(bytes.begin() + ptrdiff_t(offset), out.size(), out.begin());
        return Ok{};
    };
    const auto elf = tmf::ElfFile::open(read, bytes.size());
    if (!elf) return;
    (void)tmf::debug_file_candidates(*elf, "/bin/program");
    if (const auto symbols = tmf::ElfSymbols::read(*elf)) {
        tmf::ElfSymbols::Found found;
        for (const auto& part : elf->loaded_parts()) {
            if (symbols->find(part.address, found) && found.name.empty()) std::abort();
        }
        for (uint64_t address = 0; address < 4096; address += 8) {
            if (symbols->find(address, found) && found.offset > address) std::abort();
        }
    }
    const auto found = tmf::read_elf_messages(*elf);
    if (!found) return;
    const std::string text = tmf::tmf_text({"program", 0, "fuzz"}, found->messages);
    const auto again = tmf::read_tmf(std::as_bytes(std::span(text)));
    if (again.messages.formats().size() > found->messages.formats().size()) std::abort();
}

}  // namespace

// Input that is no ELF file is the section of one.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const Bytes input = std::as_bytes(std::span(data, size));
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (text.starts_with(tmf::kElfMagic)) {
        read(input);
    } else {
        read(tmf::build_elf({{".etw.messages", {input.begin(), input.end()}}}));
        read(tmf::build_elf({{".symtab", {input.begin(), input.end()}},
                             {".strtab", {input.begin(), input.end()}}}));
    }
    return 0;
}
