#include "kernel/user_functions.h"

#include "kernel/elf_file.h"
#include "kernel/usdt.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>
#include <span>
#include <string_view>

namespace etw::kernel {
namespace {

using Kind = UserFunctionKind;

struct Named {
    std::string_view name;
    Kind kind;
};
constexpr std::string_view kMalloc = "malloc";
constexpr Named kHeapFunctions[] = {
    {kMalloc, Kind::kAllocate},
    {"calloc", Kind::kAllocateCleared},
    {"realloc", Kind::kReallocate},
    {"reallocarray", Kind::kReallocateArray},
    {"memalign", Kind::kAllocateAligned},
    {"aligned_alloc", Kind::kAllocateAligned},
    {"posix_memalign", Kind::kAllocateInto},
    {"valloc", Kind::kAllocate},
    {"pvalloc", Kind::kAllocate},
    {"free", Kind::kFree},
    {"cfree", Kind::kFree},
    {"free_sized", Kind::kFree},
    {"free_aligned_sized", Kind::kFree},
    // C++'s own, where they do not come to malloc: of a module that has both.
    {"_Znwm", Kind::kAllocate},
    {"_Znam", Kind::kAllocate},
    {"_ZnwmRKSt9nothrow_t", Kind::kAllocate},
    {"_ZnamRKSt9nothrow_t", Kind::kAllocate},
    {"_ZnwmSt11align_val_t", Kind::kAllocate},
    {"_ZnamSt11align_val_t", Kind::kAllocate},
    {"_ZnwmSt11align_val_tRKSt9nothrow_t", Kind::kAllocate},
    {"_ZnamSt11align_val_tRKSt9nothrow_t", Kind::kAllocate},
    {"_ZdlPv", Kind::kFree},
    {"_ZdaPv", Kind::kFree},
    {"_ZdlPvm", Kind::kFree},
    {"_ZdaPvm", Kind::kFree},
    {"_ZdlPvRKSt9nothrow_t", Kind::kFree},
    {"_ZdaPvRKSt9nothrow_t", Kind::kFree},
    {"_ZdlPvSt11align_val_t", Kind::kFree},
    {"_ZdaPvSt11align_val_t", Kind::kFree},
    {"_ZdlPvmSt11align_val_t", Kind::kFree},
    {"_ZdaPvmSt11align_val_t", Kind::kFree},
};
constexpr std::string_view kOperatorDelete = "_ZdlPv";
constexpr std::string_view kLockWait = "__lll_lock_wait";
constexpr std::string_view kMutexLock = "pthread_mutex_lock";

constexpr size_t kMaxModules = 4096;     // of one process
constexpr size_t kMaxSymbols = 1 << 20;  // of one file
constexpr uint64_t kMaxLockCode = 4096;  // bytes of pthread_mutex_lock
constexpr size_t kLockWaitCode = 96;     // bytes, by which it has come to its system call
constexpr ptrdiff_t kNumberToCall = 24;  // bytes of the call's number and the call

// --- what a process has mapped ---------------------------------------------------------------

// The files with code, by paths that stay good when the files are replaced or lie in a folder that
// only the process sees. Each file once.
Result<std::vector<MappedFile>> modules_of(uint32_t pid) {
    std::ifstream in(fmt::format("/proc/{}/maps", pid));
    if (!in) return Error{code_from_errno(errno), "process: mappings", uint64_t(errno)};
    std::vector<MappedFile> out;
    std::set<std::string> known;  // devices and inodes
    for (std::string line; std::getline(in, line) && out.size() < kMaxModules;) {
        uint64_t from = 0;
        uint64_t to = 0;
        uint64_t offset = 0;
        char rights[5] = {};
        char device[16] = {};
        uint64_t inode = 0;
        if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %15s %" SCNu64,
                        &from, &to, rights, &offset, device, &inode) != 6) {
            continue;
        }
        if (rights[2] != 'x' || inode == 0) continue;
        if (!known.insert(fmt::format("{} {}", device, inode)).second) continue;
        out.push_back({fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, from, to), from - offset});
    }
    return out;
}

