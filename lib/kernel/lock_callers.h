// Who called a function that waits for a lock. glibc has no frame pointers: what its files tell
// debuggers of its frames (.eh_frame) says where on the stack the return addresses are.
#pragma once
#include "kernel/elf_file.h"
#include "kernel/user_functions.h"

#include <elfutils/libdw.h>

#include <map>
#include <memory>
#include <span>
#include <unordered_map>

namespace etw::kernel {

class LockCallers {
public:
    // As long as the process has the file of the function mapped.
    void add(uint32_t process, const UserFunction& function);
    // `top`: of the stack as the function began, first the address that it returns to; in the
    // function that this lies in, where that returns to. 0: not known.
    uint64_t find(uint32_t process, std::span<const uint64_t> top);

private:
    using Frames = std::unique_ptr<Dwarf_CFI, decltype(&dwarf_cfi_end)>;
    struct Module {
        uint64_t base = 0;
        std::shared_ptr<const ElfFile> file;
        Frames frames{nullptr, &dwarf_cfi_end};
        std::unordered_map<uint64_t, size_t> words;  // found before, by return address
    };
    static size_t find_word(const Module& module, uint64_t address);

    std::map<uint32_t, Module> modules_;  // by process
};

}  // namespace etw::kernel
