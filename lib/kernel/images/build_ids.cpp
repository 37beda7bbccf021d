#include "kernel/images/build_ids.h"

#include "base/file.h"

#include <fmt/format.h>

#include <gelf.h>
#include <link.h>
#include <sys/stat.h>

#include <array>
#include <fstream>
#include <memory>
#include <string_view>

namespace etw::kernel {
namespace {

constexpr char kKernelNotes[] = "/sys/kernel/notes";
constexpr size_t kMaxNotes = 64 * 1024;
constexpr size_t kMaxSegments = 128;
constexpr size_t kMaxKnown = 16384;

using ElfHandle = std::unique_ptr<Elf, decltype(&elf_end)>;

BuildId build_id_of_file(const std::string& path) {
    const auto file = File::open_read(path);
    if (!file) return {};
    elf_version(EV_CURRENT);
    // Reads what it needs: a mapping could lose its pages under our hands.
    const ElfHandle elf(elf_begin(file->fd().get(), ELF_C_READ, nullptr), elf_end);
    size_t count = 0;
    if (elf == nullptr || elf_getphdrnum(elf.get(), &count) != 0) return {};
    for (size_t i = 0; i < std::min(count, kMaxSegments); ++i) {
        GElf_Phdr segment{};
        if (gelf_getphdr(elf.get(), int(i), &segment) == nullptr) break;
        if (segment.p_type != PT_NOTE || segment.p_filesz > kMaxNotes) continue;
        std::vector<std::byte> notes(segment.p_filesz);
        if (!file->read_at(segment.p_offset, notes)) continue;
        if (BuildId found = build_id_of_notes(notes); !found.empty()) return found;
    }
    return {};
}

// Every process of 64 bits has the same one.
BuildId build_id_of_vdso() {
    BuildId out;
    const auto look = [](dl_phdr_info* info, size_t, void* to) {
        if (std::string_view(info->dlpi_name) != "linux-vdso.so.1") return 0;
        for (size_t i = 0; i < info->dlpi_phnum; ++i) {
            const ElfW(Phdr)& segment = info->dlpi_phdr[i];
            if (segment.p_type != PT_NOTE) continue;
            const auto* notes =
                reinterpret_cast<const std::byte*>(info->dlpi_addr + segment.p_vaddr);
            auto& found = *static_cast<BuildId*>(to);
            found = build_id_of_notes(Bytes(notes, segment.p_memsz));
            if (!found.empty()) break;
        }
        return 1;
    };
    ::dl_iterate_phdr(look, &out);
    return out;
}

}  // namespace

BuildId build_id_of_kernel() {
    std::ifstream in(kKernelNotes, std::ios::binary);
    std::string notes(kMaxNotes, '\0');
    in.read(notes.data(), std::streamsize(notes.size()));
    notes.resize(size_t(in.gcount()));
    return build_id_of_notes(std::as_bytes(std::span(notes)));
}

BuildId BuildIds::of(const std::string& path, uint64_t inode, uint32_t process) {
    if (path == "[vdso]") {
        static const BuildId kVdso = build_id_of_vdso();
        return kVdso;
    }
    if (!path.starts_with('/')) return {};
    for (const std::string& place : {fmt::format("/proc/{}/root{}", process, path), path}) {
        struct stat file {};
        if (::stat(place.c_str(), &file) != 0 || uint64_t(file.st_ino) != inode) continue;
        if (!S_ISREG(file.st_mode)) continue;  // to open a device can do something
        const Key key{file.st_dev, file.st_ino, file.st_ctim.tv_sec, file.st_ctim.tv_nsec};
        if (const auto found = known_.find(key); found != known_.end()) return found->second;
        if (known_.size() >= kMaxKnown) known_.clear();
        return known_[key] = build_id_of_file(place);
    }
    return {};
}

}  // namespace etw::kernel
