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

// With the result in w15.
.macro LEAVE_SECTION name, head
.ifc \head, staged
    mov w0, w15
    ret
.else
    b .L\name\()_rest
.endif
.endm

// The write section, once for each way in which the head of a record comes (ring/writer.h): \head is
// `staged`, `event` or `described`.
// Through the section live, and a restart needs no more
//   x0 the record or the source, x1 rseq area, x2 generation, x3 map, x7 pieces, x8 where they end,
//   w17 size
//   v0 activity, v1 identity, v2 first word, v3 size of traits, v4 provider id, v5 descriptor, v6
//   its address
.macro WRITE_SECTION name, head
FUNCTION etw_ring_\name
    DESCRIBE_SECTION \name
.ifc \head, staged
    ldr x3, [x0, #ETW_RECORD_MAP]
    ldr x2, [x0, #ETW_RECORD_GENERATION]
    ldr x7, [x0, #ETW_RECORD_PIECES]
    ldr w8, [x0, #ETW_RECORD_PIECE_COUNT]
    ldr w17, [x0, #ETW_RECORD_SIZE]
.else
.ifc \head, described
    ldr w9, [x0, #ETW_SOURCE_TRAITS_SIZE]  // once: it may change meanwhile
    fmov s3, w9
    add x2, x2, x9
.endif
    and w17, w2, #0xffff
    add w17, w17, #7
    and w17, w17, #~7
    mov w8, w4
    mov x7, x5
    fmov x9, d2
    fmov d2, x2
    mov x2, x9
    ldr q4, [x0, #ETW_SOURCE_PROVIDER_ID]
    ldr q5, [x1]
    fmov d6, x1
    mov x1, x3
    ldr x3, [x0, #ETW_SOURCE_MAP]
.endif
    add x8, x7, x8, lsl #4
.L\name\()_again:
    ENTER_SECTION \name
    b .L\name\()_enter

    // The rarer steps. They stand here because they belong to the section as well: all from its
    // start to the commit must lie between its two labels.
.L\name\()_switch:  // W3
    add w14, w17, #ETW_RING_FIRST_OFFSET
    ldr w9, [x3, #ETW_MAP_BLOCK_SIZE]
    cmp w14, w9
    b.hi .L\name\()_too_big
    mov w15, #1
    ldr w9, [x3, #ETW_MAP_OVERWRITE]
    cbnz w9, 1f
    add x9, x4, #ETW_RING_TAIL
    ldar x9, [x9]
    add x10, x5, #1
    sub x15, x10, x9, lsr #ETW_RING_OFFSET_BITS  // blocks that are full now
    ldr w10, [x3, #ETW_MAP_BLOCKS]
    cmp x15, x10
    b.hs .L\name\()_full
1:  lsl w15, w15, #ETW_RESULT_BLOCKS_SHIFT
    BLOCK_INDEX
    add x10, x4, #ETW_RING_FILLED
    str w6, [x10, x9, lsl #2]
    add x5, x5, #1
    mov w6, #ETW_RING_FIRST_OFFSET
    b .L\name\()_place

.L\name\()_pieces:  // from x16, to x12
    ldr w14, [x16, #ETW_PIECE_SIZE]
    ldr x13, [x16], #ETW_PIECE_STRIDE
    COPY_PAIRS
    adds x14, x14, #16
    b.eq 5f
4:  ldrb w9, [x13], #1
    strb w9, [x12], #1
    subs x14, x14, #1
    b.ne 4b
5:  cmp x16, x8
    b.lo .L\name\()_pieces
    b .L\name\()_stamp

.L\name\()_enter:
    mov w15, #ETW_OUTCOME_WRITTEN
    FIND_RING \name
    ldr x5, [x4, #ETW_RING_HEAD]
    and w6, w5, #((1 << ETW_RING_OFFSET_BITS) - 1)
    lsr x5, x5, #ETW_RING_OFFSET_BITS
    add w14, w17, w6
    ldr w9, [x3, #ETW_MAP_BLOCK_SIZE]
    cmp w14, w9
    b.hi .L\name\()_switch
.L\name\()_place:  // block x5, offset w6, end w14
    BLOCK_INDEX
    ldr w10, [x3, #ETW_MAP_DATA_OFFSET]
    ldr w11, [x3, #ETW_MAP_BLOCK_SIZE]
    add x6, x6, x10
    madd x6, x9, x11, x6
    add x6, x6, x4   // where the record goes
    add x5, x14, x5, lsl #ETW_RING_OFFSET_BITS  // the new head
    add x13, x6, x17
    str xzr, [x13, #-8]  // what the pieces leave of the last word
.ifc \head, staged
    mov x12, x6  // from here on: how far it has been copied
    ldr x13, [x0, #ETW_RECORD_STAGED]
    ldr w14, [x0, #ETW_RECORD_STAGED_SIZE]
    COPY_ITEM
.else
    str d2, [x6]
    str d1, [x6, #ETW_EVENT_IDENTITY]
    stur q4, [x6, #ETW_EVENT_PROVIDER_ID]
    stur q5, [x6, #ETW_EVENT_DESCRIPTOR]
    str xzr, [x6, #ETW_EVENT_TIMES]
    stur q0, [x6, #ETW_EVENT_ACTIVITY]
    add x12, x6, #ETW_EVENT_HEADER_SIZE  // from here on: how far it has been copied
.ifc \head, described
    add x13, x0, #ETW_SOURCE_TRAITS
    fmov w14, s3
    COPY_ITEM
    fmov x13, d6
    ldr w14, [x13, #ETW_DESCRIBED_ITEM_SIZE]
    add x13, x13, #ETW_DESCRIBED_ITEM
    COPY_ITEM
.endif
.endif
    mov x16, x7
    cmp x16, x8
    b.lo .L\name\()_pieces
.L\name\()_stamp:
.ifc \head, staged
    ldr w9, [x0, #ETW_RECORD_TIME_STAMP]
.else
    mov w9, #ETW_EVENT_TIME_STAMP
.endif
    isb  // the counter may otherwise be read early, even before the preceding section's
    mrs x10, cntvct_el0
    str x10, [x6, x9]
    add x9, x4, #ETW_RING_HEAD
    stlr x5, [x9]  // W5
.L\name\()_end:
.ifc \head, staged
    mov w0, w15
.else
    cbnz w15, .L\name\()_rest
    mov w0, #ETW_OUTCOME_WRITTEN
.endif
    ret

.L\name\()_full:
    mov w15, #ETW_OUTCOME_FULL
    LEAVE_SECTION \name, \head
.L\name\()_too_big:
    mov w15, #ETW_OUTCOME_TOO_BIG
    LEAVE_SECTION \name, \head
.L\name\()_detached:
    mov w15, #ETW_OUTCOME_DETACHED
    LEAVE_SECTION \name, \head
.L\name\()_no_cpu:
    mov w15, #ETW_OUTCOME_NO_CPU
    LEAVE_SECTION \name, \head
.ifnc \head, staged
.L\name\()_rest:  // with the result in w15
    fmov x1, d6
    fmov x2, d2
    mov w3, w15
    sub x4, x8, x7
    lsr x4, x4, #4
    mov x5, x7
    ldr x16, [x0, #ETW_SOURCE_REST]
    br x16
.endif
    ETW_RSEQ_SIGNATURE
.L\name\()_abort:
    b .L\name\()_again
END_FUNCTION etw_ring_\name
.endm

    .text

// uint32_t etw_ring_write(const ring::Record* x0, rseq* x1)
    WRITE_SECTION write, staged

// uint32_t etw_ring_write_event(const ring::EventSource* x0, const etw_descriptor* x1,
//                               uint64_t first word x2, rseq* x3, uint32_t count w4,
//                               const ring::Piece* x5, activity v0, identity v1, generation v2)
    WRITE_SECTION write_event, event

// uint32_t etw_ring_write_described(const ring::EventSource* x0, const etw_event* x1, the rest as
//                                   above)
    WRITE_SECTION write_described, described

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

// int32_t* etw_ring_claim_wake(ring::WriterMap* x0, rseq* x1, uint64_t generation x2,
//                              uint32_t full w3): the futex word if the host sleeps until a ring
// has as many full blocks and this call has taken it upon itself to wake it, else null.
FUNCTION etw_ring_claim_wake
    DESCRIBE_SECTION wake
    mov w4, w3
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
