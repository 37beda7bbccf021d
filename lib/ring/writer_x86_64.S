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

// rcx: a number of a block, then that modulo blocks; map in r11; rax and rdx clobbered.
.macro BLOCK_INDEX
    mov ETW_MAP_RECIPROCAL(%r11), %rax
    mul %rcx
    imul ETW_MAP_BLOCKS(%r11), %rdx
    sub %rdx, %rcx
.endm

// Asks for the lines that will be written some thirty events from now, and once more for those of
// eight events from now: as many lines as a record of some 200 bytes takes. They are where the ring
// was drained, or in no cache at all if this program has rested for a while, and from there a line
// takes as long as many events do.
.macro PREFETCH_LINES
    prefetchw 4096(%rcx)
    prefetchw 4160(%rcx)
    prefetchw 4224(%rcx)
    prefetchw 4288(%rcx)
    prefetchw 1024(%rcx)
    prefetchw 1088(%rcx)
    prefetchw 1152(%rcx)
.endm

// Appends from rdx to r11 what of r9d bytes, more than 32, is more than the last 17 to 32.
.macro COPY_MORE_THAN_32
70: movups (%rdx), %xmm6
    movups %xmm6, (%r11)
    add $16, %rdx
    add $16, %r11
    sub $16, %r9d
    cmp $32, %r9d
    ja 70b
.endm

// Appends an item of r9d bytes, a multiple of 8, from where `base` points at `offset` from: to r11.
// rdx and r9d clobbered. What few items need stands elsewhere, by the second macro.
.macro COPY_ITEM name, base, offset
    cmp $16, %r9d
    jb .L\name\()_short
    cmp $32, %r9d
    ja .L\name\()_long
    movups \offset(\base), %xmm6  // 16 to 32 bytes in two moves that overlap
    movups \offset-16(\base, %r9), %xmm7
.L\name\()_store:
    movups %xmm6, (%r11)
    movups %xmm7, -16(%r11, %r9)
    add %r9, %r11
.L\name\()_done:
.endm
.macro COPY_ITEM_RARELY name, base, offset
.L\name\()_short:
    test %r9d, %r9d
    jz .L\name\()_done
    mov \offset(\base), %rdx
    mov %rdx, (%r11)
    add $8, %r11
    jmp .L\name\()_done
.L\name\()_long:
    lea \offset(\base), %rdx
    COPY_MORE_THAN_32
    movups (%rdx), %xmm6
    movups -16(%rdx, %r9), %xmm7
    jmp .L\name\()_store
.endm

// The pieces from rcx: to r11, at least one and as long as `at` is below `end`. rdx and r9 clobbered.
// Goes on behind the second macro, which stands where the section is about to commit.
.macro NEXT_PIECE name, at, end
    cmp \end, \at
    jb .L\name\()_pieces
    jmp .L\name\()_commit
.endm
.macro COPY_PIECES name, at, end
.L\name\()_pieces:
    mov ETW_PIECE_DATA(%rcx), %rdx
    mov ETW_PIECE_SIZE(%rcx), %r9d
    add $ETW_PIECE_STRIDE, %rcx
    cmp $4, %r9d
    je .L\name\()_piece_of_4
    cmp $8, %r9d
    je 3f
    cmp $16, %r9d
    jb 2f
    cmp $32, %r9d
    ja 7f
1:  movups (%rdx), %xmm6  // 16 to 32 bytes in two moves that overlap
    movups -16(%rdx, %r9), %xmm7
    movups %xmm6, (%r11)
    movups %xmm7, -16(%r11, %r9)
    add %r9, %r11
    NEXT_PIECE \name, \at, \end
2:  cmp $8, %r9d
    jb 4f
    movq (%rdx), %xmm6  // 9 to 15 likewise
    movq -8(%rdx, %r9), %xmm7
    movq %xmm6, (%r11)
    movq %xmm7, -8(%r11, %r9)
    add %r9, %r11
    NEXT_PIECE \name, \at, \end
3:  mov (%rdx), %rdx
    mov %rdx, (%r11)
    add $8, %r11
    NEXT_PIECE \name, \at, \end
4:  movq %r8, %xmm6
    jmp 6f
