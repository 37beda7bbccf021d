#include "kernel/lock_callers.h"

#include "kernel/usdt.h"

#include <dwarf.h>

#include <cstdlib>

namespace etw::kernel {
namespace {

constexpr uint64_t kStackPointer = this_machine() == Machine::kX86_64 ? 7 : 31;  // of DWARF
constexpr size_t kMaxWords = 1024;  // return addresses that are kept for a process

}  // namespace

void LockCallers::add(uint32_t process, const UserFunction& function) {
    auto file = ElfFile::open(function.path);
    if (!file) return;
    Module& module = modules_[process];
    module.base = function.base;
    module.file = std::make_shared<const ElfFile>(std::move(*file));
    module.frames = Frames(dwarf_getcfi_elf(module.file->get()), &dwarf_cfi_end);
}

uint64_t LockCallers::find(uint32_t process, std::span<const uint64_t> top) {
    const auto found = modules_.find(process);
    if (found == modules_.end() || top.empty()) return 0;
    Module& module = found->second;
    auto known = module.words.find(top[0]);
    if (known == module.words.end()) {
        if (module.words.size() >= kMaxWords) module.words.clear();
        known = module.words.emplace(top[0], find_word(module, top[0])).first;
    }
    return known->second < top.size() ? top[known->second] : 0;
}

// Which of the words on top of the stack; 0: not known.
size_t LockCallers::find_word(const Module& module, uint64_t address) {
    // The call before, not what follows it: that may be another function's.
    const auto place = image_address(module.file->get(), address - 1 - module.base);
    if (!place || module.frames == nullptr) return 0;
    Dwarf_Frame* frame = nullptr;
    if (dwarf_cfi_addrframe(module.frames.get(), *place, &frame) != 0) return 0;
    const std::unique_ptr<Dwarf_Frame, decltype(&std::free)> owner(frame, &std::free);
    Dwarf_Op* rule = nullptr;
    size_t count = 0;
    if (dwarf_frame_cfa(frame, &rule, &count) != 0 || count != 1) return 0;
    const bool is_above_stack = rule->atom == DW_OP_bregx && rule->number == kStackPointer;
    // The frame begins so far above where the stack was before the call; its own return address is
    // the last word of it.
    return is_above_stack ? size_t(rule->number2) / sizeof(uint64_t) : 0;
}

}  // namespace etw::kernel
