// The sections of ring/writer.h for x86-64. Steps are named as there. Stores are not
// reordered with older stores nor loads with older loads on this machine, so plain moves have the
// acquire and release orders that the steps ask for.
#if defined(__x86_64__)
#include "ring/writer_layout.h"

// The signature before an abort address proves to the kernel that it is one. The two bytes in front
// make it an undefined instruction with the signature as its operand.
#define ETW_RSEQ_SIGNATURE .byte 0x0f, 0xb9, 0x3d; .long 0x53053053

.macro DESCRIBE_SECTION name
    .pushsection __rseq_cs, "aw", @progbits
    .balign 32
.L\name\()_cs:
    .long 0, 0
    .quad .L\name\()_start, .L\name\()_end - .L\name\()_start, .L\name\()_abort
    .popsection
.endm

.macro FUNCTION name
    .globl \name
    .hidden \name
    .type \name, @function
    .p2align 5
\name:
    .cfi_startproc
.endm

.macro END_FUNCTION name
    .cfi_endproc
    .size \name, . - \name
.endm

// The write section, once for each way in which the head of a record comes (ring/writer.h): \head is
// `staged`, `event` or `described`.
// rdi (record or source), rsi (descriptor), xmm0 (activity), xmm1 (identity) and xmm2 (generation)
// live through the section; what else a restart needs is in slots below the stack pointer, where
// signals leave them alone.
#define SLOT_RSEQ -8(%rsp)
#define SLOT_PIECES -16(%rsp)
#define SLOT_PIECES_END -24(%rsp)
#define SLOT_RESULT -32(%rsp)
#define SLOT_FIRST_WORD -40(%rsp)
#define SLOT_TRAITS_SIZE -48(%rsp)

// edx: bytes from this record to the next.
.macro RECORD_SIZE head
.ifc \head, staged
    mov ETW_RECORD_SIZE(%rdi), %edx
.else
    movzwl SLOT_FIRST_WORD, %edx
    add $7, %edx
    and $-8, %edx
.endif
.endm

// rcx: a number of a block, then that modulo blocks; map in r11; rax and rdx clobbered.
.macro BLOCK_INDEX
    mov ETW_MAP_RECIPROCAL(%r11), %rax
    mul %rcx
    imul ETW_MAP_BLOCKS(%r11), %rdx
    sub %rdx, %rcx
.endm

// Appends from rax to r11 what of edx bytes, more than 32, is more than the last 17 to 32.
.macro COPY_MORE_THAN_32
70: movups (%rax), %xmm6
    movups %xmm6, (%r11)
    add $16, %rax
    add $16, %r11
    sub $16, %edx
    cmp $32, %edx
    ja 70b
.endm

// Appends an item of edx bytes, a multiple of 8, from where `base` points at `offset` from: to r11.
// rax and edx clobbered. What few items need stands elsewhere, by the second macro.
.macro COPY_ITEM name, base, offset
    cmp $16, %edx
    jb .L\name\()_short
    cmp $32, %edx
    ja .L\name\()_long
    movups \offset(\base), %xmm6  // 16 to 32 bytes in two moves that overlap
    movups \offset-16(\base, %rdx), %xmm7
.L\name\()_store:
    movups %xmm6, (%r11)
    movups %xmm7, -16(%r11, %rdx)
    add %rdx, %r11
.L\name\()_done:
.endm
.macro COPY_ITEM_RARELY name, base, offset
.L\name\()_short:
    test %edx, %edx
    jz .L\name\()_done
    mov \offset(\base), %rax
    mov %rax, (%r11)
    add $8, %r11
    jmp .L\name\()_done
.L\name\()_long:
    lea \offset(\base), %rax
    COPY_MORE_THAN_32
    movups (%rax), %xmm6
    movups -16(%rax, %rdx), %xmm7
    jmp .L\name\()_store
.endm

.macro NEXT_PIECE name
    cmp SLOT_PIECES_END, %r9
    jb .L\name\()_pieces
    jmp .L\name\()_commit
.endm

// With the result in eax.
.macro LEAVE_SECTION name, head
.ifc \head, staged
    ret
.else
    jmp .L\name\()_rest
.endif
.endm

.macro WRITE_SECTION name, head
    DESCRIBE_SECTION \name
FUNCTION etw_ring_\name
.ifc \head, staged
    mov %rsi, %rcx
    mov ETW_RECORD_PIECES(%rdi), %r9
    mov ETW_RECORD_PIECE_COUNT(%rdi), %r8d
