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

// rdx = block r10 modulo blocks; map in r8; rax clobbered.
.macro BLOCK_INDEX
    mov ETW_MAP_RECIPROCAL(%r8), %rax
    mul %r10
    mov ETW_MAP_BLOCKS(%r8), %eax
    imul %rdx, %rax
    mov %r10, %rdx
    sub %rax, %rdx
.endm

// r9 = ring of the CPU this runs on. Map in r8, rseq area in rsi, generation in rcx. W1, W2.
.macro FIND_RING name
    cmp %rcx, ETW_MAP_GENERATION(%r8)
    jne .L\name\()_detached
    mov ETW_RSEQ_CPU_ID(%rsi), %r9d
    cmp %r9d, ETW_MAP_CPUS(%r8)
    jbe .L\name\()_no_cpu
    imul ETW_MAP_RING_SIZE(%r8), %r9
    add ETW_MAP_RINGS(%r8), %r9
.endm

    .text

// uint32_t etw_ring_write(ring::Record* rdi, rseq* rsi)
FUNCTION etw_ring_write
    DESCRIBE_SECTION write
    // Below the stack pointer, left alone by signals: -8 the rseq area, for the abort code; -16
    // where the pieces end; -24 the time
    mov %rsi, -8(%rsp)
.Lwrite_again:
    lea .Lwrite_cs(%rip), %rax
    mov %rax, ETW_RSEQ_CS(%rsi)
.Lwrite_start:
    jmp .Lwrite_enter

    // The rarer steps. They stand here because they belong to the section as well: all from its
    // start to the commit must lie between its two labels.
.Lwrite_switch:  // W3
    mov ETW_RECORD_SIZE(%rdi), %ecx
    add $ETW_RING_FIRST_OFFSET, %ecx
    cmp ETW_MAP_BLOCK_SIZE(%r8), %ecx
    ja .Lwrite_too_big
    cmpl $0, ETW_MAP_OVERWRITE(%r8)
    jne 1f
    mov ETW_RING_TAIL(%r9), %rdx
    shr $ETW_RING_OFFSET_BITS, %rdx
    lea 1(%r10), %rax
    sub %rdx, %rax
    mov ETW_MAP_BLOCKS(%r8), %edx
    cmp %rdx, %rax
    jae .Lwrite_full
1:  BLOCK_INDEX
    mov %r11d, ETW_RING_FILLED(%r9, %rdx, 4)
    inc %r10
    mov $ETW_RING_FIRST_OFFSET, %r11d
    movl $1, ETW_RECORD_SWITCHED(%rdi)
    jmp .Lwrite_place

.Lwrite_pieces:  // how many in ecx
    mov ETW_RECORD_PIECES(%rdi), %r8
    shl $4, %rcx
    add %r8, %rcx
    mov %rcx, -16(%rsp)
1:  mov ETW_PIECE_DATA(%r8), %rax
    mov ETW_PIECE_SIZE(%r8), %ecx
    add $ETW_PIECE_STRIDE, %r8
    cmp $16, %rcx
    jae 5f
    cmp $4, %rcx
    jb 3f
    cmp $8, %rcx
    jb 2f
    // 8 to 15 bytes in two moves that overlap; likewise 4 to 7
    mov (%rax), %rsi
    mov %rsi, (%r11)
    mov -8(%rax, %rcx), %rsi
    mov %rsi, -8(%r11, %rcx)
    add %rcx, %r11
    cmp -16(%rsp), %r8
    jb 1b
    jmp .Lwrite_stamp
2:  mov (%rax), %esi
    mov %esi, (%r11)
    mov -4(%rax, %rcx), %esi
    mov %esi, -4(%r11, %rcx)
    add %rcx, %r11
    cmp -16(%rsp), %r8
    jb 1b
    jmp .Lwrite_stamp
3:  sub $1, %rcx
    jb 4f
    movzbl (%rax), %esi
    mov %sil, (%r11)
    inc %rax
    inc %r11
    jmp 3b
4:  cmp -16(%rsp), %r8
    jb 1b
    jmp .Lwrite_stamp
5:  movups (%rax), %xmm0
    movups %xmm0, (%r11)
    add $16, %rax
    add $16, %r11
    sub $16, %rcx
    cmp $16, %rcx
    jae 5b
    test %rcx, %rcx
    jz 4b
    movups -16(%rax, %rcx), %xmm0  // the rest, with some of what has been copied
    movups %xmm0, -16(%r11, %rcx)
    add %rcx, %r11
    jmp 4b

