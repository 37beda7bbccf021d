// Offsets that the assembler of the write section and the compiler must agree on; writer.h asserts
// each of them. Preprocessor only: this file is read by the assembler.
#pragma once

// ring::WriterMap
#define ETW_MAP_GENERATION 0
#define ETW_MAP_RINGS 8
#define ETW_MAP_RING_SIZE 16
#define ETW_MAP_RECIPROCAL 24
#define ETW_MAP_BLOCKS 32
#define ETW_MAP_BLOCK_SIZE 40
#define ETW_MAP_DATA_OFFSET 48
#define ETW_MAP_CPUS 56
#define ETW_MAP_OVERWRITE 60
#define ETW_MAP_BLOCK_MASK 64
#define ETW_MAP_QUICK_END 72
// Of its block, behind a record that is written quickly but for the padding: room for 8 zeros, of
// which the padding is a part.
#define ETW_QUICK_SLACK 8

// ring::Record
#define ETW_RECORD_MAP 0
#define ETW_RECORD_GENERATION 8
#define ETW_RECORD_STAGED 16
#define ETW_RECORD_PIECES 24
#define ETW_RECORD_STAGED_SIZE 32
#define ETW_RECORD_PIECE_COUNT 36
#define ETW_RECORD_SIZE 40
#define ETW_RECORD_TIME_STAMP 44

// ring::EventSource
#define ETW_SOURCE_STATE 0
#define ETW_SOURCE_RINGS 8
#define ETW_SOURCE_RING_SIZE 16
#define ETW_SOURCE_MAP 24
#define ETW_SOURCE_GENERATION 32
#define ETW_SOURCE_PROVIDER_ID 40
#define ETW_SOURCE_TRAITS_SIZE 56
#define ETW_SOURCE_REST 64
#define ETW_SOURCE_TRAITS 72

// etw_event
#define ETW_DESCRIBED_ITEM_SIZE 16
#define ETW_DESCRIBED_ITEM 24

// ring::Piece
#define ETW_PIECE_DATA 0
#define ETW_PIECE_SIZE 8
#define ETW_PIECE_STRIDE 16

// wire::RingControl, wire::RingSetHeader
#define ETW_RING_HEAD 0
#define ETW_RING_TAIL 128
#define ETW_RING_LOST 256
#define ETW_RING_FILLED 384
#define ETW_RING_OFFSET_BITS 25
#define ETW_RING_FIRST_OFFSET 72
#define ETW_RING_SET_HEADER_SIZE 4096
#define ETW_RING_HOST_SLEEPS 128

// wire::EventHeader
#define ETW_EVENT_IDENTITY 8
#define ETW_EVENT_TIME_STAMP 16
#define ETW_EVENT_PROVIDER_ID 24
#define ETW_EVENT_DESCRIPTOR 40
#define ETW_EVENT_TIMES 56
#define ETW_EVENT_ACTIVITY 64
#define ETW_EVENT_HEADER_SIZE 80
// Of its first word: type and marker above the size, then the flag of extended items.
#define ETW_EVENT_TYPE_AND_MARKER 0xc0130000
#define ETW_EVENT_EXTENDED 1

// The kernel's struct rseq
#define ETW_RSEQ_CPU_ID 4
#define ETW_RSEQ_CS 8

// ring::Outcome
#define ETW_OUTCOME_WRITTEN 0
#define ETW_OUTCOME_FULL 1
#define ETW_OUTCOME_TOO_BIG 2
#define ETW_OUTCOME_DETACHED 3
#define ETW_OUTCOME_NO_CPU 4

// What a write section returns: an outcome; above it, when the record was written and began a new
// block, how many blocks of its ring are full now (1 where blocks are overwritten)
#define ETW_RESULT_BLOCKS_SHIFT 8