// --- symbols ---------------------------------------------------------------------------------

struct Symbol {
    std::string name;
    uint64_t address = 0;
    uint64_t size = 0;
};

// Functions that a table of symbols (SHT_DYNSYM, SHT_SYMTAB) defines, of those that are wanted.
template <class Wanted>
std::vector<Symbol> symbols_of(Elf* elf, uint32_t table, const Wanted& wanted) {
    std::vector<Symbol> out;
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
        GElf_Shdr header{};
        if (gelf_getshdr(section, &header) == nullptr || header.sh_type != table) continue;
        Elf_Data* data = elf_getdata(section, nullptr);
        if (data == nullptr || header.sh_entsize == 0) continue;
        const size_t count = std::min(size_t(data->d_size / header.sh_entsize), kMaxSymbols);
        for (size_t i = 0; i < count; ++i) {
            GElf_Sym symbol{};
            if (gelf_getsym(data, int(i), &symbol) == nullptr) break;
            if (symbol.st_shndx == SHN_UNDEF || GELF_ST_TYPE(symbol.st_info) != STT_FUNC) continue;
            const char* name = elf_strptr(elf, header.sh_link, symbol.st_name);
            if (name == nullptr || !wanted(std::string_view(name))) continue;
            out.push_back({name, symbol.st_value, symbol.st_size});
        }
    }
    return out;
}

Kind heap_kind(std::string_view name) {
    for (const Named& function : kHeapFunctions) {
        if (function.name == name) return function.kind;
    }
    return Kind::kNone;
}

bool has(const std::vector<Symbol>& symbols, std::string_view name) {
    return std::any_of(symbols.begin(), symbols.end(),
                       [name](const Symbol& symbol) { return symbol.name == name; });
}

// --- where a lock waits ----------------------------------------------------------------------

uint32_t word_at(std::span<const uint8_t> code, size_t at) {
    uint32_t out = 0;
    std::memcpy(&out, code.data() + at, sizeof(out));
    return out;
}

bool calls_futex(std::span<const uint8_t> code, Machine machine) {
    if (machine == Machine::kX86_64) {
        constexpr std::array<uint8_t, 5> kNumber = {0xB8, 0xCA, 0, 0, 0};  // mov $futex, %eax
        constexpr std::array<uint8_t, 2> kCall = {0x0F, 0x05};             // syscall
        const auto number = std::search(code.begin(), code.end(), kNumber.begin(), kNumber.end());
        const auto end = number + std::min<ptrdiff_t>(code.end() - number, kNumberToCall);
        return std::search(number, end, kCall.begin(), kCall.end()) != end;
    }
    constexpr uint32_t kNumber = 0xD2800C48;  // mov x8, #futex
    constexpr uint32_t kCall = 0xD4000001;    // svc #0
    bool numbered = false;
    for (size_t at = 0; at + 4 <= code.size(); at += 4) {
        numbered = numbered || word_at(code, at) == kNumber;
        if (numbered && word_at(code, at) == kCall) return true;
    }
    return false;
}

// Addresses that the code at `address` calls.
std::vector<uint64_t> calls_of(std::span<const uint8_t> code, uint64_t address, Machine machine) {
    std::vector<uint64_t> out;
    if (machine == Machine::kX86_64) {
        for (size_t at = 0; at + 5 <= code.size(); ++at) {
            if (code[at] != 0xE8) continue;
            out.push_back(address + at + 5 + uint64_t(int64_t(int32_t(word_at(code, at + 1)))));
        }
        return out;
    }
    for (size_t at = 0; at + 4 <= code.size(); at += 4) {
        const uint32_t word = word_at(code, at);
        if ((word & 0xFC000000) != 0x94000000) continue;
        const auto distance = int64_t(uint64_t(word & 0x03FFFFFF) << 38) >> 36;
        out.push_back(address + at + uint64_t(distance));
    }
    return out;
}

