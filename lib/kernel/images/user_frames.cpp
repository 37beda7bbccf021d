#include "kernel/images/user_frames.h"

#include "kernel/images/usdt.h"

#include <dwarf.h>

#include <algorithm>
#include <cstdlib>

namespace etw::kernel {
namespace {

// Registers as DWARF numbers them.
constexpr bool kIsX86 = this_machine() == Machine::kX86_64;
constexpr int kStackPointer = kIsX86 ? 7 : 31;
constexpr int kFramePointer = kIsX86 ? 6 : 29;
constexpr int64_t kReturnAt = -8;   // from the frame's beginning
constexpr size_t kMaxRules = 4096;  // that are kept for a file
constexpr size_t kMaxOpen = 256;    // files
constexpr size_t kMaxFrames = 64;   // that are looked for in a copy

constexpr size_t kMaxPrologue = 64;  // bytes

// What a function of x86-64 does to the stack as it begins: it pushes registers, one of them the
// frame pointer, and makes room. Between, it copies registers. Nothing: it does something else.
struct Prologue {
    int64_t size = 0;  // with the return address
    std::optional<int64_t> pointer_at;
};
std::optional<Prologue> read_prologue(std::span<const uint8_t> code) {
    Prologue out{8, std::nullopt};
    for (size_t at = 0; at + 7 <= code.size();) {
        const uint8_t* c = code.data() + at;
        const bool has_prefix = (c[0] & 0xF0) == 0x40;
        const uint8_t operation = has_prefix ? c[1] : c[0];
        if ((operation & 0xF8) == 0x50) {  // push
            out.size += 8;
            if (!has_prefix && operation == 0x55) out.pointer_at = -out.size;
            at += has_prefix ? 2 : 1;
        } else if (operation == 0x89 && (c[has_prefix ? 2 : 1] & 0xC0) == 0xC0) {  // mov
            at += has_prefix ? 3 : 2;
        } else if (c[0] == 0x48 && c[1] == 0x83 && c[2] == 0xEC) {  // sub $..., %rsp
            out.size += c[3];
            return out;
        } else {
            return std::nullopt;
        }
    }
    return std::nullopt;
}

// What musl has instead of descriptions of its frames.
std::optional<Prologue> find_prologue(const ElfFile& file, uint64_t address) {
    if (!kIsX86) return std::nullopt;
    for (const uint32_t table : {uint32_t{SHT_DYNSYM}, uint32_t{SHT_SYMTAB}}) {
        for (const ElfSymbol& symbol : file.functions(table)) {
            if (address < symbol.address || address - symbol.address >= symbol.size) continue;
            return read_prologue(
                file.code_at(symbol.address, std::min(symbol.size, uint64_t{kMaxPrologue})));
        }
    }
    return std::nullopt;
}

}  // namespace

void UserFrames::add(uint32_t process, const std::vector<MappedFile>& files,
                     const std::vector<UserFunction>& functions) {
    std::vector<Module>& modules = modules_[process];
    for (const MappedFile& file : files) {
        Module& module = modules.emplace_back();
        module.mapped = file;
        const auto is_its = [&](const UserFunction& f) { return f.path == file.path; };
        if (std::any_of(functions.begin(), functions.end(), is_its)) open(module);
    }
}

void UserFrames::open(Module& module) {
    module.was_tried = true;
    if (open_ == kMaxOpen) return;
    auto file = ElfFile::open(module.mapped.path);
    if (!file) return;
    ++open_;
    module.file = std::make_shared<const ElfFile>(std::move(*file));
    module.frames = Frames(dwarf_getcfi_elf(module.file->get()), &dwarf_cfi_end);
}

UserFrames::Module* UserFrames::module_of(uint32_t process, uint64_t place) {
    const auto found = modules_.find(process);
    if (found == modules_.end()) return nullptr;
    for (Module& module : found->second) {
        if (place >= module.mapped.from && place < module.mapped.to) return &module;
    }
    return nullptr;
}

UserFrames::Rule UserFrames::find_rule(const Module& module, uint64_t place) {
    Rule out;
    if (module.file == nullptr) return out;
    const auto address = image_address(module.file->get(), place - module.mapped.base);
    if (!address) return out;
    Dwarf_Frame* frame = nullptr;
    if (dwarf_cfi_addrframe(module.frames.get(), *address, &frame) != 0) {
        const auto prologue = find_prologue(*module.file, *address);
        if (!prologue) return out;
        return {true, false, prologue->size, prologue->pointer_at};
    }
    const std::unique_ptr<Dwarf_Frame, decltype(&std::free)> owner(frame, &std::free);
    Dwarf_Op* operations = nullptr;
    size_t count = 0;
    if (dwarf_frame_cfa(frame, &operations, &count) != 0 || count != 1) return out;
    if (operations->atom != DW_OP_bregx) return out;
    out.by_frame_pointer = operations->number == Dwarf_Word(kFramePointer);
    if (!out.by_frame_pointer && operations->number != Dwarf_Word(kStackPointer)) return out;
    out.size = int64_t(operations->number2);
    Dwarf_Op space[3];
    if (dwarf_frame_register(frame, kFramePointer, space, &operations, &count) != 0) return out;
    if (operations != nullptr && count != 0) {  // an address in terms of the frame's beginning
        if (operations[0].atom != DW_OP_call_frame_cfa || count > 2) return out;
        if (count == 2 && operations[1].atom != DW_OP_plus_uconst) return out;
        out.pointer_at = count == 2 ? int64_t(operations[1].number) : 0;
    }
    out.is_known = true;
    return out;
}

// To the caller of the function that the place lies in. False: it is not known.
bool UserFrames::step(uint32_t process, UserStack& stack, bool& keeps_pointer) {
    // The call before, not what follows it: that may be another function's.
    const uint64_t place = stack.place - 1;
    Module* module = module_of(process, place);
    if (module == nullptr) return false;
    if (!module->was_tried) open(*module);
    auto known = module->rules.find(place);
    if (known == module->rules.end()) {
        if (module->rules.size() >= kMaxRules) module->rules.clear();
        known = module->rules.emplace(place, find_rule(*module, place)).first;
    }
    const Rule& rule = known->second;
    if (!rule.is_known) return false;
    const uint64_t from = rule.by_frame_pointer ? stack.frame_pointer : stack.stack_pointer;
    const uint64_t beginning = from + uint64_t(rule.size);
    const auto caller = stack.word(beginning + uint64_t(kReturnAt));
    if (!caller || beginning <= stack.stack_pointer) return false;
    if (*caller != 0 && module_of(process, *caller) == nullptr) return false;
    if (rule.pointer_at) {
        const auto pointer = stack.word(beginning + uint64_t(*rule.pointer_at));
        if (!pointer) return false;
        stack.frame_pointer = *pointer;
        keeps_pointer = false;
    }
    stack.place = *caller;
    stack.stack_pointer = beginning;
    return true;
}

std::vector<uint64_t> UserFrames::find(uint32_t process, const UserStack& top,
                                       std::span<const uint64_t> by_pointers) {
    if (top.place == 0) return {by_pointers.begin(), by_pointers.end()};  // could not be read
    std::vector<uint64_t> out{top.place};
    UserStack stack = top;
    bool keeps_pointer = true;  // the one that the kernel went by
    while (out.size() < kMaxFrames && step(process, stack, keeps_pointer)) {
        if (stack.place == 0) return out;  // the thread's first function
        out.push_back(stack.place);
    }
    // The innermost that the kernel went by tells what of its list is true.
    for (size_t i = out.size(); i-- > 1;) {
        const auto same = std::find(by_pointers.begin(), by_pointers.end(), out[i]);
        if (same == by_pointers.end()) continue;
        out.resize(i);
        out.insert(out.end(), same, by_pointers.end());
        return out;
    }
    // Those of whoever has the frame pointer: callers of who was found last, or above them.
    if (keeps_pointer) {
        if (by_pointers.size() > 1)
            out.insert(out.end(), by_pointers.begin() + 1, by_pointers.end());
        return out;
    }
    while (out.size() < kMaxFrames) {
        const auto place = stack.word(stack.frame_pointer + sizeof(uint64_t));
        const auto next = stack.word(stack.frame_pointer);
        if (!place || !next || module_of(process, *place) == nullptr) break;
        out.push_back(*place);
        if (*next <= stack.frame_pointer) break;
        stack.frame_pointer = *next;
    }
    return out;
}

}  // namespace etw::kernel
