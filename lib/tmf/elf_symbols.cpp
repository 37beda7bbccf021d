#include "tmf/elf_symbols.h"

#include <algorithm>
#include <tuple>

namespace etw::tmf {
namespace {

// Layouts: System V ABI, chapter 4, "Symbol Table".
struct Symbol64 {
    uint32_t name;
    uint8_t info, other;
    uint16_t section;
    uint64_t value, size;
};
struct Symbol32 {
    uint32_t name;
    uint32_t value, size;
    uint8_t info, other;
    uint16_t section;
};
static_assert(sizeof(Symbol64) == 24 && sizeof(Symbol32) == 16);

constexpr uint8_t kFunction = 2, kIndirectFunction = 10;  // type: low half of info
constexpr uint8_t kLocal = 0, kGlobal = 1;                // binding: high half
constexpr size_t kLongestName = 4096;

Symbol64 widen(const Symbol32& s) { return {s.name, s.info, s.other, s.section, s.value, s.size}; }

}  // namespace

std::string_view ElfSymbols::name_of(const Symbol& symbol) const {
    if (symbol.name >= names_.size()) return {};
    const char* begin = reinterpret_cast<const char*>(names_.data()) + symbol.name;
    const size_t most = std::min(names_.size() - symbol.name, kLongestName);
    const void* end = std::memchr(begin, '\0', most);
    return end == nullptr ? std::string_view()
                          : std::string_view(begin, size_t(static_cast<const char*>(end) - begin));
}

Result<ElfSymbols> ElfSymbols::read(const ElfFile& file) {
    ElfSymbols out;
    ETW_TRY(auto table, file.read_section(".symtab"));
    const char* names = ".strtab";
    if (table.empty()) {
        ETW_TRY(table, file.read_section(".dynsym"));
        names = ".dynstr";
    }
    if (table.empty()) return out;
    ETW_TRY(out.names_, file.read_section(names));
    out.names_.push_back(std::byte{0});
    const size_t entry = file.is_64_bit() ? sizeof(Symbol64) : sizeof(Symbol32);
    for (size_t at = 0; table.size() - at >= entry; at += entry) {
        Symbol64 s{};
        if (file.is_64_bit()) {
            std::memcpy(&s, table.data() + at, sizeof(s));
        } else {
            Symbol32 narrow{};
            std::memcpy(&narrow, table.data() + at, sizeof(narrow));
            s = widen(narrow);
        }
        const auto type = uint8_t(s.info & 0xF);
        const auto binding = uint8_t(s.info >> 4);
        if ((type != kFunction && type != kIndirectFunction) || s.section == 0) continue;
        const uint8_t rank = binding == kGlobal ? 0 : binding == kLocal ? 2 : 1;
        out.symbols_.push_back({s.value, s.size, s.name, rank});
    }
    // Of names for the same the plainest: write, not __write or __libc_write.
    const auto key = [&out](const Symbol& s) {
        const std::string_view name = out.name_of(s);
        return std::tuple(s.address, s.size == 0, name.starts_with('_'), name.empty(), s.rank,
                          name.size(), name);
    };
    std::sort(out.symbols_.begin(), out.symbols_.end(),
              [&](const Symbol& a, const Symbol& b) { return key(a) < key(b); });
    const auto same = [](const Symbol& a, const Symbol& b) { return a.address == b.address; };
    out.symbols_.erase(std::unique(out.symbols_.begin(), out.symbols_.end(), same),
                       out.symbols_.end());
    return out;
}

bool ElfSymbols::find(uint64_t address, Found& out) const {
    const auto after = std::upper_bound(symbols_.begin(), symbols_.end(), address,
                                        [](uint64_t a, const Symbol& s) { return a < s.address; });
    if (after == symbols_.begin()) return false;
    const Symbol& symbol = *std::prev(after);
    const uint64_t offset = address - symbol.address;
    // Functions in assembler may have no size: they go on to the next one.
    if (symbol.size != 0 && offset >= symbol.size) return false;
    if (symbol.size == 0 && after == symbols_.end()) return false;
    out = {name_of(symbol), offset};
    return !out.name.empty();
}

}  // namespace etw::tmf
