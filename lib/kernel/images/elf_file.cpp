#include "kernel/images/elf_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace etw::kernel {
namespace {

constexpr size_t kMaxSymbols = 1 << 20;  // of one table

}  // namespace

Result<ElfFile> ElfFile::open(const std::string& path) {
    // Before it is opened: to open a device can do something.
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
        return Error{Code::kInvalidData, "ELF file: no regular file", 0};
    }
    ETW_TRY(File file, File::open_read(path));
    elf_version(EV_CURRENT);
    Handle elf(elf_begin(file.fd().get(), ELF_C_READ, nullptr), elf_end);
    if (elf == nullptr || elf_kind(elf.get()) != ELF_K_ELF ||
        gelf_getclass(elf.get()) != ELFCLASS64) {
        return Error{Code::kInvalidData, "no 64-bit ELF file", 0};
    }
    return ElfFile(std::move(file), std::move(elf));
}

std::vector<ElfSymbol> ElfFile::functions(uint32_t table) const {
    std::vector<ElfSymbol> out;
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(get(), section)) != nullptr;) {
        GElf_Shdr header{};
        if (gelf_getshdr(section, &header) == nullptr || header.sh_type != table) continue;
        Elf_Data* data = elf_getdata(section, nullptr);
        if (data == nullptr || header.sh_entsize == 0) continue;
        const size_t count = std::min(size_t(data->d_size / header.sh_entsize), kMaxSymbols);
        for (size_t i = 0; i < count; ++i) {
            GElf_Sym symbol{};
            if (gelf_getsym(data, int(i), &symbol) == nullptr) break;
            if (symbol.st_shndx == SHN_UNDEF || GELF_ST_TYPE(symbol.st_info) != STT_FUNC) continue;
            const char* name = elf_strptr(get(), header.sh_link, symbol.st_name);
            if (name != nullptr) out.push_back({name, symbol.st_value, symbol.st_size});
        }
    }
    return out;
}

std::vector<uint8_t> ElfFile::code_at(uint64_t address, size_t size) const {
    std::vector<uint8_t> out(size);
    const auto offset = file_offset(get(), address);
    const ssize_t n = offset ? ::pread(file_.fd().get(), out.data(), size, off_t(*offset)) : 0;
    out.resize(size_t(std::max<ssize_t>(n, 0)));
    return out;
}

namespace {

// Where `value`, which lies in what `from` of a loaded segment says, lies in what `to` says.
std::optional<uint64_t> translate(Elf* elf, uint64_t value, GElf_Off GElf_Phdr::*from,
                                  GElf_Off GElf_Phdr::*to) {
    size_t count = 0;
    if (elf_getphdrnum(elf, &count) != 0) return std::nullopt;
    for (size_t i = 0; i < count; ++i) {
        GElf_Phdr segment{};
        if (gelf_getphdr(elf, int(i), &segment) == nullptr || segment.p_type != PT_LOAD) continue;
        if (value < segment.*from || value - segment.*from >= segment.p_memsz) continue;
        return value - segment.*from + segment.*to;
    }
    return std::nullopt;
}

}  // namespace

std::optional<uint64_t> file_offset(Elf* elf, uint64_t address) {
    return translate(elf, address, &GElf_Phdr::p_vaddr, &GElf_Phdr::p_offset);
}

std::optional<uint64_t> image_address(Elf* elf, uint64_t file_offset) {
    return translate(elf, file_offset, &GElf_Phdr::p_offset, &GElf_Phdr::p_vaddr);
}

}  // namespace etw::kernel
