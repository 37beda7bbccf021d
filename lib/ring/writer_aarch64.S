// The sections of ring/writer.h for AArch64. Steps are named as there.
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

// Makes the section the thread's current one. x9 clobbered.
.macro ENTER_SECTION name, area
    adrp x9, .L\name\()_cs
    add x9, x9, :lo12:.L\name\()_cs
    str x9, [\area, #ETW_RSEQ_CS]
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

// x9 = the number of a block, modulo blocks; x10, w11 clobbered.
.macro BLOCK_INDEX block, map
    ldr x10, [\map, #ETW_MAP_RECIPROCAL]
    umulh x10, \block, x10
    ldr w11, [\map, #ETW_MAP_BLOCKS]
    msub x9, x10, x11, \block
.endm

// Appends x14 bytes from x13: to x12, but for the last 0 to 15, of which x14 is the number - 16 then.
// x9, x10 clobbered.
.macro COPY_PAIRS
    subs x14, x14, #16
    b.lo 61f
60: ldp x9, x10, [x13], #16
    stp x9, x10, [x12], #16
    subs x14, x14, #16
    b.hs 60b
61:
.endm

// Appends an item of w14 bytes, a multiple of 8, from x13: to x12. x9, x10 clobbered.
.macro COPY_ITEM
    COPY_PAIRS
    tbz x14, #3, 8f  // x14 is the rest - 16: its low bits are those of the rest
    ldr x9, [x13], #8
    str x9, [x12], #8
8:
.endm

// The pieces from x16: to x12, at least one and as long as `at` is below `end`; then goes on where the
// section stamps. x9, x10, x13, x14 clobbered.
.macro COPY_PIECES name, at, end
.L\name\()_pieces:
    ldr w14, [x16, #ETW_PIECE_SIZE]
    ldr x13, [x16], #ETW_PIECE_STRIDE
    COPY_PAIRS
    adds x14, x14, #16
    b.eq 5f
4:  ldrb w9, [x13], #1
    strb w9, [x12], #1
    subs x14, x14, #1
    b.ne 4b
5:  cmp \at, \end
    b.lo .L\name\()_pieces
    b .L\name\()_stamp
.endm

// A quick section. x0 to x4 are kept as they came, for `rest`.
.macro QUICK_SECTION name, described
FUNCTION etw_ring_\name
    DESCRIBE_SECTION \name
    ENTER_SECTION \name, x5
    b .L\name\()_enter

    // The rarer steps. They stand here because they belong to the section as well: all from its
    // start to the commit must lie between its two labels.
.L\name\()_look:  // Q3
    add w10, w10, #ETW_QUICK_SLACK
    ldr w9, [x6, #ETW_MAP_BLOCK_SIZE]
    cmp w10, w9
    b.hi .L\name\()_rest
    lsr x13, x5, #ETW_RING_OFFSET_BITS
    BLOCK_INDEX x13, x6
    b .L\name\()_copy
    COPY_PIECES \name, x12, x8

.L\name\()_enter:
    ldr x6, [x0, #ETW_SOURCE_MAP]
    ldp x7, x8, [x0, #ETW_SOURCE_RINGS]
    ldr x9, [x0, #ETW_SOURCE_GENERATION]
    ldur q2, [x0, #ETW_SOURCE_PROVIDER_ID]
    dmb ishld  // pairs with the release of kNone: who sees a field's new value sees that
    ldr x10, [x0, #ETW_SOURCE_STATE]  // Q1, after all that it vouches for
    cmp x10, x2
    b.ne .L\name\()_rest
    ldr x10, [x6, #ETW_MAP_GENERATION]  // W1
    cmp x10, x9
    b.ne .L\name\()_rest
    ldr w9, [x5, #ETW_RSEQ_CPU_ID]  // Q2
    ldr w10, [x6, #ETW_MAP_CPUS]
    cmp w9, w10
    b.hs .L\name\()_rest
    madd x7, x9, x8, x7  // the ring of this CPU
.if \described
    ldr w16, [x0, #ETW_SOURCE_TRAITS_SIZE]  // once: it may change meanwhile
    add w17, w4, w16
.else
    mov w17, w4
.endif
    mov w9, #0xffff
    cmp w17, w9
    b.hi .L\name\()_rest
    ldr x5, [x7, #ETW_RING_HEAD]  // W2
    and w8, w5, #((1 << ETW_RING_OFFSET_BITS) - 1)
    add w10, w8, w17
    ldr x9, [x6, #ETW_MAP_QUICK_END]
    cmp x10, x9
    b.hi .L\name\()_look
    ldr x9, [x6, #ETW_MAP_BLOCK_MASK]
    and x9, x9, x5, lsr #ETW_RING_OFFSET_BITS
.L\name\()_copy:  // to offset x8 of block x9
    ldr x10, [x6, #ETW_MAP_DATA_OFFSET]
    ldr x11, [x6, #ETW_MAP_BLOCK_SIZE]
    add x8, x8, x10
    madd x8, x9, x11, x8
    add x6, x7, x8  // where the record goes
    add w9, w17, #7
    and w9, w9, #~7
    add x5, x5, x9  // the new head
    str xzr, [x6, x17]  // what the pieces leave of the last word, and not 8 further
    mov w9, #(ETW_EVENT_TYPE_AND_MARKER & 0xffff0000)
    add w9, w9, w17
.if \described
    orr x9, x9, #(ETW_EVENT_EXTENDED << 32)
.endif
    str x9, [x6]
    str d1, [x6, #ETW_EVENT_IDENTITY]
    stur q2, [x6, #ETW_EVENT_PROVIDER_ID]
    ldr q3, [x1]
    stur q3, [x6, #ETW_EVENT_DESCRIPTOR]
    str xzr, [x6, #ETW_EVENT_TIMES]
    stur q0, [x6, #ETW_EVENT_ACTIVITY]
    add x12, x6, #ETW_EVENT_HEADER_SIZE  // from here on: how far it has been copied
    add x8, x6, x17  // where it ends but for padding
.if \described
    mov w14, w16
    add x13, x0, #ETW_SOURCE_TRAITS
    COPY_ITEM
    ldr w14, [x1, #ETW_DESCRIBED_ITEM_SIZE]
    add x13, x1, #ETW_DESCRIBED_ITEM
    COPY_ITEM
.endif
    mov x16, x3
    cmp x12, x8
    b.lo .L\name\()_pieces
.L\name\()_stamp:
    isb  // the counter may otherwise be read early, even before the preceding section's
    mrs x10, cntvct_el0
    str x10, [x6, #ETW_EVENT_TIME_STAMP]
    add x9, x7, #ETW_RING_HEAD
    stlr x5, [x9]  // W5
.L\name\()_end:
    mov w0, #0
    ret

    ETW_RSEQ_SIGNATURE
.L\name\()_abort:
.L\name\()_rest:
    mov w5, #\described
    ldr x16, [x0, #ETW_SOURCE_REST]
    br x16
END_FUNCTION etw_ring_\name
.endm

    .text

// uint32_t etw_ring_write(const ring::Record* x0, rseq* x1)
// Through the section live, and a restart needs no more: x0 the record, x1 rseq area, x2 generation,
// x3 map, x7 pieces, x8 where they end, w17 size.
FUNCTION etw_ring_write
    DESCRIBE_SECTION write
    ldr x3, [x0, #ETW_RECORD_MAP]
    ldr x2, [x0, #ETW_RECORD_GENERATION]
    ldr x7, [x0, #ETW_RECORD_PIECES]
    ldr w8, [x0, #ETW_RECORD_PIECE_COUNT]
    ldr w17, [x0, #ETW_RECORD_SIZE]
    add x8, x7, x8, lsl #4
.Lwrite_again:
    ENTER_SECTION write, x1
    b .Lwrite_enter

    // The rarer steps. They stand here because they belong to the section as well: all from its
    // start to the commit must lie between its two labels.
.Lwrite_switch:  // W3
    add w14, w17, #ETW_RING_FIRST_OFFSET
    ldr w9, [x3, #ETW_MAP_BLOCK_SIZE]
    cmp w14, w9
    b.hi .Lwrite_too_big
    mov w15, #1
    ldr w9, [x3, #ETW_MAP_OVERWRITE]
    cbnz w9, 1f
    add x9, x4, #ETW_RING_TAIL
    ldar x9, [x9]
    add x10, x5, #1
    sub x15, x10, x9, lsr #ETW_RING_OFFSET_BITS  // blocks that are full now
    ldr w10, [x3, #ETW_MAP_BLOCKS]
    cmp x15, x10
    b.hs .Lwrite_full
1:  lsl w15, w15, #ETW_RESULT_BLOCKS_SHIFT
    BLOCK_INDEX x5, x3
    add x10, x4, #ETW_RING_FILLED
    str w6, [x10, x9, lsl #2]
    add x5, x5, #1
    mov w6, #ETW_RING_FIRST_OFFSET
    b .Lwrite_place

    COPY_PIECES write, x16, x8

.Lwrite_enter:
    mov w15, #ETW_OUTCOME_WRITTEN
    FIND_RING write
    ldr x5, [x4, #ETW_RING_HEAD]
    and w6, w5, #((1 << ETW_RING_OFFSET_BITS) - 1)
    lsr x5, x5, #ETW_RING_OFFSET_BITS
    add w14, w17, w6
    ldr w9, [x3, #ETW_MAP_BLOCK_SIZE]
    cmp w14, w9
    b.hi .Lwrite_switch
.Lwrite_place:  // block x5, offset w6, end w14
    BLOCK_INDEX x5, x3
    ldr w10, [x3, #ETW_MAP_DATA_OFFSET]
    ldr w11, [x3, #ETW_MAP_BLOCK_SIZE]
    add x6, x6, x10
    madd x6, x9, x11, x6
    add x6, x6, x4   // where the record goes
    add x5, x14, x5, lsl #ETW_RING_OFFSET_BITS  // the new head
    add x13, x6, x17
    str xzr, [x13, #-8]  // what the pieces leave of the last word
    mov x12, x6  // from here on: how far it has been copied
    ldr x13, [x0, #ETW_RECORD_STAGED]
    ldr w14, [x0, #ETW_RECORD_STAGED_SIZE]
    COPY_ITEM
    mov x16, x7
    cmp x16, x8
    b.lo .Lwrite_pieces
.Lwrite_stamp:
    ldr w9, [x0, #ETW_RECORD_TIME_STAMP]
    isb  // the counter may otherwise be read early, even before the preceding section's
    mrs x10, cntvct_el0
    str x10, [x6, x9]
    add x9, x4, #ETW_RING_HEAD
    stlr x5, [x9]  // W5
.Lwrite_end:
    mov w0, w15
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

// uint32_t etw_ring_write_event(const ring::EventSource* x0, const etw_descriptor* x1,
//                               uint64_t state x2, const ring::Piece* x3, uint64_t extent x4,
//                               rseq* x5, activity v0, identity v1)
    QUICK_SECTION write_event, 0

// uint32_t etw_ring_write_described(const ring::EventSource* x0, const etw_event* x1, the rest as
//                                   above)
    QUICK_SECTION write_described, 1

// uint32_t etw_ring_count_lost(ring::WriterMap* x0, rseq* x1, uint64_t generation x2)
FUNCTION etw_ring_count_lost
    DESCRIBE_SECTION count
    mov x3, x0
.Lcount_again:
    ENTER_SECTION count, x1
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

// int32_t* etw_ring_claim_wake(ring::WriterMap* x0, rseq* x1, uint64_t generation x2,
//                              uint32_t full w3): the futex word if the host sleeps until a ring
// has as many full blocks and this call has taken it upon itself to wake it, else null.
FUNCTION etw_ring_claim_wake
    DESCRIBE_SECTION wake
    mov w4, w3
    mov x3, x0
    dmb ish  // the head just stored, then host_sleeps; the host: host_sleeps, then the heads
.Lwake_again:
    ENTER_SECTION wake, x1
    mov x0, #0
    ldr x9, [x3, #ETW_MAP_GENERATION]
    cmp x9, x2
    b.ne .Lwake_leave
    ldr x10, [x3, #ETW_MAP_RINGS]
    sub x10, x10, #(ETW_RING_SET_HEADER_SIZE - ETW_RING_HOST_SLEEPS)
    ldr w9, [x10]
    sub w9, w9, #1  // 0, awake, becomes more than any number of blocks
    cmp w9, w4
    b.hs .Lwake_leave
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
