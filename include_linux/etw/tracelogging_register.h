/* Part of TraceLoggingProvider.h: how a provider is registered and how an event that is wanted gets
 * to the sessions. Here by the provider library. */
#pragma once
#pragma GCC system_header
#include "evntprov.h"
#include "provider.h"
#include "win_types.h"

typedef const etw_provider* TraceLoggingHProvider;
typedef PENABLECALLBACK TLG_PENABLECALLBACK;

static inline HRESULT etw_tl_register(TraceLoggingHProvider provider, PENABLECALLBACK callback,
                                      PVOID context) {
    etw_provider* mutable_provider = (etw_provider*)(uintptr_t)provider;
    if (provider->handle != 0) return HRESULT_FROM_WIN32(ERROR_INVALID_PARAMETER);
    return HRESULT_FROM_WIN32(etw_register(&provider->id, provider->traits,
                                           &mutable_provider->enabled, (etw_callback)callback,
                                           context, &mutable_provider->handle));
}
static inline void etw_tl_unregister(TraceLoggingHProvider provider) {
    etw_provider* mutable_provider = (etw_provider*)(uintptr_t)provider;
    uint64_t handle = provider->handle;
    mutable_provider->handle = 0;
    if (handle != 0) etw_unregister(handle);
}
/* What stands in front of the values of an event, for etw_tl_send: nothing. */
#define ETW_TL_DATA_HEAD
#define ETW_TL_DATA_HEAD_SIZE 0
/* In place, where most sizes are constants. */
__attribute__((always_inline)) static inline uint32_t etw_tl_send(
    TraceLoggingHProvider provider, const etw_event* event, uint64_t state,
    const etw_guid* activity, const etw_guid* related, uint32_t count, etw_data* data) {
    uint64_t size = ETW_HEADER_SIZE + (uint64_t)event->item_size;
    uint32_t i;
    for (i = 0; i < count; ++i) size += data[i].size;
    if (size > ETW_TOO_LARGE) size = ETW_TOO_LARGE;
    const uint64_t extent = size | (uint64_t)count << 32;
    if (related != NULL) {
        return etw_write_related(provider, event, state, data, extent, activity, related);
    }
    return etw_write_self_describing(provider, event, state, data, extent, activity);
}
