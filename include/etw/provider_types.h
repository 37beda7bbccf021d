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
    uint32_t level_plus1; /* 0: no session listens */
    uint32_t reserved;
    uint64_t keyword_any;
    uint64_t keyword_all;
} etw_enabled;

/* Head of a ready-made event: an EVENT_SCHEMA_TL item, padded to 8 bytes, follows it in memory. */
typedef struct etw_event {
    etw_descriptor descriptor;
    uint32_t item_size; /* a multiple of 8 */
    uint32_t reserved;
} etw_event;

/* The inline check in front of every self-describing event: one load and one branch while no
 * session listens. */
static inline int etw_is_wanted(const etw_enabled* enabled, uint8_t level, uint64_t keyword) {
    if (level >= __atomic_load_n(&enabled->level_plus1, __ATOMIC_RELAXED)) return 0;
    if (keyword == 0) return 1;
    const uint64_t all = __atomic_load_n(&enabled->keyword_all, __ATOMIC_RELAXED);
    return (keyword & __atomic_load_n(&enabled->keyword_any, __ATOMIC_RELAXED)) != 0 &&
           (keyword & all) == all;
}

#ifdef __cplusplus
}
#endif
