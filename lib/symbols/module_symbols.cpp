#include "symbols/module_symbols.h"

#include "base/file.h"
#include "tmf/elf_messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#if __has_include(<cxxabi.h>)
#include <cxxabi.h>
#endif

namespace etw::symbols {
namespace {

constexpr size_t kMaxName = 1024;  // of a function as it is shown

struct OpenElf {
    std::unique_ptr<File> file;  // what `elf` reads from
    tmf::ElfFile elf;
};

std::optional<OpenElf> open_elf(const std::string& path) {
    auto opened = File::open_read(path);
    if (!opened) return std::nullopt;
    auto file = std::make_unique<File>(std::move(*opened));
    const auto size = file->size();
    if (!size) return std::nullopt;
    auto elf = tmf::ElfFile::open(
        [from = file.get()](uint64_t offset, std::span<std::byte> out) {
            return from->read_at(offset, out);
        },
        *size);
    if (!elf) return std::nullopt;
    return OpenElf{std::move(file), std::move(*elf)};
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Whether the file begins with what is known of the mapped one's build id.
bool is_file_of(const decode::Module& module, const tmf::ElfFile& elf) {
    const auto id = elf.build_id();
    return module.build_id.size() <= id.size() &&
           std::equal(module.build_id.begin(), module.build_id.end(), id.begin());
}

std::string hex(const std::vector<std::byte>& bytes) {
    std::string out;
    for (const std::byte b : bytes) out += fmt::format("{:02x}", uint8_t(b));
    return out;
}

std::vector<std::string> debug_files(const tmf::ElfFile& elf, const std::string& path,
                                     const std::vector<std::string>& folders) {
    std::vector<std::string> out;
    const std::string id = hex(elf.build_id());
    const std::string link = base_name(elf.debug_link());
    for (const std::string& folder : folders) {
        if (id.size() > 2) {
            out.push_back(
                fmt::format("{}/.build-id/{}/{}.debug", folder, id.substr(0, 2), id.substr(2)));
        }
        if (!link.empty()) out.push_back(folder + "/" + link);
    }
    for (std::string& candidate : tmf::debug_file_candidates(elf, path))
        out.push_back(std::move(candidate));
    return out;
}

}  // namespace

std::string demangled(std::string_view name) {
    std::string out(name);
#if __has_include(<cxxabi.h>)
    if (name.starts_with("_Z")) {
        int status = 0;
        const std::unique_ptr<char, decltype(&std::free)> text(
            abi::__cxa_demangle(out.c_str(), nullptr, nullptr, &status), &std::free);
        if (status == 0 && text != nullptr) out = text.get();
    }
#endif
    if (out.size() > kMaxName) out.resize(kMaxName);
    return out;
}

ModuleSymbols ModuleSymbols::load(const decode::Module& module,
                                  const std::vector<std::string>& folders) {
    ModuleSymbols out;
    if (!module.path.starts_with('/')) return out;
    std::vector<std::string> places;
    for (const std::string& folder : folders) {
        places.push_back(folder + module.path);
        places.push_back(folder + "/" + base_name(module.path));
    }
    places.push_back(module.path);
    for (const std::string& place : places) {
        const auto binary = open_elf(place);
        if (!binary || !is_file_of(module, binary->elf)) continue;
        out.parts_ = binary->elf.loaded_parts();
        for (const std::string& path : debug_files(binary->elf, place, folders)) {
            const auto debug = open_elf(path);
            if (!debug || debug->elf.build_id() != binary->elf.build_id()) continue;
            auto symbols = tmf::ElfSymbols::read(debug->elf);
            if (!symbols || symbols->empty()) continue;
            out.symbols_ = std::move(*symbols);
            return out;
        }
        if (auto symbols = tmf::ElfSymbols::read(binary->elf)) out.symbols_ = std::move(*symbols);
        return out;
    }
    return out;
}

std::string ModuleSymbols::name(uint64_t offset) const {
    for (const auto& part : parts_) {
        if (offset < part.offset || offset - part.offset >= part.size) continue;
        tmf::ElfSymbols::Found found;
        if (!symbols_.find(part.address + (offset - part.offset), found)) return {};
        return fmt::format("{}+{:#x}", demangled(found.name), found.offset);
    }
    return {};
}

}  // namespace etw::symbols
