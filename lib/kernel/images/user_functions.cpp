#include "kernel/images/user_functions.h"

#include "kernel/images/elf_file.h"
#include "kernel/images/lock_functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <set>
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

constexpr size_t kMaxModules = 4096;  // of one process

// Functions that a table of symbols defines, of those that are wanted.
template <class Wanted>
std::vector<ElfSymbol> symbols_of(const ElfFile& file, uint32_t table, const Wanted& wanted) {
    std::vector<ElfSymbol> out = file.functions(table);
    std::erase_if(out, [&](const ElfSymbol& symbol) { return !wanted(symbol.name); });
    return out;
}

Kind heap_kind(std::string_view name) {
    for (const Named& function : kHeapFunctions) {
        if (function.name == name) return function.kind;
    }
    return Kind::kNone;
}

bool has(const std::vector<ElfSymbol>& symbols, std::string_view name) {
    return std::any_of(symbols.begin(), symbols.end(),
                       [name](const ElfSymbol& symbol) { return symbol.name == name; });
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
            const std::vector<ElfSymbol> symbols = symbols_of(*file, table, wanted);
            if (!symbols.empty() && take(module, *file, symbols)) any = true;
        }
        if (any) return Ok{};
    }
    if (!opened && opened.error().code == Code::kAccessDenied) return opened;
    return Error{Code::kFileNotFound, "no module of the process has such functions", 0};
}

}  // namespace

// By paths that stay good when the files are replaced or lie in a folder that only the process
// sees.
Result<std::vector<MappedFile>> files_with_code(uint32_t pid) {
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
        out.push_back(
            {fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, from, to), from - offset, from, to});
    }
    return out;
}

Result<std::vector<UserFunction>> find_heap_functions(uint32_t pid) {
    ETW_TRY(const auto modules, files_with_code(pid));
    return find_heap_functions(modules);
}

Result<std::vector<UserFunction>> find_lock_functions(uint32_t pid) {
    ETW_TRY(const auto modules, files_with_code(pid));
    return find_lock_functions(modules);
}

Result<std::vector<UserFunction>> find_heap_functions(const std::vector<MappedFile>& modules) {
    std::vector<UserFunction> out;
    size_t frees = 0;
    const auto wanted = [](std::string_view name) { return heap_kind(name) != Kind::kNone; };
    ETW_CHECK(for_each_module(
        modules, wanted,
        [&](const MappedFile& module, const ElfFile& file, const std::vector<ElfSymbol>& symbols) {
            if (!has(symbols, kMalloc)) return false;
            const size_t before = out.size();
            frees += has(symbols, kOperatorDelete) ? 2 : 1;
            for (const ElfSymbol& symbol : symbols) {
                const auto offset = file_offset(file.get(), symbol.address);
                if (!offset) continue;
                UserFunction function{module.path, *offset, module.base, heap_kind(symbol.name),
                                      false,       {}};
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

std::vector<FutexCode> find_futex_code(const std::vector<MappedFile>& modules) {
    std::vector<FutexCode> out;
    const auto take = [&](const MappedFile& module, const ElfFile& file,
                          const std::vector<ElfSymbol>& symbols) {
        const std::vector<WaitCode> found = find_wait_code(file, symbols);
        for (const WaitCode& code : found) {
            const auto at = file_offset(file.get(), code.address);
            const uint64_t from = module.base + at.value_or(0);
            if (code.size == 0) {
                out.push_back({module.from, module.to, code.owner});
            } else if (at) {
                out.push_back({from, from + code.size, code.owner});
            }
        }
        return !found.empty();
    };
    static_cast<void>(for_each_module(modules, is_looked_at_for_waits, take));
    return out;
}

Result<std::vector<UserFunction>> find_lock_functions(const std::vector<MappedFile>& modules) {
    std::vector<UserFunction> out;
    ETW_CHECK(for_each_module(
        modules, is_looked_at_for_locks,
        [&](const MappedFile& module, const ElfFile& file, const std::vector<ElfSymbol>& symbols) {
            const size_t before = out.size();
            for (const LockPlace& place : find_lock_places(file, symbols)) {
                const auto offset = file_offset(file.get(), place.address);
                if (!offset) continue;
                const bool calls =
                    place.kind == Kind::kWaitForLock || place.kind == Kind::kWaitForWord;
                UserFunction function{module.path, *offset, module.base, place.kind, calls, {}};
                for (const auto& [address, kind] : place.callers) {
                    const auto at = file_offset(file.get(), address);
                    if (at) function.callers.push_back({module.base + *at, kind});
                }
                const bool has_callers = !function.callers.empty();
                if (has_callers != (place.kind == Kind::kWaitForWord)) continue;
                if (std::find(out.begin(), out.end(), function) == out.end())
                    out.push_back(std::move(function));
            }
            return out.size() > before;
        }));
    return out;
}

}  // namespace etw::kernel
