// Puts BPF programs together, instruction by instruction: what our programs need, with labels for
// jumps and calls. The kernel checks the result; a mistake here is refused when it is loaded.
#pragma once
#include "etw/check.h"

#include <asm/ptrace.h>
#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace etw::kernel {

enum Reg : uint8_t { r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10 };
// Helpers clobber r0 to r5 and take r1 to r5; r6 to r9 stay; r10 is the end of the stack.

// Where a thread's registers (BPF_FUNC_task_pt_regs) have the number of its system call, and where
// it is in its code and on its stack.
#if defined(__x86_64__)
constexpr int kSystemCallAt = offsetof(pt_regs, orig_rax);
constexpr int kPlaceAt = offsetof(pt_regs, rip);
constexpr int kStackPointerAt = offsetof(pt_regs, rsp);
constexpr int kFramePointerAt = offsetof(pt_regs, rbp);
#elif defined(__aarch64__)
constexpr int kSystemCallAt = 8 * 8;
constexpr int kPlaceAt = offsetof(user_pt_regs, pc);
constexpr int kStackPointerAt = offsetof(user_pt_regs, sp);
constexpr int kFramePointerAt = 29 * 8;
#endif

class BpfCode {
public:
    enum class Size : uint8_t { k32 = BPF_W, k16 = BPF_H, k8 = BPF_B, k64 = BPF_DW };
    using Label = size_t;

    Label label() {
        places_.push_back(kNowhere);
        return places_.size() - 1;
    }
    void place(Label label) { places_[label] = code_.size(); }

