/* Part of TraceLoggingProvider.h: how a provider is registered and how an event that is wanted gets
 * to the sessions. Here by the system's own functions. */
#pragma once
#pragma GCC system_header
#include "provider_types.h"

#include <windows.h>
/* which the next needs */
#include <evntprov.h>
#include <string.h>
#include <uchar.h>

/* A provider of self-describing events, as TRACELOGGING_DEFINE_PROVIDER lays it out. */
typedef struct etw_provider {
    etw_enabled enabled;
    uint64_t handle;    /* 0 while not registered */
    const void* traits; /* u16 size, UTF-8 name, NUL, then u16 size, u8 type, data for each trait */
    etw_guid id;
    void (*callback)(void); /* whoever registered it wants to know, as a PENABLECALLBACK */
    void* context;
} etw_provider;
typedef const etw_provider* TraceLoggingHProvider;
typedef PENABLECALLBACK TLG_PENABLECALLBACK;

/* What the system calls: the provider's checks first, then whoever registered it. */
static inline void NTAPI etw_tl_control(LPCGUID source, ULONG code, UCHAR level, ULONGLONG any,
                                        ULONGLONG all, PEVENT_FILTER_DESCRIPTOR filter,
                                        PVOID context) {
    etw_provider* provider = (etw_provider*)context;
    etw_enabled* enabled = &provider->enabled;
    if (code == 0) {
        __atomic_store_n(&enabled->state, 0, __ATOMIC_RELAXED);
    } else if (code == 1) {
        __atomic_store_n(&enabled->keyword_any, any, __ATOMIC_RELAXED);
        __atomic_store_n(&enabled->keyword_all, all, __ATOMIC_RELAXED);
        __atomic_store_n(&enabled->state, level == 0 ? 256u : level + 1u, __ATOMIC_RELAXED);
    }
    if (provider->callback != NULL) {
        ((PENABLECALLBACK)provider->callback)(source, code, level, any, all, filter,
                                              provider->context);
    }
}
/* The size of what begins with it. */
static inline uint16_t etw_tl_size(const void* bytes) {
    uint16_t size;
    memcpy(&size, bytes, sizeof(size));
    return size;
}
static inline HRESULT etw_tl_register(TraceLoggingHProvider provider, PENABLECALLBACK callback,
                                      PVOID context) {
    etw_provider* mutable_provider = (etw_provider*)(uintptr_t)provider;
    REGHANDLE handle = 0;
    ULONG error;
    if (provider->handle != 0) return HRESULT_FROM_WIN32(ERROR_INVALID_PARAMETER);
    mutable_provider->callback = (void (*)(void))callback;
    mutable_provider->context = context;
    error = EventRegister((LPCGUID)&provider->id, etw_tl_control, mutable_provider, &handle);
    if (error != ERROR_SUCCESS) return HRESULT_FROM_WIN32(error);
    mutable_provider->handle = handle;
#if WINVER >= 0x0602
    /* The group, where it has one; its name goes with each event. 2: EventProviderSetTraits. */
    EventSetInformation(handle, (EVENT_INFO_CLASS)2, (PVOID)(uintptr_t)provider->traits,
                        etw_tl_size(provider->traits));
#endif
    return S_OK;
}
static inline void etw_tl_unregister(TraceLoggingHProvider provider) {
    etw_provider* mutable_provider = (etw_provider*)(uintptr_t)provider;
    uint64_t handle = provider->handle;
    mutable_provider->handle = 0;
    if (handle != 0) EventUnregister(handle);
    mutable_provider->enabled.state = 0;
}
/* What stands in front of the values of an event, for etw_tl_send. */
#define ETW_TL_DATA_HEAD {0, 0, 0}, {0, 0, 0},
#define ETW_TL_DATA_HEAD_SIZE 2
/* data: two elements for the descriptions (their type in `reserved`: 2 is the provider's, 1 the
 * event's), then the event's `count`. The event's begins behind the head of its item. */
static inline ULONG etw_tl_send(TraceLoggingHProvider provider, const etw_event* event,
                                uint64_t state, const etw_guid* activity, const etw_guid* related,
                                uint32_t count, etw_data* data) {
    (void)state;
    const char* schema = (const char*)(event + 1) + 8;
    data[0].address = (uint64_t)(uintptr_t)provider->traits;
    data[0].size = etw_tl_size(provider->traits);
    data[0].reserved = 2;
    data[1].address = (uint64_t)(uintptr_t)schema;
    data[1].size = etw_tl_size(schema);
    data[1].reserved = 1;
    return EventWriteTransfer(provider->handle, (PCEVENT_DESCRIPTOR)&event->descriptor,
                              (LPCGUID)activity, (LPCGUID)related, count + 2,
                              (PEVENT_DATA_DESCRIPTOR)data);
}