.else
.ifc \head, described
    mov ETW_SOURCE_TRAITS_SIZE(%rdi), %eax  // once: it may change meanwhile
    mov %eax, SLOT_TRAITS_SIZE
    add %rax, %rdx
.endif
    mov %rdx, SLOT_FIRST_WORD
.endif
    mov %rcx, SLOT_RSEQ
    mov %r9, SLOT_PIECES
    shl $4, %r8d
    add %r9, %r8
    mov %r8, SLOT_PIECES_END
.L\name\()_again:
    lea .L\name\()_cs(%rip), %rax
    mov %rax, ETW_RSEQ_CS(%rcx)
.L\name\()_start:
    movl $0, SLOT_RESULT
.ifc \head, staged
    mov ETW_RECORD_MAP(%rdi), %r11
    mov ETW_RECORD_GENERATION(%rdi), %rax
.else
    mov ETW_SOURCE_MAP(%rdi), %r11
    movq %xmm2, %rax
.endif
    cmp %rax, ETW_MAP_GENERATION(%r11)
    jne .L\name\()_detached
    mov ETW_RSEQ_CPU_ID(%rcx), %r10d
    cmp %r10d, ETW_MAP_CPUS(%r11)
    jbe .L\name\()_no_cpu
    imul ETW_MAP_RING_SIZE(%r11), %r10
    add ETW_MAP_RINGS(%r11), %r10  // the ring of this CPU
    // The counter stands where as much is behind it as before: on some processors it waits for all
    // that has begun before it, and nothing begins until it is there.
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    movq %rax, %xmm5
    RECORD_SIZE \head
    mov ETW_RING_HEAD(%r10), %r8
    mov %r8d, %eax
    and $((1 << ETW_RING_OFFSET_BITS) - 1), %eax
    lea (%rax, %rdx), %ecx
    cmp ETW_MAP_BLOCK_SIZE(%r11), %ecx
    ja .L\name\()_switch
.L\name\()_place:  // where head r8 says, which is offset eax of a block; edx bytes
    mov %r8, %rcx
    shr $ETW_RING_OFFSET_BITS, %rcx
    and ETW_MAP_BLOCK_MASK(%r11), %rcx
    cmp ETW_MAP_BLOCKS(%r11), %rcx
    jae .L\name\()_index  // for the mask of a number that is no power of two
.L\name\()_copy:  // into block rcx
    imul ETW_MAP_BLOCK_SIZE(%r11), %rcx
    add ETW_MAP_DATA_OFFSET(%r11), %rcx
    add %r10, %rcx
    add %rax, %rcx  // the address
    add %rdx, %r8  // the new head
    // Whoever drains the ring has these lines, and asking for them takes as long as five events do,
    // or longer. Of such requests the nearest cache has room for a few at a time and the next one
    // for many more, where lines come in pairs: so they are asked for into that, and from there in
    // time for the stores.
    prefetcht1 4096(%rcx)
    prefetcht1 4224(%rcx)
    prefetchw 1024(%rcx)
    prefetchw 1088(%rcx)
    prefetchw 1152(%rcx)
    movq $0, -8(%rcx, %rdx)  // what the pieces leave of the last word
.ifc \head, staged
    mov %rcx, %r11  // from here on: how far it has been copied
    mov ETW_RECORD_STAGED(%rdi), %rax
    mov ETW_RECORD_STAGED_SIZE(%rdi), %edx
    // Sixteen bytes at a time, as the caller has just stored them: a load that is wider than the
    // store before it would have to wait until that has left the core's store buffer.
    sub $16, %rdx
    jb 9f
8:  movups (%rax), %xmm6
    movups %xmm6, (%r11)
    add $16, %rax
    add $16, %r11
    sub $16, %rdx
    jae 8b
9:  add $16, %rdx
    jz 10f
    movq (%rax), %xmm6
    movq %xmm6, (%r11)
    add $8, %r11
10: mov ETW_RECORD_TIME_STAMP(%rdi), %edx
    movq %xmm5, (%rcx, %rdx)
.else
    mov SLOT_FIRST_WORD, %rax
    mov %rax, (%rcx)
    movq %xmm1, ETW_EVENT_IDENTITY(%rcx)
    movq %xmm5, ETW_EVENT_TIME_STAMP(%rcx)
    movups ETW_SOURCE_PROVIDER_ID(%rdi), %xmm3
    movups %xmm3, ETW_EVENT_PROVIDER_ID(%rcx)
    movups (%rsi), %xmm4
    movups %xmm4, ETW_EVENT_DESCRIPTOR(%rcx)
    movq $0, ETW_EVENT_TIMES(%rcx)
    movups %xmm0, ETW_EVENT_ACTIVITY(%rcx)
    lea ETW_EVENT_HEADER_SIZE(%rcx), %r11  // from here on: how far it has been copied
