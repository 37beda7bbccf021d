// Makes a small ELF file around sections, for tests of what reads them.
#pragma once
#include "etw/bytes.h"

#include <string>
#include <utility>
#include <vector>

namespace etw::tmf {

struct ElfSection {
    std::string name;
    std::vector<std::byte> contents;
    uint32_t type = 1;  // SHT_PROGBITS
    uint64_t flags = 0;
};

inline std::vector<std::byte> bytes_of(std::string_view text) {
    const auto* data = reinterpret_cast<const std::byte*>(text.data());
    return {data, data + text.size()};
}

// Header, contents, names, section headers. 64-bit or 32-bit, little-endian.
inline std::vector<std::byte> build_elf(std::vector<ElfSection> sections, bool wide = true) {
    std::vector<std::byte> out(wide ? 64 : 52);
    const auto put = [&out](uint64_t value, size_t size) {
        for (size_t i = 0; i < size; ++i) out.push_back(std::byte(value >> 8 * i));
    };
    const auto set = [&out](size_t at, uint64_t value, size_t size) {
        for (size_t i = 0; i < size; ++i) out[at + i] = std::byte(value >> 8 * i);
    };
    std::string names(1, '\0');
    struct Place {
        size_t name, offset;
    };
    std::vector<Place> places;
    sections.push_back({".shstrtab", {}, 3, 0});
    for (ElfSection& section : sections) {
        places.push_back({names.size(), out.size()});
        names += section.name + '\0';
        if (&section == &sections.back()) section.contents = bytes_of(names);
        out.insert(out.end(), section.contents.begin(), section.contents.end());
    }
    const size_t table = out.size();
    const size_t word = wide ? 8 : 4;
    out.resize(table + (wide ? 64 : 40));  // the first section is none
    for (size_t i = 0; i < sections.size(); ++i) {
        put(places[i].name, 4);
        put(sections[i].type, 4);
        put(sections[i].flags, word);
        put(0, word);
        put(places[i].offset, word);
        put(sections[i].contents.size(), word);
        put(0, 8);
        put(1, word);
        put(0, word);
    }
    set(0, 0x464C457F, 4);
    set(4, wide ? 2 : 1, 1);
    set(5, 1, 1);
    set(6, 1, 1);
    set(wide ? 40 : 32, table, word);
    set(wide ? 58 : 46, wide ? 64 : 40, 2);
    set(wide ? 60 : 48, sections.size() + 1, 2);
    set(wide ? 62 : 50, sections.size(), 2);
    return out;
}

}  // namespace etw::tmf