.Lwrite_enter:
    mov ETW_RECORD_MAP(%rdi), %r8
    mov ETW_RECORD_GENERATION(%rdi), %rcx
    FIND_RING write
    rdtsc  // here its latency hides behind the copying
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, -24(%rsp)
    mov ETW_RING_HEAD(%r9), %r10
    mov %r10d, %r11d
    and $((1 << ETW_RING_OFFSET_BITS) - 1), %r11d
    shr $ETW_RING_OFFSET_BITS, %r10
    mov ETW_RECORD_SIZE(%rdi), %ecx
    add %r11d, %ecx
    cmp ETW_MAP_BLOCK_SIZE(%r8), %ecx
    ja .Lwrite_switch
.Lwrite_place:  // block r10, offset r11, end ecx
    BLOCK_INDEX
    mov ETW_MAP_BLOCK_SIZE(%r8), %eax
    imul %rax, %rdx
    mov ETW_MAP_DATA_OFFSET(%r8), %eax
    add %rax, %r11
    add %r9, %r11
    add %r11, %rdx  // where the record goes
    mov %rdx, %r11  // how far it has been copied
    // The ring may be larger than the near caches: ask for lines that later events will go to.
    // Measured: 1 ns less for 168-byte events, nothing clear for smaller ones.
    prefetchw 512(%rdx)
    prefetchw 576(%rdx)
    prefetchw 640(%rdx)
    shl $ETW_RING_OFFSET_BITS, %r10
    add %rcx, %r10  // the new head
    mov ETW_RECORD_SIZE(%rdi), %eax
    movq $0, -8(%rdx, %rax)  // what the pieces leave of the last word
    mov ETW_RECORD_STAGED(%rdi), %rax
    mov ETW_RECORD_STAGED_SIZE(%rdi), %ecx
    // Sixteen bytes at a time, as the caller has just stored them: a load that is wider than the
    // store before it would have to wait until that has left the core's store buffer. An event
    // header is one round.
    sub $80, %rcx
    jb 2f
1:  movups (%rax), %xmm0
    movups 16(%rax), %xmm1
    movups 32(%rax), %xmm2
    movups 48(%rax), %xmm3
    movups 64(%rax), %xmm4
    movups %xmm0, (%r11)
    movups %xmm1, 16(%r11)
    movups %xmm2, 32(%r11)
    movups %xmm3, 48(%r11)
    movups %xmm4, 64(%r11)
    add $80, %rax
    add $80, %r11
    sub $80, %rcx
    jae 1b
2:  add $80, %rcx
    jz 4f
3:  mov (%rax), %rsi
    mov %rsi, (%r11)
    add $8, %rax
    add $8, %r11
    sub $8, %rcx
    jnz 3b
4:  mov ETW_RECORD_PIECE_COUNT(%rdi), %ecx
    test %ecx, %ecx
    jnz .Lwrite_pieces
.Lwrite_stamp:
    mov ETW_RECORD_TIME_STAMP(%rdi), %ecx
    add %rdx, %rcx
    mov -24(%rsp), %rax
    mov %rax, (%rcx)
    mov %r10, ETW_RING_HEAD(%r9)  // W5
.Lwrite_end:
    xor %eax, %eax
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
    mov -8(%rsp), %rsi
    jmp .Lwrite_again
END_FUNCTION etw_ring_write

// uint32_t etw_ring_count_lost(ring::WriterMap* rdi, rseq* rsi, uint64_t generation rdx)
FUNCTION etw_ring_count_lost
    DESCRIBE_SECTION count
    mov %rdi, %r8
    mov %rdx, %rcx
.Lcount_again:
    lea .Lcount_cs(%rip), %rax
    mov %rax, ETW_RSEQ_CS(%rsi)
.Lcount_start:
    FIND_RING count
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

// int32_t* etw_ring_claim_wake(ring::WriterMap* rdi, rseq* rsi, uint64_t generation rdx): the futex
// word if the host slept and this call has taken it upon itself to wake it, else null.
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
    mov ETW_MAP_RINGS(%rdi), %rcx
    add $(ETW_RING_HOST_SLEEPS - ETW_RING_SET_HEADER_SIZE), %rcx
    cmpl $1, (%rcx)
    jne .Lwake_leave
    mov %rcx, %rax
    movl $0, (%rcx)
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