.ifc \head, described
    mov SLOT_TRAITS_SIZE, %edx
    COPY_ITEM \name\()_traits, %rdi, ETW_SOURCE_TRAITS
    mov ETW_DESCRIBED_ITEM_SIZE(%rsi), %edx
    COPY_ITEM \name\()_schema, %rsi, ETW_DESCRIBED_ITEM
.endif
.endif
    cmp SLOT_PIECES_END, %r9
    jae .L\name\()_commit

.L\name\()_pieces:  // from r9, to r11
    mov ETW_PIECE_DATA(%r9), %rax
    mov ETW_PIECE_SIZE(%r9), %edx
    add $ETW_PIECE_STRIDE, %r9
    cmp $8, %edx
    je 3f
    cmp $4, %edx
    je 4f
    cmp $16, %edx
    jb 2f
    cmp $32, %edx
    ja 7f
1:  movups (%rax), %xmm6  // 16 to 32 bytes in two moves that overlap
    movups -16(%rax, %rdx), %xmm7
    movups %xmm6, (%r11)
    movups %xmm7, -16(%r11, %rdx)
    add %rdx, %r11
    NEXT_PIECE \name
2:  cmp $8, %edx
    jb 5f
    movq (%rax), %xmm6  // 9 to 15 likewise
    movq -8(%rax, %rdx), %xmm7
    movq %xmm6, (%r11)
    movq %xmm7, -8(%r11, %rdx)
    add %rdx, %r11
    NEXT_PIECE \name
3:  mov (%rax), %rax
    mov %rax, (%r11)
    add $8, %r11
    NEXT_PIECE \name
4:  mov (%rax), %eax
    mov %eax, (%r11)
    add $4, %r11
    NEXT_PIECE \name
5:  sub $1, %edx
    jb 6f
    movzbl (%rax), %ecx
    mov %cl, (%r11)
    inc %rax
    inc %r11
    jmp 5b
6:  NEXT_PIECE \name
7:  COPY_MORE_THAN_32
    jmp 1b

    // The rarer steps. They stand here because they belong to the section as well: all from its
    // start to the commit must lie between its two labels.
.ifc \head, described
    COPY_ITEM_RARELY \name\()_traits, %rdi, ETW_SOURCE_TRAITS
    COPY_ITEM_RARELY \name\()_schema, %rsi, ETW_DESCRIBED_ITEM
.endif
.L\name\()_index:
    BLOCK_INDEX
    mov %r8d, %eax
    and $((1 << ETW_RING_OFFSET_BITS) - 1), %eax
    RECORD_SIZE \head
    jmp .L\name\()_copy
.L\name\()_switch:  // W3 where the record does not end within the block
    lea ETW_RING_FIRST_OFFSET(%rdx), %ecx
    cmp ETW_MAP_BLOCK_SIZE(%r11), %ecx
    ja .L\name\()_too_big
    mov $1, %edx
    mov %r8, %rcx
    shr $ETW_RING_OFFSET_BITS, %rcx
    cmpl $0, ETW_MAP_OVERWRITE(%r11)
    jne 1f
    mov ETW_RING_TAIL(%r10), %rax
    shr $ETW_RING_OFFSET_BITS, %rax
    lea 1(%rcx), %rdx
    sub %rax, %rdx  // blocks that are full now
    cmp ETW_MAP_BLOCKS(%r11), %rdx
    jae .L\name\()_full
1:  shl $ETW_RESULT_BLOCKS_SHIFT, %edx
    mov %edx, SLOT_RESULT
    BLOCK_INDEX
    mov $((1 << ETW_RING_OFFSET_BITS) - 1), %eax
    and %r8d, %eax
    mov %eax, ETW_RING_FILLED(%r10, %rcx, 4)
    or $((1 << ETW_RING_OFFSET_BITS) - 1), %r8
    add $(1 + ETW_RING_FIRST_OFFSET), %r8  // the first record of the next block
    mov $ETW_RING_FIRST_OFFSET, %eax
    RECORD_SIZE \head
    jmp .L\name\()_place

.L\name\()_commit:
    mov %r8, ETW_RING_HEAD(%r10)  // W5
.L\name\()_end:
    mov SLOT_RESULT, %eax
.ifnc \head, staged
    test %eax, %eax
    jnz .L\name\()_rest