5:  movzbl (%rdx), %r8d
    mov %r8b, (%r11)
    inc %rdx
    inc %r11
6:  sub $1, %r9d
    jae 5b
    movq %xmm6, %r8
    NEXT_PIECE \name, \at, \end
7:  COPY_MORE_THAN_32
    jmp 1b
.endm
.macro COPY_PIECE_OF_4 name, at, end
.L\name\()_piece_of_4:
    mov (%rdx), %edx
    mov %edx, (%r11)
    add $4, %r11
    cmp \end, \at
    jb .L\name\()_pieces
.L\name\()_commit:
.endm

// What is needed once more, in slots below the stack pointer, where signals leave them alone.
#define SLOT_PIECES -8(%rsp)
#define SLOT_PIECES_END -16(%rsp)
#define SLOT_RESULT -24(%rsp)
#define SLOT_STATE -32(%rsp)
#define SLOT_EXTENT -40(%rsp)

// A quick section. From when it begins to copy: rax the new head, rcx the next piece, r8 where the
// record ends but for padding, r10 the ring, r11 how far it has been copied.
.macro QUICK_SECTION name, described
    DESCRIBE_SECTION \name
FUNCTION etw_ring_\name
    mov %rdx, SLOT_STATE
    mov %rcx, SLOT_PIECES
    mov %r8, SLOT_EXTENT
    lea .L\name\()_cs(%rip), %rax
    mov %rax, ETW_RSEQ_CS(%r9)
.L\name\()_start:
    mov ETW_SOURCE_MAP(%rdi), %r11
    mov ETW_RSEQ_CPU_ID(%r9), %r10d  // Q2
    cmp %r10d, ETW_MAP_CPUS(%r11)
    jbe .L\name\()_rest
    imul ETW_SOURCE_RING_SIZE(%rdi), %r10
    add ETW_SOURCE_RINGS(%rdi), %r10
    movups ETW_SOURCE_PROVIDER_ID(%rdi), %xmm3
    mov ETW_SOURCE_GENERATION(%rdi), %rax
    cmp %rdx, ETW_SOURCE_STATE(%rdi)  // Q1, after all that it vouches for
    jne .L\name\()_rest
    cmp %rax, ETW_MAP_GENERATION(%r11)  // W1
    jne .L\name\()_rest
.if \described
    mov ETW_SOURCE_TRAITS_SIZE(%rdi), %r9d  // once: it may change meanwhile
    add %r9d, %r8d
.else
    mov %r8d, %r8d
.endif
    cmp $0xffff, %r8d
    ja .L\name\()_rest
    mov ETW_RING_HEAD(%r10), %rax  // W2
    mov %eax, %ecx
    and $((1 << ETW_RING_OFFSET_BITS) - 1), %ecx
    lea (%rcx, %r8), %edx
    cmp ETW_MAP_QUICK_END(%r11), %rdx
    ja .L\name\()_look
    shr $ETW_RING_OFFSET_BITS, %rax
    and ETW_MAP_BLOCK_MASK(%r11), %rax
.L\name\()_copy:  // to offset rcx of block rax
    imul ETW_MAP_BLOCK_SIZE(%r11), %rax
    add ETW_MAP_DATA_OFFSET(%r11), %rcx
    add %r10, %rcx
    add %rax, %rcx  // the address
    // On some processors the counter waits for the loads before it, and what is behind it waits for
    // the counter. So it stands where the last load that depends on others has begun, and the
    // prefetches, which are loads, behind it.
    rdtsc
    PREFETCH_LINES
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, ETW_EVENT_TIME_STAMP(%rcx)
    lea 7(%r8), %eax
    and $-8, %eax
    add ETW_RING_HEAD(%r10), %rax  // the new head
    movq $0, (%rcx, %r8)  // what the pieces leave of the last word, and not 8 further
    lea ETW_EVENT_TYPE_AND_MARKER - (1 << 32)(%r8), %edx
    mov %edx, (%rcx)
.if \described
    movl $ETW_EVENT_EXTENDED, 4(%rcx)
.else
    movl $0, 4(%rcx)
