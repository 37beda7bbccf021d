/* The layouts that a source of events shares with whatever takes them, the provider library or the
 * system, and the check in front of each event. */
#pragma once
#pragma GCC system_header
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct etw_guid {
    uint32_t data1;
    uint16_t data2;
    uint16_t data3;
    uint8_t data4[8];
} __attribute__((may_alias)) etw_guid;

/* EVENT_DESCRIPTOR */
typedef struct etw_descriptor {
    uint16_t id;
    uint8_t version;
    uint8_t channel; /* 11 for self-describing events */
    uint8_t level;
    uint8_t opcode;
    uint16_t task;
    uint64_t keyword;
} __attribute__((may_alias)) etw_descriptor;

/* EVENT_DATA_DESCRIPTOR */
typedef struct etw_data {
    uint64_t address;
    uint32_t size;
    uint32_t reserved;
} __attribute__((may_alias)) etw_data;

/* What at least one session wants to see: what fails this is wanted by none. Written by the library
 * at any time while the provider is registered. */
typedef struct etw_enabled {
    /* The highest level + 1 in the lower 16 bits, 0 where no session listens; above it a number
     * that is another one after each change. */
    uint64_t state;
    uint64_t keyword_any;
    uint64_t keyword_all;
    const void* source; /* the library's, for etw_write_self_describing */
} etw_enabled;

/* Head of a ready-made event: an EVENT_SCHEMA_TL item, padded to 8 bytes, follows it in memory. */
typedef struct etw_event {
    etw_descriptor descriptor;
    uint32_t item_size; /* a multiple of 8 */
    uint32_t reserved;
} etw_event;

/* The inline check in front of every self-describing event: one load and one branch while no
 * session listens. The state is read first, so that it tells afterwards whether all else was read
 * as it belongs together. */
static inline uint64_t etw_state_of(const etw_enabled* enabled) {
    return __atomic_load_n(&enabled->state, __ATOMIC_ACQUIRE);
}
static inline int etw_is_wanted(const etw_enabled* enabled, uint64_t state, uint8_t level,
                                uint64_t keyword) {
    if (level >= (uint16_t)state) return 0;
    if (keyword == 0) return 1;
    const uint64_t all = __atomic_load_n(&enabled->keyword_all, __ATOMIC_RELAXED);
    return (keyword & __atomic_load_n(&enabled->keyword_any, __ATOMIC_RELAXED)) != 0 &&
           (keyword & all) == all;
}

#ifdef __cplusplus
}
#endif
