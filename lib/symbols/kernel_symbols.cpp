#include "symbols/kernel_symbols.h"

#include "tmf/elf_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <tuple>

namespace etw::symbols {
namespace {

constexpr char kList[] = "/proc/kallsyms";
constexpr char kModules[] = "/proc/modules";
constexpr char kNotes[] = "/sys/kernel/notes";
constexpr char kKernelBegins[] = "_text";
constexpr std::string_view kCode = "tTwW";

std::string read_all(const char* path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// "ffffffff81000000 T _text" or "ffffffffc0001000 t ext4_sync\t[ext4]".
struct Line {
    uint64_t address = 0;
    char type = '\0';
    std::string_view name;
    std::string_view module;
};

std::optional<Line> parse_line(std::string_view text) {
    Line out;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), out.address, 16);
    text.remove_prefix(size_t(end - text.data()));
    if (error != std::errc() || text.size() < 4 || text[0] != ' ' || text[2] != ' ')
        return std::nullopt;
    out.type = text[1];
    text.remove_prefix(3);
    const size_t tab = std::min(text.find('\t'), text.size());
    out.name = text.substr(0, tab);
    if (tab != text.size()) out.module = text.substr(tab + 1);
    return out;
}

}  // namespace

KernelSymbols KernelSymbols::parse(std::string_view list, std::string_view modules) {
    KernelSymbols out;
    std::map<std::string, uint64_t, std::less<>> begins;
    std::istringstream lines{std::string(modules)};
    for (std::string line; std::getline(lines, line);) {
        // name size users dependents state address
        std::istringstream words(line);
        std::string name, size, users, dependents, state, address;
        if (words >> name >> size >> users >> dependents >> state >> address)
            begins["[" + name + "]"] = std::strtoull(address.c_str(), nullptr, 16);
    }
    while (!list.empty()) {
        const size_t end = std::min(list.find('\n'), list.size());
        const auto line = parse_line(list.substr(0, end));
        list.remove_prefix(std::min(end + 1, list.size()));
        if (!line || line->address == 0 || kCode.find(line->type) == kCode.npos) continue;
        if (line->name == kKernelBegins) begins[""] = line->address;
        auto part = out.parts_.find(line->module);
        if (part == out.parts_.end())
            part = out.parts_.emplace(std::string(line->module), std::vector<Symbol>()).first;
        part->second.push_back({line->address, std::string(line->name)});
    }
    for (auto& [module, symbols] : out.parts_) {
        const uint64_t begin = begins[module];
        std::erase_if(symbols, [&](const Symbol& s) { return begin == 0 || s.offset < begin; });
        for (Symbol& symbol : symbols) symbol.offset -= begin;
        std::sort(symbols.begin(), symbols.end(), [](const Symbol& a, const Symbol& b) {
            const auto key = [](const Symbol& s) {
                return std::tuple(s.offset, s.name.starts_with('_'), std::string_view(s.name));
            };
            return key(a) < key(b);
        });
    }
    return out;
}

KernelSymbols KernelSymbols::of_running(Bytes build_id) {
    const std::string notes = read_all(kNotes);
    const auto id = build_id_of_notes(std::as_bytes(std::span(notes)));
    if (build_id.empty() || build_id.size() > id.size() ||
        !std::equal(build_id.begin(), build_id.end(), id.begin())) {
        return {};
    }
    return parse(read_all(kList), read_all(kModules));
}

std::string KernelSymbols::name(std::string_view module, uint64_t offset) const {
    const auto part = parts_.find(module);
    if (part == parts_.end()) return {};
    const auto& symbols = part->second;
    const auto after = std::upper_bound(symbols.begin(), symbols.end(), offset,
                                        [](uint64_t at, const Symbol& s) { return at < s.offset; });
    // Behind the last one may be anything.
    if (after == symbols.begin() || after == symbols.end()) return {};
    // Of several names at one place the plainest.
    const auto first = std::lower_bound(symbols.begin(), after, std::prev(after)->offset,
                                        [](const Symbol& s, uint64_t at) { return s.offset < at; });
    return fmt::format("{}+{:#x}", first->name, offset - first->offset);
}

}  // namespace etw::symbols
