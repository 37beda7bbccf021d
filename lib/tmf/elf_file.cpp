#include "tmf/elf_file.h"

#include <algorithm>

namespace etw::tmf {
namespace {

// Layouts: System V ABI, chapters 4 (object files) and 5. 64-bit files first.
struct Header64 {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_headers, section_headers;
    uint32_t flags;
    uint16_t header_size, program_header_size, program_header_count;
    uint16_t section_header_size, section_count, names_index;
};
struct Header32 {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint32_t entry, program_headers, section_headers;
    uint32_t flags;
    uint16_t header_size, program_header_size, program_header_count;
    uint16_t section_header_size, section_count, names_index;
};
static_assert(sizeof(Header64) == 64 && sizeof(Header32) == 52);
struct Section64 {
    uint32_t name, type;
    uint64_t flags, address, offset, size;
    uint32_t link, info;
    uint64_t alignment, entry_size;
};
struct Section32 {
    uint32_t name, type;
    uint32_t flags, address, offset, size;
    uint32_t link, info;
    uint32_t alignment, entry_size;
};
static_assert(sizeof(Section64) == 64 && sizeof(Section32) == 40);

constexpr size_t kClass = 4, kData = 5;  // in ident
constexpr uint8_t kClass32 = 1, kClass64 = 2, kLittleEndian = 1;
constexpr uint16_t kNamesElsewhere = 0xFFFF;  // SHN_XINDEX: in the first section's link
constexpr uint32_t kNoBits = 8;
constexpr uint64_t kLoaded = 0x2;
constexpr uint64_t kCompressed = 0x800;
constexpr uint64_t kMaxTable = 64u << 20;  // of headers, and of names
constexpr uint64_t kMaxSection = 256u << 20;

template <Wire T>
T load(const std::vector<std::byte>& from, size_t offset) {
    T out{};
    std::memcpy(&out, from.data() + offset, sizeof(out));
    return out;
}

// The same of both classes.
struct Table {
    uint64_t at;
    uint64_t count;
    uint64_t names_index;
    size_t entry_size;
};

Section64 widen(const Section32& s) {
    return {s.name, s.type, s.flags, s.address,   s.offset,
            s.size, s.link, s.info,  s.alignment, s.entry_size};
}

// `table` ends in a NUL.
std::string_view text_at(const std::vector<std::byte>& table, uint64_t offset) {
    return offset < table.size() ? reinterpret_cast<const char*>(table.data()) + offset : "";
}

}  // namespace

Result<std::vector<std::byte>> ElfFile::read_range(uint64_t offset, uint64_t size,
                                                   const char* what) const {
    if (offset > file_size_ || size > file_size_ - offset) {
        return Error{Code::kInvalidData, what, offset};
    }
    std::vector<std::byte> out(size);
    ETW_CHECK(read_(offset, out));
    return out;
}

Result<ElfFile> ElfFile::open(ReadAt read, uint64_t file_size) {
    ElfFile file(std::move(read), file_size);
    ETW_CHECK(file.read_sections());
    return file;
}

Status ElfFile::read_sections() {
    ETW_TRY(const auto ident, read_range(0, std::min<uint64_t>(file_size_, 16), "ELF: header"));
    const bool elf =
        ident.size() == 16 && std::memcmp(ident.data(), kElfMagic.data(), kElfMagic.size()) == 0;
    const auto ident_class = elf ? uint8_t(ident[kClass]) : uint8_t{0};
    if ((ident_class != kClass32 && ident_class != kClass64) ||
        uint8_t(ident[kData]) != kLittleEndian) {
        return Error{Code::kNotSupported, "not a little-endian ELF file"};
    }
    const bool wide = wide_ = ident_class == kClass64;
    Table table{};
    size_t header_size = 0;
    if (wide) {
        ETW_TRY(const auto bytes, read_range(0, sizeof(Header64), "ELF: header"));
        const auto h = load<Header64>(bytes, 0);
        table = {h.section_headers, h.section_count, h.names_index, sizeof(Section64)};
        header_size = h.section_header_size;
    } else {
        ETW_TRY(const auto bytes, read_range(0, sizeof(Header32), "ELF: header"));
        const auto h = load<Header32>(bytes, 0);
        table = {h.section_headers, h.section_count, h.names_index, sizeof(Section32)};
        header_size = h.section_header_size;
    }
    if (table.at == 0) return Ok{};
    if (header_size != table.entry_size) {
        return Error{Code::kInvalidData, "ELF: size of section headers", header_size};
    }
    const auto section_at = [&](const std::vector<std::byte>& headers, uint64_t index) {
        const size_t at = index * table.entry_size;
        return wide ? load<Section64>(headers, at) : widen(load<Section32>(headers, at));
    };
    ETW_TRY(const auto first, read_range(table.at, table.entry_size, "ELF: section headers"));
    if (table.count == 0) table.count = section_at(first, 0).size;
    if (table.names_index == kNamesElsewhere) table.names_index = section_at(first, 0).link;
    if (table.count > kMaxTable / table.entry_size || table.names_index >= table.count) {
        return Error{Code::kInvalidData, "ELF: number of sections", table.count};
    }
    ETW_TRY(const auto headers,
            read_range(table.at, table.count * table.entry_size, "ELF: section headers"));
    const Section64 names = section_at(headers, table.names_index);
    if (names.size > kMaxTable || names.type == kNoBits) {
        return Error{Code::kInvalidData, "ELF: section names", names.size};
    }
    ETW_TRY(auto name_table, read_range(names.offset, names.size, "ELF: section names"));
    name_table.push_back(std::byte{0});
    for (uint64_t i = 0; i < table.count; ++i) {
        const Section64 s = section_at(headers, i);
        // Names may share their bytes: what is kept of each is bounded.
        constexpr size_t kLongestName = 64;
        sections_.push_back({std::string(text_at(name_table, s.name).substr(0, kLongestName)),
                             s.type, s.flags, s.address, s.offset, s.size});
    }
    return Ok{};
}

std::vector<ElfFile::LoadedPart> ElfFile::loaded_parts() const {
    std::vector<LoadedPart> out;
    for (const Section& s : sections_) {
        if ((s.flags & kLoaded) != 0 && s.type != kNoBits)
            out.push_back({s.offset, s.size, s.address});
    }
    return out;
}

Result<std::vector<std::byte>> ElfFile::read_section(std::string_view name) const {
    const auto found = std::find_if(sections_.begin(), sections_.end(),
                                    [&](const Section& s) { return s.name == name; });
    if (found == sections_.end() || found->type == kNoBits) return std::vector<std::byte>();
    if ((found->flags & kCompressed) != 0) {
        return Error{Code::kNotSupported, "ELF: compressed section", found->offset};
    }
    if (found->size > kMaxSection) return Error{Code::kBadLength, "ELF: section", found->size};
    return read_range(found->offset, found->size, "ELF: section");
}

BuildId ElfFile::build_id() const {
    const auto notes = read_section(".note.gnu.build-id");
    return notes ? build_id_of_notes(*notes) : BuildId();
}

std::string ElfFile::debug_link() const {
    auto bytes = read_section(".gnu_debuglink");
    if (!bytes || bytes->empty()) return {};
    bytes->push_back(std::byte{0});
    return std::string(text_at(*bytes, 0));
}

}  // namespace etw::tmf
