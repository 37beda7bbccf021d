// The three sections of ring/writer.h for x86-64. Steps are named as there. Stores are not
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

// rcx: a number of a block, then that modulo blocks; map in rdi; rax and rdx clobbered.
.macro BLOCK_INDEX
    mov ETW_MAP_RECIPROCAL(%rdi), %rax
    mul %rcx
    imul ETW_MAP_BLOCKS(%rdi), %rdx
    sub %rdx, %rcx
.endm

    .text

// The write section, once for each way in which the head of a record comes: \head is `staged` or
// `header`. On entry
//   rdi map, rsi generation, rdx pieces, ecx how many, r8d size, r9 rseq area
// and either the slots STAGED, STAGED_SIZE and TIME_STAMP, or the header in xmm0 to xmm4.
// rdi, rsi, r8 and xmm0 to xmm4 live through the section; what else a restart needs is in the slots.
// They lie below the stack pointer, where signals leave them alone.
#define SLOT_RSEQ -8(%rsp)
#define SLOT_PIECES -16(%rsp)
#define SLOT_PIECES_END -24(%rsp)
#define SLOT_RESULT -32(%rsp)
#define SLOT_STAGED -40(%rsp)
#define SLOT_STAGED_SIZE -48(%rsp)
#define SLOT_TIME_STAMP -56(%rsp)

.macro NEXT_PIECE name
    cmp SLOT_PIECES_END, %rcx
    jb .L\name\()_pieces
    jmp .L\name\()_commit
.endm

.macro WRITE_SECTION name, head
    DESCRIBE_SECTION \name
FUNCTION etw_ring_\name
.ifc \head, staged
    mov ETW_RECORD_STAGED(%rdi), %rax
    mov %rax, SLOT_STAGED
    mov ETW_RECORD_STAGED_SIZE(%rdi), %eax
    mov %eax, SLOT_STAGED_SIZE
    mov ETW_RECORD_TIME_STAMP(%rdi), %eax
    mov %eax, SLOT_TIME_STAMP
    mov %rsi, %r9
    mov ETW_RECORD_GENERATION(%rdi), %rsi
    mov ETW_RECORD_PIECES(%rdi), %rdx
    mov ETW_RECORD_PIECE_COUNT(%rdi), %ecx
    mov ETW_RECORD_SIZE(%rdi), %r8d
    mov ETW_RECORD_MAP(%rdi), %rdi
.endif
    mov %r9, SLOT_RSEQ
    mov %rdx, SLOT_PIECES
    shl $4, %rcx
    add %rdx, %rcx
    mov %rcx, SLOT_PIECES_END
.L\name\()_again:
    lea .L\name\()_cs(%rip), %rax
    mov %rax, ETW_RSEQ_CS(%r9)
.L\name\()_start:
    movl $0, SLOT_RESULT
    cmp %rsi, ETW_MAP_GENERATION(%rdi)
    jne .L\name\()_detached
    mov ETW_RSEQ_CPU_ID(%r9), %r10d
    cmp %r10d, ETW_MAP_CPUS(%rdi)
    jbe .L\name\()_no_cpu
    rdtsc  // here its latency hides behind the copying
    shl $32, %rdx
    or %rdx, %rax
    movq %rax, %xmm5
    imul ETW_MAP_RING_SIZE(%rdi), %r10
    add ETW_MAP_RINGS(%rdi), %r10  // the ring of this CPU
    mov ETW_RING_HEAD(%r10), %r11
    mov %r11d, %r9d
    and $((1 << ETW_RING_OFFSET_BITS) - 1), %r9d
    lea (%r9, %r8), %ecx
    cmp ETW_MAP_BLOCK_SIZE(%rdi), %ecx
    ja .L\name\()_switch
.L\name\()_place:  // where head r11 says, which is offset r9 of a block
    mov %r11, %rcx
    shr $ETW_RING_OFFSET_BITS, %rcx
    BLOCK_INDEX
    imul ETW_MAP_BLOCK_SIZE(%rdi), %rcx
    add ETW_MAP_DATA_OFFSET(%rdi), %rcx
    add %r10, %rcx
    add %r9, %rcx  // the address
    add %r8, %r11  // the new head
    // Whoever drains the ring has these lines; asking for them takes as long as five events do.
    // Measured: from 1024 on nothing of it is left to see; 2048 is too far for the nearest cache.
    prefetchw 1024(%rcx)
    prefetchw 1088(%rcx)
    prefetchw 1152(%rcx)
    movq $0, -8(%rcx, %r8)  // what the pieces leave of the last word
.ifc \head, header
    movups %xmm0, (%rcx)
    movups %xmm1, 16(%rcx)
    movups %xmm2, 32(%rcx)
    movups %xmm3, 48(%rcx)
    movups %xmm4, 64(%rcx)
    movq %xmm5, ETW_EVENT_TIME_STAMP(%rcx)
    lea ETW_EVENT_HEADER_SIZE(%rcx), %r9  // how far it has been copied