.endif
    movq %xmm1, ETW_EVENT_IDENTITY(%rcx)
    movups %xmm3, ETW_EVENT_PROVIDER_ID(%rcx)
    movups (%rsi), %xmm4
    movups %xmm4, ETW_EVENT_DESCRIPTOR(%rcx)
    movq $0, ETW_EVENT_TIMES(%rcx)
    movups %xmm0, ETW_EVENT_ACTIVITY(%rcx)
    lea ETW_EVENT_HEADER_SIZE(%rcx), %r11
    add %rcx, %r8
    mov SLOT_PIECES, %rcx
.if \described
    COPY_ITEM \name\()_traits, %rdi, ETW_SOURCE_TRAITS
    mov ETW_DESCRIBED_ITEM_SIZE(%rsi), %r9d
    COPY_ITEM \name\()_schema, %rsi, ETW_DESCRIBED_ITEM
.endif
    cmp %r8, %r11
    jae .L\name\()_commit
    COPY_PIECES \name, %r11, %r8

    // The rarer steps. They stand here because they belong to the section as well: all from its
    // start to the commit must lie between its two labels.
.if \described
    COPY_ITEM_RARELY \name\()_traits, %rdi, ETW_SOURCE_TRAITS
    COPY_ITEM_RARELY \name\()_schema, %rsi, ETW_DESCRIBED_ITEM
.endif
.L\name\()_look:  // Q3
    add $ETW_QUICK_SLACK, %rdx
    cmp ETW_MAP_BLOCK_SIZE(%r11), %rdx
    ja .L\name\()_rest
    movq %rcx, %xmm6
    mov %rax, %rcx
    shr $ETW_RING_OFFSET_BITS, %rcx
    BLOCK_INDEX
    mov %rcx, %rax
    movq %xmm6, %rcx
    jmp .L\name\()_copy

    COPY_PIECE_OF_4 \name, %r11, %r8
    mov %rax, ETW_RING_HEAD(%r10)  // W5
.L\name\()_end:
    xor %eax, %eax
    ret

    ETW_RSEQ_SIGNATURE
.L\name\()_abort:
.L\name\()_rest:
    mov SLOT_STATE, %rdx
    mov SLOT_PIECES, %rcx
    mov SLOT_EXTENT, %r8
    mov $\described, %r9d
    jmp *ETW_SOURCE_REST(%rdi)
END_FUNCTION etw_ring_\name
.endm

    .text

// uint32_t etw_ring_write(const ring::Record* rdi, rseq* rsi)
    DESCRIBE_SECTION write
FUNCTION etw_ring_write
    mov ETW_RECORD_PIECES(%rdi), %rcx
    mov ETW_RECORD_PIECE_COUNT(%rdi), %r8d
    shl $4, %r8d
    add %rcx, %r8
    mov %rcx, SLOT_PIECES
    mov %r8, SLOT_PIECES_END
.Lwrite_again:
    lea .Lwrite_cs(%rip), %rax
    mov %rax, ETW_RSEQ_CS(%rsi)
.Lwrite_start:
    movl $0, SLOT_RESULT
    mov ETW_RECORD_MAP(%rdi), %r11
    mov ETW_RECORD_GENERATION(%rdi), %rax
    cmp %rax, ETW_MAP_GENERATION(%r11)  // W1
    jne .Lwrite_detached
    mov ETW_RSEQ_CPU_ID(%rsi), %r10d  // W2
    cmp %r10d, ETW_MAP_CPUS(%r11)
    jbe .Lwrite_no_cpu
    imul ETW_MAP_RING_SIZE(%r11), %r10
    add ETW_MAP_RINGS(%r11), %r10  // the ring of this CPU
    mov ETW_RECORD_SIZE(%rdi), %edx
    mov ETW_RING_HEAD(%r10), %r8
    mov %r8d, %r9d
    and $((1 << ETW_RING_OFFSET_BITS) - 1), %r9d
    lea (%r9, %rdx), %ecx
    cmp ETW_MAP_BLOCK_SIZE(%r11), %ecx
    ja .Lwrite_switch
