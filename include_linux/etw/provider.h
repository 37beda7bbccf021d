/* The C interface of the provider library, below evntprov.h and TraceLoggingProvider.h. An
 * application registers providers and writes events; sessions decide which of them are recorded.
 *
 * All functions but those that register and unregister and etw_set_traits are async-signal-safe and
 * never wait. None prints, aborts or throws. Results are Win32 codes, 0 for success. */
#pragma once
#pragma GCC system_header
#include "provider_types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ETW_API __attribute__((visibility("default")))

enum {
    ETW_OK = 0,
    ETW_INVALID_HANDLE = 6,
    ETW_NOT_ENOUGH_MEMORY = 8, /* the session's buffers are full; the event is counted as lost */
    ETW_NOT_SUPPORTED = 50,
    ETW_INVALID_PARAMETER = 87,
    ETW_MORE_DATA = 234,           /* larger than the session's buffers; counted as lost */
    ETW_ARITHMETIC_OVERFLOW = 534, /* larger than 64 KB with its headers; written nowhere */
    ETW_NO_SYSTEM_RESOURCES = 1450,
    ETW_MAX_DATA = 128,           /* pieces of payload an event may have */
    ETW_HEADER_SIZE = 80,         /* bytes, of every event */
    ETW_TOO_LARGE = 1 << 16,      /* bytes, for a record */
    ETW_MAX_TRAITS = 2048,        /* bytes */
    ETW_MAX_REGISTRATIONS = 1024, /* in a process at one time */
};

/* A provider of self-describing events, as TRACELOGGING_DEFINE_PROVIDER lays it out. */
typedef struct etw_provider {
    etw_enabled enabled;
    uint64_t handle;    /* 0 while not registered */
    const void* traits; /* u16 size, UTF-8 name, NUL, then u16 size, u8 type, data for each trait */
    etw_guid id;
} etw_provider;

/* A control GUID of trace messages, as WPP_DEFINE_CONTROL_GUID lays it out. */
typedef struct etw_message_control {
    uint8_t level_plus1[32]; /* by flag; 0: no session listens. Written by the library any time */
    uint64_t handle;         /* 0 while not registered */
    etw_guid id;
} etw_message_control;

/* What the messages of a source file have in common. */
typedef struct etw_message_file {
    const char* name; /* and the name space of it: the file's GUID is their UUID, version 5 */
    const etw_guid* control;
    etw_guid id;    /* the library's, as is the next */
    uint32_t known; /* 0: id not made yet */
} etw_message_file;

/* A value that has no fixed size, or stands beside such a one. */
enum {
    ETW_PART_VALUE, /* the first `size` bytes of `value` itself; else it is an address: */
    ETW_PART_BYTES, /* `size` bytes; null: zeros */
    ETW_PART_TEXT,  /* NUL-terminated; null: "NULL" */
    ETW_PART_TEXT16,
    ETW_PART_TEXT32,         /* written as UTF-16 */
    ETW_PART_ANSI_STRING,    /* u16 bytes, u16, char*: written as u16 bytes, text */
    ETW_PART_UNICODE_STRING, /* the same in UTF-16 */
    ETW_PART_SID,
    ETW_PART_COUNTED,     /* `size` bytes: written as u16 bytes, bytes; cut at 64 KB */
    ETW_MAX_PARTS = 18,   /* that a message may have */
    ETW_MESSAGE_HEAD = 5, /* words */
};
typedef struct etw_message_part {
    uint64_t value;
    uint32_t size;
    uint32_t form;
} etw_message_part;

/* is_enabled: 0 no session is left, 1 a session wants events, 2 a session asks for a rundown of the
 * provider's state (then level and keywords are that session's). Called on the library's own thread
 * with all signals blocked. */
typedef void (*etw_callback)(const etw_guid* source, uint32_t is_enabled, uint8_t level,
                             uint64_t match_any_keyword, uint64_t match_all_keyword, void* filter,
                             void* context);

/* Registers with every session host in reach. Where a session has enabled the provider before, the
 * provider is enabled when this returns, and its callback has said so; one that takes longer than
 * 200 ms, because it needs a lock that the caller holds, says it later. Waits for hosts 200 ms at
 * most, or as many as the environment's ETW_REGISTER_WAIT_MS says (600000 at most); not at all
 * where none runs, nor after one has let that time pass. `enabled` may be null, else it must live
 * until etw_unregister. */