    void set(Reg to, int32_t value) { add(BPF_ALU64 | BPF_MOV | BPF_K, to, r0, 0, value); }
    void set32(Reg to, uint32_t value) {
        add(BPF_ALU | BPF_MOV | BPF_K, to, r0, 0, int32_t(value));
    }
    void set(Reg to, Reg from) { add(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0); }
    // `operation`: BPF_ADD, BPF_AND ...
    void calculate(uint8_t operation, Reg to, int32_t value) {
        add(BPF_ALU64 | operation | BPF_K, to, r0, 0, value);
    }
    void calculate(uint8_t operation, Reg to, Reg from) {
        add(BPF_ALU64 | operation | BPF_X, to, from, 0, 0);
    }
    // The lower 32 bits, the upper ones 0.
    void narrow(Reg to) { add(BPF_ALU | BPF_MOV | BPF_X, to, to, 0, 0); }
    void load(Size size, Reg to, Reg base, int offset) {
        add(uint8_t(BPF_LDX | BPF_MEM | uint8_t(size)), to, base, int16_t(offset), 0);
    }
    void store(Size size, Reg base, int offset, Reg from) {
        add(uint8_t(BPF_STX | BPF_MEM | uint8_t(size)), base, from, int16_t(offset), 0);
    }
    void store(Size size, Reg base, int offset, int32_t value) {
        add(uint8_t(BPF_ST | BPF_MEM | uint8_t(size)), base, r0, int16_t(offset), value);
    }
    // `to` = base + offset.
    void point(Reg to, Reg base, int offset) {
        set(to, base);
        calculate(BPF_ADD, to, offset);
    }
    // Copies `size` bytes at `from` + `offset`, which may be any address, to the stack at `to`.
    void fetch(int to, Reg from, int offset, int32_t size,
               bpf_func_id how = BPF_FUNC_probe_read_kernel) {
        point(r3, from, offset);
        point(r1, r10, to);
        set(r2, size);
        call_helper(how);
    }
    void load_map(Reg to, int fd) {
        add(BPF_LD | BPF_IMM | BPF_DW, to, Reg(BPF_PSEUDO_MAP_FD), 0, fd);
        add(0, r0, r0, 0, 0);
    }
    // The value in `map` of the key that stands on the stack at `key`, or 0, into r0.
    void look_up(int map, int key) {
        load_map(r1, map);
        point(r2, r10, key);
        call_helper(BPF_FUNC_map_lookup_elem);
    }
    // The same into r7, where there is none a new one: what the array `blank` has at 0. `zero`:
    // room on the stack. Where none is to be had, to `none`.
    void look_up_or_add(int map, int blank, int key, int zero, Label none) {
        const Label known = label();
        look_up(map, key);
        jump_if(BPF_JNE, r0, 0, known);
        store(Size::k32, r10, zero, 0);
        look_up(blank, zero);
        jump_if(BPF_JEQ, r0, 0, none);
        set(r3, r0);
        load_map(r1, map);
        point(r2, r10, key);
        set(r4, BPF_NOEXIST);
        call_helper(BPF_FUNC_map_update_elem);
        look_up(map, key);
        jump_if(BPF_JEQ, r0, 0, none);
        place(known);
        set(r7, r0);
    }
    // Puts what stands on the stack at `value` into `map`, by the key that stands there at `key`.
    void keep(int map, int key, int value) {
        load_map(r1, map);
        point(r2, r10, key);
        point(r3, r10, value);
        set(r4, BPF_ANY);
        call_helper(BPF_FUNC_map_update_elem);
    }
    // Takes it out again.
    void forget(int map, int key) {
        load_map(r1, map);
        point(r2, r10, key);
        call_helper(BPF_FUNC_map_delete_elem);
    }
    // Copies the addresses of the user's stack to r7 + `to`, at most `size` bytes of them; how many
    // it is to r0. r6: what the program was called with.
    void take_user_stack(int to, size_t size) {
        const Label taken = label();
        set(r1, r6);
        point(r2, r7, to);
        set(r3, int32_t(size));
        set(r4, BPF_F_USER_STACK);
        call_helper(BPF_FUNC_get_stack);
        jump_if(BPF_JSGE, r0, 0, taken);
        set(r0, 0);
        place(taken);
    }
    // Hands r5 bytes at r4 to the host, through the map `output`. r1: what the program was called
    // with.
    void put_out(int output) {
        load_map(r2, output);
        set32(r3, uint32_t(BPF_F_CURRENT_CPU));
        call_helper(BPF_FUNC_perf_event_output);
    }
    // The same of what stands on the stack at `from`.
    void put_out(Reg context, int output, int from, size_t size) {
        set(r1, context);
        point(r4, r10, from);
        set(r5, int32_t(size));
        put_out(output);
    }
    // `condition`: BPF_JEQ, BPF_JSGT ...; values are compared as 64 bits.
    void jump_if(uint8_t condition, Reg left, int32_t right, Label label) {
        uses_.push_back({code_.size(), label});
        add(BPF_JMP | condition | BPF_K, left, r0, 0, right);
    }
    void jump_if(uint8_t condition, Reg left, Reg right, Label label) {
        uses_.push_back({code_.size(), label});
        add(BPF_JMP | condition | BPF_X, left, right, 0, 0);
    }
    void jump(Label label) {
        uses_.push_back({code_.size(), label});
        add(BPF_JMP | BPF_JA, r0, r0, 0, 0);
    }
    void call_helper(bpf_func_id helper) { add(BPF_JMP | BPF_CALL, r0, r0, 0, helper); }
    // A function of the program, with its own stack below the caller's.
    void call(Label label) {
        uses_.push_back({code_.size(), label});
        add(BPF_JMP | BPF_CALL, r0, Reg(BPF_PSEUDO_CALL), 0, 0);
    }
    // The address of a function, for a helper that calls it.
    void load_function(Reg to, Label label) {
        uses_.push_back({code_.size(), label});
        add(BPF_LD | BPF_IMM | BPF_DW, to, Reg(BPF_PSEUDO_FUNC), 0, 0);
        add(0, r0, r0, 0, 0);
    }
    void leave(int32_t result) {
        set(r0, result);
        add(BPF_JMP | BPF_EXIT, r0, r0, 0, 0);
    }

    std::vector<bpf_insn> finish() {
        for (const Use& use : uses_) {
            ETW_ASSERT(places_[use.label] != kNowhere);
            const auto distance = int32_t(places_[use.label]) - int32_t(use.at) - 1;
            bpf_insn& instruction = code_[use.at];
            const bool is_jump = BPF_CLASS(instruction.code) == BPF_JMP;
            if (!is_jump || BPF_OP(instruction.code) == BPF_CALL) {
                instruction.imm = distance;
            } else {
                instruction.off = int16_t(distance);
            }
        }
        return std::move(code_);
    }

private:
    static constexpr size_t kNowhere = ~size_t{0};
    struct Use {
        size_t at;
        Label label;
    };
    void add(uint8_t code, Reg to, Reg from, int16_t offset, int32_t immediate) {
        bpf_insn out{};
        out.code = code;
        out.dst_reg = to & 0xF;
        out.src_reg = from & 0xF;
        out.off = offset;
        out.imm = immediate;
        code_.push_back(out);
    }

    std::vector<bpf_insn> code_;
    std::vector<size_t> places_;  // by label
    std::vector<Use> uses_;
};

}  // namespace etw::kernel