.endif
    ret

.L\name\()_full:
    mov $ETW_OUTCOME_FULL, %eax
    LEAVE_SECTION \name, \head
.L\name\()_too_big:
    mov $ETW_OUTCOME_TOO_BIG, %eax
    LEAVE_SECTION \name, \head
.L\name\()_detached:
    mov $ETW_OUTCOME_DETACHED, %eax
    LEAVE_SECTION \name, \head
.L\name\()_no_cpu:
    mov $ETW_OUTCOME_NO_CPU, %eax
    LEAVE_SECTION \name, \head
.ifnc \head, staged
.L\name\()_rest:  // with the result in eax
    mov SLOT_FIRST_WORD, %rdx
    mov %eax, %ecx
    mov SLOT_PIECES, %r9
    mov SLOT_PIECES_END, %r8
    sub %r9, %r8
    shr $4, %r8
    jmp *ETW_SOURCE_REST(%rdi)
.endif
    ETW_RSEQ_SIGNATURE
.L\name\()_abort:
    mov SLOT_RSEQ, %rcx
    mov SLOT_PIECES, %r9
    jmp .L\name\()_again
END_FUNCTION etw_ring_\name
.endm

    .text

// uint32_t etw_ring_write(const ring::Record* rdi, rseq* rsi)
    WRITE_SECTION write, staged

// uint32_t etw_ring_write_event(const ring::EventSource* rdi, const etw_descriptor* rsi,
//                               uint64_t first word rdx, rseq* rcx, uint32_t count r8d,
//                               const ring::Piece* r9, activity xmm0, identity xmm1, generation xmm2)
    WRITE_SECTION write_event, event

// uint32_t etw_ring_write_described(const ring::EventSource* rdi, const etw_event* rsi, the rest
//                                   as above)
    WRITE_SECTION write_described, described

// uint32_t etw_ring_count_lost(ring::WriterMap* rdi, rseq* rsi, uint64_t generation rdx)
FUNCTION etw_ring_count_lost
    DESCRIBE_SECTION count
.Lcount_again:
    lea .Lcount_cs(%rip), %rax
    mov %rax, ETW_RSEQ_CS(%rsi)
.Lcount_start:
    cmp %rdx, ETW_MAP_GENERATION(%rdi)  // W1
    jne .Lcount_detached
    mov ETW_RSEQ_CPU_ID(%rsi), %r9d  // W2
    cmp %r9d, ETW_MAP_CPUS(%rdi)
    jbe .Lcount_no_cpu
    imul ETW_MAP_RING_SIZE(%rdi), %r9
    add ETW_MAP_RINGS(%rdi), %r9
    incq ETW_RING_LOST(%r9)
.Lcount_end:
    xor %eax, %eax
    ret
.Lcount_detached:
    mov $ETW_OUTCOME_DETACHED, %eax
    ret
.Lcount_no_cpu:
    mov $ETW_OUTCOME_NO_CPU, %eax
    ret
    ETW_RSEQ_SIGNATURE
.Lcount_abort:
    jmp .Lcount_again
END_FUNCTION etw_ring_count_lost

// int32_t* etw_ring_claim_wake(ring::WriterMap* rdi, rseq* rsi, uint64_t generation rdx,
//                              uint32_t full ecx): the futex word if the host sleeps until a ring
// has as many full blocks and this call has taken it upon itself to wake it, else null.
FUNCTION etw_ring_claim_wake
    DESCRIBE_SECTION wake
    mfence  // the head just stored, then host_sleeps; the host: host_sleeps, then the heads
.Lwake_again:
    lea .Lwake_cs(%rip), %rax
    mov %rax, ETW_RSEQ_CS(%rsi)
.Lwake_start:
    xor %eax, %eax
    cmp %rdx, ETW_MAP_GENERATION(%rdi)
    jne .Lwake_leave
    mov ETW_MAP_RINGS(%rdi), %r8
    add $(ETW_RING_HOST_SLEEPS - ETW_RING_SET_HEADER_SIZE), %r8
    mov (%r8), %r9d
    dec %r9d  // 0, awake, becomes more than any number of blocks
    cmp %ecx, %r9d
    jae .Lwake_leave
    mov %r8, %rax
    movl $0, (%r8)
.Lwake_end:
    nop
.Lwake_leave:
    ret
    ETW_RSEQ_SIGNATURE
.Lwake_abort:
    jmp .Lwake_again
END_FUNCTION etw_ring_claim_wake
#endif

    .section .note.GNU-stack, "", %progbits