// glibc keeps the name of the function to itself: it is the one that pthread_mutex_lock calls and
// that calls the kernel.
std::optional<uint64_t> lock_wait_of(const ElfFile& file, const std::vector<Symbol>& symbols) {
    for (const Symbol& symbol : symbols) {
        if (symbol.name == kLockWait) return symbol.address;
    }
    for (const Symbol& symbol : symbols) {
        if (symbol.name != kMutexLock) continue;
        const auto code = file.code_at(symbol.address, std::min(symbol.size, kMaxLockCode));
        for (const uint64_t target : calls_of(code, symbol.address, this_machine())) {
            if (calls_futex(file.code_at(target, kLockWaitCode), this_machine())) return target;
        }
    }
    return std::nullopt;
}

// Calls `take` with each module and its symbols that are wanted: those that other modules see, or,
// where none has any, those of programs that are linked statically.
template <class Wanted, class Take>
Status for_each_module(const std::vector<MappedFile>& modules, const Wanted& wanted,
                       const Take& take) {
    Status opened = Ok{};
    bool any = false;
    for (const uint32_t table : {uint32_t{SHT_DYNSYM}, uint32_t{SHT_SYMTAB}}) {
        for (const MappedFile& module : modules) {
            const auto file = ElfFile::open(module.path);
            if (!file) {
                opened = file.error();
                continue;
            }
            const std::vector<Symbol> symbols = symbols_of(file->get(), table, wanted);
            if (!symbols.empty() && take(module, *file, symbols)) any = true;
        }
        if (any) return Ok{};
    }
    if (!opened && opened.error().code == Code::kAccessDenied) return opened;
    return Error{Code::kFileNotFound, "no module of the process has such functions", 0};
}

}  // namespace

Result<std::vector<UserFunction>> find_heap_functions(uint32_t pid) {
    ETW_TRY(const auto modules, modules_of(pid));
    return find_heap_functions(modules);
}

Result<std::vector<UserFunction>> find_lock_functions(uint32_t pid) {
    ETW_TRY(const auto modules, modules_of(pid));
    return find_lock_functions(modules);
}

Result<std::vector<UserFunction>> find_heap_functions(const std::vector<MappedFile>& modules) {
    std::vector<UserFunction> out;
    size_t frees = 0;
    const auto wanted = [](std::string_view name) { return heap_kind(name) != Kind::kNone; };
    ETW_CHECK(for_each_module(
        modules, wanted,
        [&](const MappedFile& module, const ElfFile& file, const std::vector<Symbol>& symbols) {
            if (!has(symbols, kMalloc)) return false;
            const size_t before = out.size();
            frees += has(symbols, kOperatorDelete) ? 2 : 1;
            for (const Symbol& symbol : symbols) {
                const auto offset = file_offset(file.get(), symbol.address);
                if (!offset) continue;
                UserFunction function{module.path, *offset, module.base, heap_kind(symbol.name),
                                      false};
                // One function may have several names.
                if (std::find(out.begin(), out.end(), function) == out.end())
                    out.push_back(function);
            }
            return out.size() > before;
        }));
    // What is told as it begins cannot be known to be inside of another, unless that one's end is
    // waited for.
    for (UserFunction& function : out) function.nests = function.kind != Kind::kFree || frees > 1;
    return out;
}

Result<std::vector<UserFunction>> find_lock_functions(const std::vector<MappedFile>& modules) {
    std::vector<UserFunction> out;
    const auto wanted = [](std::string_view name) {
        return name == kMutexLock || name == kLockWait;
    };
    ETW_CHECK(for_each_module(
        modules, wanted,
        [&](const MappedFile& module, const ElfFile& file, const std::vector<Symbol>& symbols) {
            const auto address = lock_wait_of(file, symbols);
            const auto offset = address ? file_offset(file.get(), *address) : std::nullopt;
            if (offset)
                out.push_back({module.path, *offset, module.base, Kind::kWaitForLock, true});
            return offset.has_value();
        }));
    return out;
}

}  // namespace etw::kernel