ETW_API uint32_t etw_register(const etw_guid* id, const void* traits, etw_enabled* enabled,
                              etw_callback callback, void* context, uint64_t* handle);
/* Waits for a callback of this registration that is running on the library's thread. */
ETW_API uint32_t etw_unregister(uint64_t handle);
/* etw_set_typed(handle, 1) with it. */
ETW_API uint32_t etw_set_traits(uint64_t handle, const void* traits, uint32_t size);
/* Whether etw_data::reserved says what a piece of the provider's events is; else, as at first, it
 * is not looked at. */
ETW_API uint32_t etw_set_typed(uint64_t handle, int typed);

ETW_API int etw_is_enabled(uint64_t handle, uint8_t level, uint64_t keyword);

/* In the low byte of etw_data::reserved. Pieces of one kind stand together in the event, wherever
 * they stand in the array. */
enum {
    ETW_DATA_PAYLOAD = 0,
    ETW_DATA_EVENT_METADATA = 1,    /* as TraceLoggingProvider.h lays it out: u16 size, ... */
    ETW_DATA_PROVIDER_METADATA = 2, /* traits, for a registration that has none */
    ETW_DATA_TIME_STAMP = 3,        /* ETW_NOT_SUPPORTED: events have the time of their writing */
};

/* activity: null for the thread's current one. related: null for none. */
ETW_API uint32_t etw_write(uint64_t handle, const etw_descriptor* descriptor,
                           const etw_guid* activity, const etw_guid* related, uint32_t count,
                           const etw_data* data);
/* The same, but not for sessions that exclude what a program calls private. */
ETW_API uint32_t etw_write_in_private(uint64_t handle, const etw_descriptor* descriptor,
                                      const etw_guid* activity, const etw_guid* related,
                                      uint32_t count, const etw_data* data);
/* state: as it was when the event was found to be wanted (etw_is_wanted).
 * extent: how many pieces the event has, ETW_MAX_DATA at most, in the upper 32 bits; in the lower
 * the sum of ETW_HEADER_SIZE and all sizes, that of the item behind `event` and those of the
 * pieces, but ETW_TOO_LARGE where it is more. A sum that is wrong damages memory. */
ETW_API uint32_t etw_write_self_describing(const etw_provider* provider, const etw_event* event,
                                           uint64_t state, const etw_data* data, uint64_t extent,
                                           const etw_guid* activity);
ETW_API uint32_t etw_write_related(const etw_provider* provider, const etw_event* event,
                                   uint64_t state, const etw_data* data, uint64_t extent,
                                   const etw_guid* activity, const etw_guid* related);

/* ETW_OK for one that is registered already. `control` must live until it is unregistered. */
ETW_API uint32_t etw_register_messages(etw_message_control* control);
ETW_API void etw_unregister_messages(etw_message_control* control);
/* A message of fixed size: `size` bytes of values, padded to a word with zeros, behind
 * ETW_MESSAGE_HEAD words for the library's use. what: number | level << 16 | flag << 24, the flag
 * counted from 0. */
ETW_API uint32_t etw_write_message(const etw_message_control* control, etw_message_file* file,
                                   uint32_t what, uint64_t* record, uint32_t size);
ETW_API uint32_t etw_write_message_parts(const etw_message_control* control, etw_message_file* file,
                                         uint32_t what, const etw_message_part* parts,
                                         uint32_t count);

/* The calling thread's current activity, for the library and its wrappers. */
ETW_API void etw_activity_get(etw_guid* id);
ETW_API void etw_activity_set(const etw_guid* id);
ETW_API void etw_activity_create(etw_guid* id);

/* UTF-32 (wchar_t here) to UTF-16 with a NUL, cut to fit `capacity` units. Returns the units
 * without the NUL. A null `text` gives an empty one. */
ETW_API uint32_t etw_utf16_from_wide(const wchar_t* text, uint32_t length, uint16_t* out,
                                     uint32_t capacity);

/* The caller's frames, innermost first; their number. In the library, by glibc's backtrace(). A
 * program of another libc (musl), which has no such function, brings this one in its place, so that
 * it links with an archive that was built for glibc. Its events have no stacks then. */
__attribute__((visibility("hidden"))) int etw_take_frames(void** frames, int capacity);
#ifndef __GLIBC__
__attribute__((weak)) int etw_take_frames(void** frames, int capacity) {
    (void)frames;
    (void)capacity;
    return 0;
}
#endif

#ifdef __cplusplus
}
#endif
