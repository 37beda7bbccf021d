// Who called, in code without frame pointers: what files tell debuggers of their frames (.eh_frame)
// says where on the stack the return addresses are. Functions that lock have no frame pointers, and
// some keep other things in the register, so that the kernel, which goes by it, misses their
// callers or takes something else for them.
#pragma once
#include "kernel/images/elf_file.h"
#include "kernel/images/user_functions.h"

#include <elfutils/libdw.h>

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>

namespace etw::kernel {

// Where a thread is in its code, and a copy of its stack's top.
struct UserStack {
    uint64_t place = 0;  // a return address, or behind a call of the kernel
    uint64_t stack_pointer = 0;
    uint64_t frame_pointer = 0;
    uint64_t words_at = 0;
    std::span<const uint64_t> words;

    std::optional<uint64_t> word(uint64_t address) const {
        const uint64_t index = (address - words_at) / sizeof(uint64_t);
        return index < words.size() ? std::optional(words[index]) : std::nullopt;
    }
};

class UserFrames {
public:
    // What has the code of a process's functions. `functions`: whose files are to be at hand also
    // when the process has ended.
    void add(uint32_t process, const std::vector<MappedFile>& files,
             const std::vector<UserFunction>& functions);
    // From `top.place` on. `by_pointers`: what the kernel found by frame pointers, from the same
    // place; it goes on from where the copy of the stack ends.
    std::vector<uint64_t> find(uint32_t process, const UserStack& top,
                               std::span<const uint64_t> by_pointers);

private:
    // Of the frame at a place: where it begins, and where in it the caller's frame pointer is.
    struct Rule {
        bool is_known = false;
        bool by_frame_pointer = false;
        int64_t size = 0;                   // from the register to the frame's beginning
        std::optional<int64_t> pointer_at;  // from there; nothing: it is still in its register
    };
    using Frames = std::unique_ptr<Dwarf_CFI, decltype(&dwarf_cfi_end)>;
    struct Module {
        MappedFile mapped;
        bool was_tried = false;
        std::shared_ptr<const ElfFile> file;
        Frames frames{nullptr, &dwarf_cfi_end};
        std::unordered_map<uint64_t, Rule> rules;  // found before, by place
    };
    void open(Module& module);
    static Rule find_rule(const Module& module, uint64_t place);
    Module* module_of(uint32_t process, uint64_t place);
    bool step(uint32_t process, UserStack& stack, bool& keeps_pointer);

    std::map<uint32_t, std::vector<Module>> modules_;  // by process
    size_t open_ = 0;
};

}  // namespace etw::kernel
