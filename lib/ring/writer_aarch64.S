// The three sections of ring/writer.h for AArch64. Steps are named as there.
#if defined(__aarch64__)
#include "ring/writer_layout.h"

// The word before an abort address proves to the kernel that it is one: a breakpoint instruction.
#define ETW_RSEQ_SIGNATURE .inst 0xd428bc00

.macro DESCRIBE_SECTION name
    .pushsection __rseq_cs, "aw", %progbits
    .balign 32
.L\name\()_cs:
    .long 0, 0
    .quad .L\name\()_start, .L\name\()_end - .L\name\()_start, .L\name\()_abort
    .popsection
.endm

.macro FUNCTION name
    .globl \name
    .hidden \name
    .type \name, %function
    .p2align 4
\name:
    .cfi_startproc
.endm

.macro END_FUNCTION name
    .cfi_endproc
    .size \name, . - \name
.endm

// Makes the section the thread's current one. rseq area in x1; x9 clobbered.
.macro ENTER_SECTION name
    adrp x9, .L\name\()_cs
    add x9, x9, :lo12:.L\name\()_cs
    str x9, [x1, #ETW_RSEQ_CS]
.L\name\()_start:
.endm

// x4 = ring of the CPU this runs on. Map in x3, rseq area in x1, generation in x2; x9, x10
// clobbered. W1, W2.
.macro FIND_RING name
    ldr x9, [x3, #ETW_MAP_GENERATION]
    cmp x9, x2
    b.ne .L\name\()_detached
    ldr w9, [x1, #ETW_RSEQ_CPU_ID]
    ldr w10, [x3, #ETW_MAP_CPUS]
    cmp w9, w10
    b.hs .L\name\()_no_cpu
    ldr x10, [x3, #ETW_MAP_RING_SIZE]
    ldr x4, [x3, #ETW_MAP_RINGS]
    madd x4, x9, x10, x4
.endm

// x9 = block x5 modulo blocks; map in x3; x10, w11 clobbered.
.macro BLOCK_INDEX
    ldr x10, [x3, #ETW_MAP_RECIPROCAL]
    umulh x10, x5, x10
    ldr w11, [x3, #ETW_MAP_BLOCKS]
    msub x9, x10, x11, x5
.endm

    .text

// uint32_t etw_ring_write(ring::Record* x0, rseq* x1)
FUNCTION etw_ring_write
    DESCRIBE_SECTION write
.Lwrite_again:
    ENTER_SECTION write
    b .Lwrite_enter

    // The rarer steps. They stand here because they belong to the section as well: all from its
    // start to the commit must lie between its two labels.
.Lwrite_switch:  // W3
    ldr w7, [x0, #ETW_RECORD_SIZE]
    add w7, w7, #ETW_RING_FIRST_OFFSET
    cmp w7, w8
    b.hi .Lwrite_too_big
    ldr w9, [x3, #ETW_MAP_OVERWRITE]
    cbnz w9, 1f
    add x9, x4, #ETW_RING_TAIL
    ldar x9, [x9]
    add x10, x5, #1
    sub x9, x10, x9, lsr #ETW_RING_OFFSET_BITS
    ldr w10, [x3, #ETW_MAP_BLOCKS]
    cmp x9, x10
    b.hs .Lwrite_full
1:  BLOCK_INDEX
    add x10, x4, #ETW_RING_FILLED
    str w6, [x10, x9, lsl #2]
    add x5, x5, #1
    mov w6, #ETW_RING_FIRST_OFFSET
    mov w9, #1
    str w9, [x0, #ETW_RECORD_SWITCHED]
    b .Lwrite_place

.Lwrite_pieces:
    ldr x15, [x0, #ETW_RECORD_PIECES]
    add x16, x15, x9, lsl #4
1:  ldr w14, [x15, #ETW_PIECE_SIZE]
    ldr x13, [x15], #ETW_PIECE_STRIDE
    subs x14, x14, #16
    b.lo 3f
2:  ldp x9, x10, [x13], #16
    stp x9, x10, [x12], #16
    subs x14, x14, #16
    b.hs 2b
3:  adds x14, x14, #16
    b.eq 5f
4:  ldrb w9, [x13], #1
    strb w9, [x12], #1
    subs x14, x14, #1
    b.ne 4b
5:  cmp x15, x16
    b.lo 1b
    b .Lwrite_stamp

.Lwrite_enter:
    ldr x3, [x0, #ETW_RECORD_MAP]
    ldr x2, [x0, #ETW_RECORD_GENERATION]
    FIND_RING write
    ldr x5, [x4, #ETW_RING_HEAD]
    and w6, w5, #((1 << ETW_RING_OFFSET_BITS) - 1)
    lsr x5, x5, #ETW_RING_OFFSET_BITS
    ldr w7, [x0, #ETW_RECORD_SIZE]
    add w7, w7, w6
    ldr w8, [x3, #ETW_MAP_BLOCK_SIZE]
    cmp w7, w8
    b.hi .Lwrite_switch
.Lwrite_place:  // block x5, offset w6, end w7, block size w8
    BLOCK_INDEX
    ldr w10, [x3, #ETW_MAP_DATA_OFFSET]
    add x6, x6, x10
    madd x6, x9, x8, x6
    add x6, x6, x4   // where the record goes
    mov x12, x6      // how far it has been copied
    add x5, x7, x5, lsl #ETW_RING_OFFSET_BITS  // the new head
    ldr w13, [x0, #ETW_RECORD_SIZE]
    add x13, x13, x6
    str xzr, [x13, #-8]  // what the pieces leave of the last word
    ldr x13, [x0, #ETW_RECORD_STAGED]
    ldr w14, [x0, #ETW_RECORD_STAGED_SIZE]
    subs x14, x14, #32
    b.lo 2f
1:  ldp x9, x10, [x13], #16
    ldp x15, x16, [x13], #16
    stp x9, x10, [x12], #16
    stp x15, x16, [x12], #16
    subs x14, x14, #32
    b.hs 1b
2:  tbz x14, #4, 3f  // x14 is the rest - 32: its low bits are those of the rest
    ldp x9, x10, [x13], #16
    stp x9, x10, [x12], #16
3:  tbz x14, #3, 4f
    ldr x9, [x13], #8
    str x9, [x12], #8
4:  ldr w9, [x0, #ETW_RECORD_PIECE_COUNT]
    cbnz w9, .Lwrite_pieces
.Lwrite_stamp:
    ldr w9, [x0, #ETW_RECORD_TIME_STAMP]
    isb  // the counter may otherwise be read early, even before the preceding section's
    mrs x10, cntvct_el0
    str x10, [x6, x9]
    add x9, x4, #ETW_RING_HEAD
    stlr x5, [x9]  // W5
.Lwrite_end:
    mov w0, #ETW_OUTCOME_WRITTEN
    ret

.Lwrite_full:
    mov w0, #ETW_OUTCOME_FULL
    ret
.Lwrite_too_big:
    mov w0, #ETW_OUTCOME_TOO_BIG
    ret
.Lwrite_detached:
    mov w0, #ETW_OUTCOME_DETACHED
    ret
.Lwrite_no_cpu:
    mov w0, #ETW_OUTCOME_NO_CPU
    ret
    ETW_RSEQ_SIGNATURE
.Lwrite_abort:
    b .Lwrite_again
END_FUNCTION etw_ring_write

// uint32_t etw_ring_count_lost(ring::WriterMap* x0, rseq* x1, uint64_t generation x2)
FUNCTION etw_ring_count_lost
    DESCRIBE_SECTION count
    mov x3, x0
.Lcount_again:
    ENTER_SECTION count
    FIND_RING count
    ldr x9, [x4, #ETW_RING_LOST]
    add x9, x9, #1
    str x9, [x4, #ETW_RING_LOST]
.Lcount_end:
    mov w0, #ETW_OUTCOME_WRITTEN
    ret
.Lcount_detached:
    mov w0, #ETW_OUTCOME_DETACHED
    ret
.Lcount_no_cpu:
    mov w0, #ETW_OUTCOME_NO_CPU
    ret
    ETW_RSEQ_SIGNATURE
.Lcount_abort:
    b .Lcount_again
END_FUNCTION etw_ring_count_lost

// int32_t* etw_ring_claim_wake(ring::WriterMap* x0, rseq* x1, uint64_t generation x2): the futex
// word if the host slept and this call has taken it upon itself to wake it, else null.
FUNCTION etw_ring_claim_wake
    DESCRIBE_SECTION wake
    mov x3, x0
    dmb ish  // the head just stored, then host_sleeps; the host: host_sleeps, then the heads
.Lwake_again:
    ENTER_SECTION wake
    mov x0, #0
    ldr x9, [x3, #ETW_MAP_GENERATION]
    cmp x9, x2
    b.ne .Lwake_leave
    ldr x10, [x3, #ETW_MAP_RINGS]
    sub x10, x10, #(ETW_RING_SET_HEADER_SIZE - ETW_RING_HOST_SLEEPS)
    ldr w9, [x10]
    cmp w9, #1
    b.ne .Lwake_leave
    mov x0, x10
    str wzr, [x10]
.Lwake_end:
    nop
.Lwake_leave:
    ret
    ETW_RSEQ_SIGNATURE
.Lwake_abort:
    b .Lwake_again
END_FUNCTION etw_ring_claim_wake
#endif

    .section .note.GNU-stack, "", %progbits