.else
    mov %rcx, %r9
    mov SLOT_STAGED, %rax
    mov SLOT_STAGED_SIZE, %edx
    // Sixteen bytes at a time, as the caller has just stored them: a load that is wider than the
    // store before it would have to wait until that has left the core's store buffer.
    sub $16, %rdx
    jb 9f
8:  movups (%rax), %xmm6
    movups %xmm6, (%r9)
    add $16, %rax
    add $16, %r9
    sub $16, %rdx
    jae 8b
9:  add $16, %rdx
    jz 10f
    movq (%rax), %xmm6
    movq %xmm6, (%r9)
    add $8, %r9
10: mov SLOT_TIME_STAMP, %edx
    movq %xmm5, (%rcx, %rdx)
.endif
    mov SLOT_PIECES, %rcx
    cmp SLOT_PIECES_END, %rcx
    jae .L\name\()_commit

.L\name\()_pieces:  // from rcx, to r9
    mov ETW_PIECE_DATA(%rcx), %rax
    mov ETW_PIECE_SIZE(%rcx), %edx
    add $ETW_PIECE_STRIDE, %rcx
    cmp $16, %rdx
    jb 2f
    cmp $32, %rdx
    ja 7f
1:  movups (%rax), %xmm6  // 16 to 32 bytes in two moves that overlap
    movups -16(%rax, %rdx), %xmm7
    movups %xmm6, (%r9)
    movups %xmm7, -16(%r9, %rdx)
    add %rdx, %r9
    NEXT_PIECE \name
2:  cmp $8, %rdx
    jb 3f
    movq (%rax), %xmm6  // 8 to 15 likewise
    movq -8(%rax, %rdx), %xmm7
    movq %xmm6, (%r9)
    movq %xmm7, -8(%r9, %rdx)
    add %rdx, %r9
    NEXT_PIECE \name
3:  cmp $4, %rdx
    jb 4f
    movd (%rax), %xmm6  // 4 to 7 likewise
    movd -4(%rax, %rdx), %xmm7
    movd %xmm6, (%r9)
    movd %xmm7, -4(%r9, %rdx)
    add %rdx, %r9
    NEXT_PIECE \name
4:  movq %rcx, %xmm7
5:  sub $1, %rdx
    jb 6f
    movzbl (%rax), %ecx
    mov %cl, (%r9)
    inc %rax
    inc %r9
    jmp 5b
6:  movq %xmm7, %rcx
    NEXT_PIECE \name
7:  movups (%rax), %xmm6
    movups %xmm6, (%r9)
    add $16, %rax
    add $16, %r9
    sub $16, %rdx
    cmp $32, %rdx
    ja 7b
    jmp 1b

    // W3 where the record does not end within the block. It stands here because it belongs to the
    // section as well: all from its start to the commit must lie between its two labels.
.L\name\()_switch:
    lea ETW_RING_FIRST_OFFSET(%r8), %ecx
    cmp ETW_MAP_BLOCK_SIZE(%rdi), %ecx
    ja .L\name\()_too_big
    shr $ETW_RING_OFFSET_BITS, %r11
    mov $1, %eax
    cmpl $0, ETW_MAP_OVERWRITE(%rdi)
    jne 1f
    mov ETW_RING_TAIL(%r10), %rdx
    shr $ETW_RING_OFFSET_BITS, %rdx
    lea 1(%r11), %rax
    sub %rdx, %rax  // blocks that are full now
    cmp ETW_MAP_BLOCKS(%rdi), %rax
    jae .L\name\()_full
1:  shl $ETW_RESULT_BLOCKS_SHIFT, %eax
    mov %eax, SLOT_RESULT
    mov %r11, %rcx
    BLOCK_INDEX
    mov %r9d, ETW_RING_FILLED(%r10, %rcx, 4)
    inc %r11
    shl $ETW_RING_OFFSET_BITS, %r11
    mov $ETW_RING_FIRST_OFFSET, %r9d
    add %r9, %r11
    jmp .L\name\()_place

.L\name\()_commit:
    mov %r11, ETW_RING_HEAD(%r10)  // W5
.L\name\()_end:
    mov SLOT_RESULT, %eax
    ret

.L\name\()_full:
    mov $ETW_OUTCOME_FULL, %eax
    ret
.L\name\()_too_big:
    mov $ETW_OUTCOME_TOO_BIG, %eax
    ret
.L\name\()_detached:
    mov $ETW_OUTCOME_DETACHED, %eax
    ret
.L\name\()_no_cpu:
    mov $ETW_OUTCOME_NO_CPU, %eax
    ret
    ETW_RSEQ_SIGNATURE
.L\name\()_abort:
    mov SLOT_RSEQ, %r9
    jmp .L\name\()_again
END_FUNCTION etw_ring_\name
.endm

// uint32_t etw_ring_write(const ring::Record* rdi, rseq* rsi)
    WRITE_SECTION write, staged

// uint32_t etw_ring_write_event(ring::WriterMap* rdi, uint64_t generation rsi,
//                               const ring::Piece* rdx, uint32_t count ecx, uint32_t size r8d,
//                               rseq* r9, header in xmm0 to xmm4)
    WRITE_SECTION write_event, header

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