.Lwrite_place:  // where head r8 says, which is offset r9d of a block
    mov %r8, %rcx
    shr $ETW_RING_OFFSET_BITS, %rcx
    cmpq $0, ETW_MAP_QUICK_END(%r11)
    je .Lwrite_index
    and ETW_MAP_BLOCK_MASK(%r11), %rcx
.Lwrite_copy:  // to offset r9 of block rcx
    imul ETW_MAP_BLOCK_SIZE(%r11), %rcx
    add ETW_MAP_DATA_OFFSET(%r11), %r9
    add %r10, %r9
    add %r9, %rcx  // the address
    rdtsc  // here, and prefetches behind it: as above
    PREFETCH_LINES
    shl $32, %rdx
    or %rdx, %rax
    movq %rax, %xmm5
    mov ETW_RECORD_SIZE(%rdi), %edx
    lea (%r8, %rdx), %rax  // the new head
    movq $0, -8(%rcx, %rdx)  // what the pieces leave of the last word
    mov %rcx, %r11  // from here on: how far it has been copied
    mov ETW_RECORD_STAGED(%rdi), %rdx
    mov ETW_RECORD_STAGED_SIZE(%rdi), %r9d
    // Sixteen bytes at a time, as the caller has just stored them: a load that is wider than the
    // store before it would have to wait until that has left the core's store buffer.
    sub $16, %r9
    jb 2f
1:  movups (%rdx), %xmm6
    movups %xmm6, (%r11)
    add $16, %rdx
    add $16, %r11
    sub $16, %r9
    jae 1b
2:  add $16, %r9
    jz 3f
    movq (%rdx), %xmm6
    movq %xmm6, (%r11)
    add $8, %r11
3:  mov ETW_RECORD_TIME_STAMP(%rdi), %edx
    movq %xmm5, (%rcx, %rdx)
    mov SLOT_PIECES, %rcx
    cmp SLOT_PIECES_END, %rcx
    jae .Lwrite_commit
    COPY_PIECES write, %rcx, SLOT_PIECES_END

    // The rarer steps, as above.
.Lwrite_index:
    BLOCK_INDEX
    jmp .Lwrite_copy
.Lwrite_switch:  // W3 where the record does not end within the block
    lea ETW_RING_FIRST_OFFSET(%rdx), %ecx
    cmp ETW_MAP_BLOCK_SIZE(%r11), %ecx
    ja .Lwrite_too_big
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
    jae .Lwrite_full
1:  shl $ETW_RESULT_BLOCKS_SHIFT, %edx
    mov %edx, SLOT_RESULT
    BLOCK_INDEX
    mov %r9d, ETW_RING_FILLED(%r10, %rcx, 4)
    or $((1 << ETW_RING_OFFSET_BITS) - 1), %r8
    add $(1 + ETW_RING_FIRST_OFFSET), %r8  // the first record of the next block
    mov $ETW_RING_FIRST_OFFSET, %r9d
    jmp .Lwrite_place

    COPY_PIECE_OF_4 write, %rcx, SLOT_PIECES_END
    mov %rax, ETW_RING_HEAD(%r10)  // W5
.Lwrite_end:
    mov SLOT_RESULT, %eax
    ret

.Lwrite_full:
    mov $ETW_OUTCOME_FULL, %eax
    ret
.Lwrite_too_big:
    mov $ETW_OUTCOME_TOO_BIG, %eax
    ret
.Lwrite_detached:
    mov $ETW_OUTCOME_DETACHED, %eax
    ret
.Lwrite_no_cpu:
    mov $ETW_OUTCOME_NO_CPU, %eax
    ret
    ETW_RSEQ_SIGNATURE
.Lwrite_abort:
    jmp .Lwrite_again
END_FUNCTION etw_ring_write

// uint32_t etw_ring_write_event(const ring::EventSource* rdi, const etw_descriptor* rsi,
//                               uint64_t state rdx, const ring::Piece* rcx, uint64_t extent r8,
//                               rseq* r9, activity xmm0, identity xmm1)
    QUICK_SECTION write_event, 0

// uint32_t etw_ring_write_described(const ring::EventSource* rdi, const etw_event* rsi, the rest
//                                   as above)
    QUICK_SECTION write_described, 1

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
