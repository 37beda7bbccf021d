/* Self-describing events, source-compatible with the Windows SDK's header of the same name, in C11
 * and C++17. An event's names and types are constants of the program; at run time an event that no
 * session wants costs one load and one branch.
 *
 *     TRACELOGGING_DEFINE_PROVIDER(g_provider, "Contoso.Shop",
 *         (0x3970f9cf, 0x2c0c, 0x4f11, 0xb1, 0xcc, 0xe3, 0xa1, 0xe9, 0x95, 0x88, 0x33));
 *     TraceLoggingRegister(g_provider);
 *     TraceLoggingWrite(g_provider, "Sold", TraceLoggingLevel(4), TraceLoggingValue(n, "count"));
 *     TraceLoggingUnregister(g_provider);
 *
 * Here WCHAR is char16_t. Text of wchar_t (32 bits) is accepted where wide text is and written as
 * UTF-16, up to 1023 units. A null string is written as an empty one. */
#pragma once
#ifdef _WIN32
#include_next <TraceLoggingProvider.h>
#else
#pragma GCC system_header
#include "evntprov.h"
#include "provider.h"
#include "tracelogging_each.h"

#include <string.h>

typedef const etw_provider* TraceLoggingHProvider;
typedef PENABLECALLBACK TLG_PENABLECALLBACK;

/* --- providers --- */

#define TRACELOGGING_DECLARE_PROVIDER(symbol) extern const TraceLoggingHProvider symbol

/* TRACELOGGING_DEFINE_PROVIDER(symbol, "Name", (guid...) [, TraceLoggingOptionGroup(guid...)]) */
#define TRACELOGGING_DEFINE_PROVIDER(symbol, ...) \
    ETW_TL_CAT(ETW_TL_DEFINE, ETW_TL_COUNT(__VA_ARGS__))(symbol, __VA_ARGS__)
#define TraceLoggingOptionGroup(...) (__VA_ARGS__)

#define ETW_TL_GUID(a, b, c, d, e, f, g, h, i, j, k) \
    {                                                \
        a, b, c, { d, e, f, g, h, i, j, k }          \
    }
#define ETW_TL_DEFINE2(symbol, name, guid)            \
    static const struct __attribute__((packed)) {     \
        uint16_t size;                                \
        char text[sizeof(name)];                      \
    } symbol##_etw_traits = {2 + sizeof(name), name}; \
    ETW_TL_DEFINE_STORAGE(symbol, guid)
#define ETW_TL_DEFINE3(symbol, name, guid, group)                                \
    static const struct __attribute__((packed)) {                                \
        uint16_t size;                                                           \
        char text[sizeof(name)];                                                 \
        uint16_t trait_size;                                                     \
        uint8_t trait;                                                           \
        etw_guid id;                                                             \
    } symbol##_etw_traits = {21 + sizeof(name), name, 19, 1, ETW_TL_GUID group}; \
    ETW_TL_DEFINE_STORAGE(symbol, guid)
/* The function at the end is for modules that are unloaded with their provider registered. */
#define ETW_TL_DEFINE_STORAGE(symbol, guid)                             \
    static etw_provider symbol##_etw_storage = {                        \
        {0, 0, 0, 0}, 0, &symbol##_etw_traits, ETW_TL_GUID guid};       \
    __attribute__((destructor)) static void symbol##_etw_unload(void) { \
        if (symbol##_etw_storage.handle != 0) {                         \
            etw_unregister(symbol##_etw_storage.handle);                \
        }                                                               \
    }                                                                   \
    TRACELOGGING_DECLARE_PROVIDER(symbol);                              \
    const TraceLoggingHProvider symbol = &symbol##_etw_storage

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
#define TraceLoggingRegister(provider) etw_tl_register((provider), NULL, NULL)
#define TraceLoggingRegisterEx(provider, callback, context) \
    etw_tl_register((provider), (callback), (context))
#define TraceLoggingUnregister(provider) etw_tl_unregister((provider))
#define TraceLoggingProviderEnabled(provider, level, keyword) \
    etw_provider_enabled((provider), (level), (keyword))
static inline GUID etw_tl_id(TraceLoggingHProvider provider) {
    GUID id;
    memcpy(&id, &provider->id, sizeof(id));
    return id;
}
#define TraceLoggingProviderId(provider) etw_tl_id((provider))
#define TraceLoggingSetInformation(provider, info_class, info, size) \
    EventSetInformation((provider)->handle, (info_class), (info), (size))

/* --- events --- */

#define TraceLoggingWrite(provider, ...) \
    ETW_TL_WRITE(provider, (const etw_guid*)NULL, (const etw_guid*)NULL, __VA_ARGS__)
/* TraceLoggingWriteActivity(provider, "Event", activity_id, related_id_or_null, fields...) */
#define TraceLoggingWriteActivity(provider, name, ...) \
    ETW_TL_CAT(ETW_TL_ACTIVITY, ETW_TL_COUNT2(__VA_ARGS__))(provider, name, __VA_ARGS__)
#define ETW_TL_ACTIVITY0(provider, name, activity, related) \
    ETW_TL_WRITE(provider, (const etw_guid*)(activity), (const etw_guid*)(related), name)
#define ETW_TL_ACTIVITY1(provider, name, activity, related, ...)                          \
    ETW_TL_WRITE(provider, (const etw_guid*)(activity), (const etw_guid*)(related), name, \
                 __VA_ARGS__)

#define ETW_TL_WRITE(provider, activity, related, ...)                                            \
    do {                                                                                          \
        enum {                                                                                    \
            etw_tl_given_level = 0 ETW_TL_EACH(ETW_TL_LEVEL, __VA_ARGS__),                        \
            etw_tl_level = etw_tl_given_level ? etw_tl_given_level - 1 : 5                        \
        };                                                                                        \
        static const struct {                                                                     \
            etw_event head;                                                                       \
            struct __attribute__((packed)) {                                                      \
                uint16_t item_size, type, linkage, data_size, size;                               \
                uint8_t tag[1 ETW_TL_EACH(ETW_TL_TAG_ROOM, __VA_ARGS__)];                         \
                char name[sizeof(ETW_TL_FIRST(__VA_ARGS__))];                                     \
                ETW_TL_EACH(ETW_TL_MEMBER, __VA_ARGS__)                                           \
            } item;                                                                               \
        } etw_tl_event = {                                                                        \
            {{0 ETW_TL_EACH(ETW_TL_ID, __VA_ARGS__), 0,                                           \
              (0 ETW_TL_EACH(ETW_TL_CHANNEL, __VA_ARGS__))                                        \
                  ? (0 ETW_TL_EACH(ETW_TL_CHANNEL, __VA_ARGS__))                                  \
                  : 11,                                                                           \
              etw_tl_level, 0 ETW_TL_EACH(ETW_TL_OPCODE, __VA_ARGS__), 0,                         \
              0 ETW_TL_EACH(ETW_TL_KEYWORD, __VA_ARGS__)},                                        \
             sizeof(etw_tl_event) - sizeof(etw_event),                                            \
             0},                                                                                  \
            {sizeof(etw_tl_event) - sizeof(etw_event),                                            \
             11,                                                                                  \
             0,                                                                                   \
             sizeof(etw_tl_event.item) - 8,                                                       \
             sizeof(etw_tl_event.item) - 8,                                                       \
             {ETW_TL_EACH(ETW_TL_TAG_HEAD, __VA_ARGS__)(0 ETW_TL_EACH(ETW_TL_TAG, __VA_ARGS__)) & \
              0x7F},                                                                              \
             ETW_TL_FIRST(__VA_ARGS__),                                                           \
             ETW_TL_EACH(ETW_TL_INIT, __VA_ARGS__)}};                                             \
        const TraceLoggingHProvider etw_tl_provider = (provider);                                 \
        if (__builtin_expect(etw_provider_enabled(etw_tl_provider, etw_tl_level,                  \
                                                  etw_tl_event.head.descriptor.keyword),          \
                             0)) {                                                                \
            ETW_TL_EACH(ETW_TL_VAR, __VA_ARGS__)                                                  \
            const etw_data etw_tl_data[] = {ETW_TL_EACH(ETW_TL_DATA, __VA_ARGS__){0, 0, 0}};      \
            etw_write_self_describing(etw_tl_provider, &etw_tl_event.head, activity, related,     \
                                      sizeof(etw_tl_data) / sizeof(etw_tl_data[0]) - 1,           \
                                      etw_tl_data);                                               \
        }                                                                                         \
    } while (0)

#define TraceLoggingLevel(level) (LEVEL, level)
#define TraceLoggingKeyword(keyword) (KEYWORD, keyword)
#define TraceLoggingOpcode(opcode) (OPCODE, opcode)
#define TraceLoggingEventTag(tag) (TAG, tag)
#define TraceLoggingChannel(channel) (CHANNEL, channel)
#define TraceLoggingId(id) (ID, id)
#define TraceLoggingDescription(text) (NOTE, text)

/* --- loops over the arguments: each is (KIND, ...), a field (FIELD, name, (type bytes), HOW, ...)
 * or (AUTO, name, value) --- */

#define ETW_TL_DISPATCH(op, i, arg) ETW_TL_DISPATCH_(op, i, ETW_TL_UNWRAP arg)
#define ETW_TL_DISPATCH_(op, i, ...) ETW_TL_DISPATCH__(op, i, __VA_ARGS__)
#define ETW_TL_DISPATCH__(op, i, kind, ...) op##_##kind(i, __VA_ARGS__)
#define ETW_TL_LEVEL(i, arg) ETW_TL_DISPATCH(ETW_TL_LEVEL, i, arg)
#define ETW_TL_LEVEL_LEVEL(i, ...) +1 + (__VA_ARGS__)
#define ETW_TL_LEVEL_KEYWORD(i, ...)
#define ETW_TL_LEVEL_OPCODE(i, ...)
#define ETW_TL_LEVEL_TAG(i, ...)
#define ETW_TL_LEVEL_CHANNEL(i, ...)
#define ETW_TL_LEVEL_ID(i, ...)
#define ETW_TL_LEVEL_NOTE(i, ...)
#define ETW_TL_LEVEL_FIELD(i, ...)
#define ETW_TL_LEVEL_BYTES(i, ...)
#define ETW_TL_LEVEL_AUTO(i, ...)
#define ETW_TL_KEYWORD(i, arg) ETW_TL_DISPATCH(ETW_TL_KEYWORD, i, arg)
#define ETW_TL_KEYWORD_LEVEL(i, ...)
#define ETW_TL_KEYWORD_KEYWORD(i, ...) | (__VA_ARGS__)
#define ETW_TL_KEYWORD_OPCODE(i, ...)
#define ETW_TL_KEYWORD_TAG(i, ...)
#define ETW_TL_KEYWORD_CHANNEL(i, ...)
#define ETW_TL_KEYWORD_ID(i, ...)
#define ETW_TL_KEYWORD_NOTE(i, ...)
#define ETW_TL_KEYWORD_FIELD(i, ...)
#define ETW_TL_KEYWORD_BYTES(i, ...)
#define ETW_TL_KEYWORD_AUTO(i, ...)
#define ETW_TL_OPCODE(i, arg) ETW_TL_DISPATCH(ETW_TL_OPCODE, i, arg)
#define ETW_TL_OPCODE_LEVEL(i, ...)
#define ETW_TL_OPCODE_KEYWORD(i, ...)
#define ETW_TL_OPCODE_OPCODE(i, ...) +(__VA_ARGS__)
#define ETW_TL_OPCODE_TAG(i, ...)
#define ETW_TL_OPCODE_CHANNEL(i, ...)
#define ETW_TL_OPCODE_ID(i, ...)
#define ETW_TL_OPCODE_NOTE(i, ...)
#define ETW_TL_OPCODE_FIELD(i, ...)
#define ETW_TL_OPCODE_BYTES(i, ...)
#define ETW_TL_OPCODE_AUTO(i, ...)
#define ETW_TL_CHANNEL(i, arg) ETW_TL_DISPATCH(ETW_TL_CHANNEL, i, arg)
#define ETW_TL_CHANNEL_LEVEL(i, ...)
#define ETW_TL_CHANNEL_KEYWORD(i, ...)
#define ETW_TL_CHANNEL_OPCODE(i, ...)
#define ETW_TL_CHANNEL_TAG(i, ...)
#define ETW_TL_CHANNEL_CHANNEL(i, ...) +(__VA_ARGS__)
#define ETW_TL_CHANNEL_ID(i, ...)
#define ETW_TL_CHANNEL_NOTE(i, ...)
#define ETW_TL_CHANNEL_FIELD(i, ...)
#define ETW_TL_CHANNEL_BYTES(i, ...)
#define ETW_TL_CHANNEL_AUTO(i, ...)
#define ETW_TL_ID(i, arg) ETW_TL_DISPATCH(ETW_TL_ID, i, arg)
#define ETW_TL_ID_LEVEL(i, ...)
#define ETW_TL_ID_KEYWORD(i, ...)
#define ETW_TL_ID_OPCODE(i, ...)
#define ETW_TL_ID_TAG(i, ...)
#define ETW_TL_ID_CHANNEL(i, ...)
#define ETW_TL_ID_ID(i, ...) +(__VA_ARGS__)
#define ETW_TL_ID_NOTE(i, ...)
#define ETW_TL_ID_FIELD(i, ...)
#define ETW_TL_ID_BYTES(i, ...)
#define ETW_TL_ID_AUTO(i, ...)
#define ETW_TL_TAG(i, arg) ETW_TL_DISPATCH(ETW_TL_TAG, i, arg)
#define ETW_TL_TAG_LEVEL(i, ...)
#define ETW_TL_TAG_KEYWORD(i, ...)
#define ETW_TL_TAG_OPCODE(i, ...)
#define ETW_TL_TAG_TAG(i, ...) | (__VA_ARGS__)
#define ETW_TL_TAG_CHANNEL(i, ...)
#define ETW_TL_TAG_ID(i, ...)
#define ETW_TL_TAG_NOTE(i, ...)
#define ETW_TL_TAG_FIELD(i, ...)
#define ETW_TL_TAG_BYTES(i, ...)
#define ETW_TL_TAG_AUTO(i, ...)
#define ETW_TL_TAG_ROOM(i, arg) ETW_TL_DISPATCH(ETW_TL_TAG_ROOM, i, arg)
#define ETW_TL_TAG_ROOM_LEVEL(i, ...)
#define ETW_TL_TAG_ROOM_KEYWORD(i, ...)
#define ETW_TL_TAG_ROOM_OPCODE(i, ...)
#define ETW_TL_TAG_ROOM_TAG(i, ...) +3
#define ETW_TL_TAG_ROOM_CHANNEL(i, ...)
#define ETW_TL_TAG_ROOM_ID(i, ...)
#define ETW_TL_TAG_ROOM_NOTE(i, ...)
#define ETW_TL_TAG_ROOM_FIELD(i, ...)
#define ETW_TL_TAG_ROOM_BYTES(i, ...)
#define ETW_TL_TAG_ROOM_AUTO(i, ...)
#define ETW_TL_TAG_HEAD(i, arg) ETW_TL_DISPATCH(ETW_TL_TAG_HEAD, i, arg)
#define ETW_TL_TAG_HEAD_LEVEL(i, ...)
#define ETW_TL_TAG_HEAD_KEYWORD(i, ...)
#define ETW_TL_TAG_HEAD_OPCODE(i, ...)
#define ETW_TL_TAG_HEAD_TAG(i, ...) ETW_TL_SEVENS(__VA_ARGS__)
#define ETW_TL_TAG_HEAD_CHANNEL(i, ...)
#define ETW_TL_TAG_HEAD_ID(i, ...)
#define ETW_TL_TAG_HEAD_NOTE(i, ...)
#define ETW_TL_TAG_HEAD_FIELD(i, ...)
#define ETW_TL_TAG_HEAD_BYTES(i, ...)
#define ETW_TL_TAG_HEAD_AUTO(i, ...)
#define ETW_TL_MEMBER(i, arg) ETW_TL_DISPATCH(ETW_TL_MEMBER, i, arg)
#define ETW_TL_MEMBER_LEVEL(i, ...)
#define ETW_TL_MEMBER_KEYWORD(i, ...)
#define ETW_TL_MEMBER_OPCODE(i, ...)
#define ETW_TL_MEMBER_TAG(i, ...)
#define ETW_TL_MEMBER_CHANNEL(i, ...)
#define ETW_TL_MEMBER_ID(i, ...)
#define ETW_TL_MEMBER_NOTE(i, ...)
#define ETW_TL_MEMBER_FIELD(i, ...) ETW_TL_MEMBER_F(i, __VA_ARGS__)
#define ETW_TL_MEMBER_BYTES(i, ...)
#define ETW_TL_MEMBER_AUTO(i, ...) ETW_TL_MEMBER_A(i, __VA_ARGS__)
#define ETW_TL_INIT(i, arg) ETW_TL_DISPATCH(ETW_TL_INIT, i, arg)
#define ETW_TL_INIT_LEVEL(i, ...)
#define ETW_TL_INIT_KEYWORD(i, ...)
#define ETW_TL_INIT_OPCODE(i, ...)
#define ETW_TL_INIT_TAG(i, ...)
#define ETW_TL_INIT_CHANNEL(i, ...)
#define ETW_TL_INIT_ID(i, ...)
#define ETW_TL_INIT_NOTE(i, ...)
#define ETW_TL_INIT_FIELD(i, ...) ETW_TL_INIT_F(i, __VA_ARGS__)
#define ETW_TL_INIT_BYTES(i, ...)
#define ETW_TL_INIT_AUTO(i, ...) ETW_TL_INIT_A(i, __VA_ARGS__)
#define ETW_TL_VAR(i, arg) ETW_TL_DISPATCH(ETW_TL_VAR, i, arg)
#define ETW_TL_VAR_LEVEL(i, ...)
#define ETW_TL_VAR_KEYWORD(i, ...)
#define ETW_TL_VAR_OPCODE(i, ...)
#define ETW_TL_VAR_TAG(i, ...)
#define ETW_TL_VAR_CHANNEL(i, ...)
#define ETW_TL_VAR_ID(i, ...)
#define ETW_TL_VAR_NOTE(i, ...)
#define ETW_TL_VAR_FIELD(i, ...) ETW_TL_VAR_F(i, __VA_ARGS__)
#define ETW_TL_VAR_BYTES(i, ...) ETW_TL_VAR_B(i, __VA_ARGS__)
#define ETW_TL_VAR_AUTO(i, ...) ETW_TL_VAR_A(i, __VA_ARGS__)
#define ETW_TL_DATA(i, arg) ETW_TL_DISPATCH(ETW_TL_DATA, i, arg)
#define ETW_TL_DATA_LEVEL(i, ...)
#define ETW_TL_DATA_KEYWORD(i, ...)
#define ETW_TL_DATA_OPCODE(i, ...)
#define ETW_TL_DATA_TAG(i, ...)
#define ETW_TL_DATA_CHANNEL(i, ...)
#define ETW_TL_DATA_ID(i, ...)
#define ETW_TL_DATA_NOTE(i, ...)
#define ETW_TL_DATA_FIELD(i, ...) ETW_TL_DATA_F(i, __VA_ARGS__)
#define ETW_TL_DATA_BYTES(i, ...) ETW_TL_DATA_B(i, __VA_ARGS__)
#define ETW_TL_DATA_AUTO(i, ...) ETW_TL_DATA_A(i, __VA_ARGS__)

/* 28 bits in four bytes of seven, the first most significant. */
#define ETW_TL_SEVENS(tag) \
    0x80 | (((tag) >> 21) & 0x7F), 0x80 | (((tag) >> 14) & 0x7F), 0x80 | (((tag) >> 7) & 0x7F),

#define ETW_TL_MEMBER_F(i, name, type, ...) \
    char n##i[sizeof(name)];                \
    uint8_t t##i[ETW_TL_COUNT type];
#define ETW_TL_INIT_F(i, name, type, ...) name, {ETW_TL_UNWRAP type},
#define ETW_TL_VAR_F(i, name, type, how, ...) ETW_TL_VAR_##how(i, __VA_ARGS__)
#define ETW_TL_DATA_F(i, name, type, how, ...) ETW_TL_DATA_##how(i, __VA_ARGS__)
#define ETW_TL_VAR_B(i, how, ...) ETW_TL_VAR_##how(i, __VA_ARGS__)
#define ETW_TL_DATA_B(i, how, ...) ETW_TL_DATA_##how(i, __VA_ARGS__)
#define ETW_TL_D(address, size) {(uint64_t)(uintptr_t)(address), (uint32_t)(size), 0},

/* ONE: a value. TEXT, TEXT16: NUL-terminated. COUNTED: u16 bytes, data. ARRAY: u16 elements, data.
 * FIXED: data. NOTHING: none. */
#define ETW_TL_VAR_ONE(i, ctype, value) const ctype etw_tl_v##i = (value);
#define ETW_TL_DATA_ONE(i, ctype, value) ETW_TL_D(&etw_tl_v##i, sizeof(etw_tl_v##i))
#define ETW_TL_VAR_TEXT(i, value) const char* const etw_tl_v##i = etw_tl_text(value);
#define ETW_TL_DATA_TEXT(i, value) ETW_TL_D(etw_tl_v##i, strlen(etw_tl_v##i) + 1)
#define ETW_TL_VAR_TEXT16(i, value)                         \
    uint16_t etw_tl_b##i[sizeof(*(value)) == 4 ? 1024 : 1]; \
    uint32_t etw_tl_s##i = 0;                               \
    const void* const etw_tl_v##i =                         \
        etw_tl_wide((value), sizeof(*(value)), -1, etw_tl_b##i, &etw_tl_s##i);
#define ETW_TL_DATA_TEXT16(i, value) ETW_TL_D(etw_tl_v##i, etw_tl_s##i + 2)
#define ETW_TL_VAR_COUNTED16(i, value, count)                                       \
    uint16_t etw_tl_b##i[sizeof(*(value)) == 4 ? 1024 : 1];                         \
    uint32_t etw_tl_s##i = 0;                                                       \
    const void* const etw_tl_v##i =                                                 \
        etw_tl_wide((value), sizeof(*(value)), (count), etw_tl_b##i, &etw_tl_s##i); \
    const uint16_t etw_tl_c##i = (uint16_t)etw_tl_s##i;
#define ETW_TL_DATA_COUNTED16(i, value, count) \
    ETW_TL_D(&etw_tl_c##i, 2) ETW_TL_D(etw_tl_v##i, etw_tl_c##i)
#define ETW_TL_VAR_COUNTED(i, value, size)   \
    const void* const etw_tl_v##i = (value); \
    const uint16_t etw_tl_c##i = (uint16_t)(size);
#define ETW_TL_DATA_COUNTED(i, value, size) \
    ETW_TL_D(&etw_tl_c##i, 2) ETW_TL_D(etw_tl_v##i, etw_tl_c##i)
#define ETW_TL_VAR_ARRAY(i, ctype, value, count) \
    const ctype* const etw_tl_v##i = (value);    \
    const uint16_t etw_tl_c##i = (uint16_t)(count);
#define ETW_TL_DATA_ARRAY(i, ctype, value, count) \
    ETW_TL_D(&etw_tl_c##i, 2) ETW_TL_D(etw_tl_v##i, etw_tl_c##i * sizeof(ctype))
#define ETW_TL_VAR_FIXED(i, ctype, value, count) const ctype* const etw_tl_v##i = (value);
#define ETW_TL_DATA_FIXED(i, ctype, value, count) ETW_TL_D(etw_tl_v##i, (count) * sizeof(ctype))
#define ETW_TL_VAR_RAW(i, value, size) const void* const etw_tl_v##i = (value);
#define ETW_TL_DATA_RAW(i, value, size) ETW_TL_D(etw_tl_v##i, size)
#define ETW_TL_VAR_SID(i, value) const uint8_t* const etw_tl_v##i = (const uint8_t*)(value);
#define ETW_TL_DATA_SID(i, value) ETW_TL_D(etw_tl_v##i, 8 + 4 * etw_tl_v##i[1])
#define ETW_TL_VAR_NOTHING(i, value)
#define ETW_TL_DATA_NOTHING(i, value)

static inline const char* etw_tl_text(const char* text) { return text != NULL ? text : ""; }
/* Text of 16-bit units as it is, of 32-bit units converted. length < 0: up to its NUL. */
static inline const void* etw_tl_wide(const void* text, size_t unit, ptrdiff_t length,
                                      uint16_t* buffer, uint32_t* size) {
    buffer[0] = 0;
    if (text == NULL) return buffer;
    if (unit == sizeof(uint16_t)) {
        const char16_t* units = (const char16_t*)text;
        if (length < 0) {
            for (length = 0; units[length] != 0;) ++length;
        }
        *size = (uint32_t)length * 2;
        return text;
    }
    {
        const wchar_t* wide = (const wchar_t*)text;
        if (length < 0) {
            for (length = 0; wide[length] != 0;) ++length;
        }
        *size = etw_utf16_from_wide(wide, (uint32_t)length, buffer, 1024) * 2;
    }
    return buffer;
}

/* --- type bytes: in, then out where it is not the default, then the tag where there is one, then
 * what follows (a constant count). Arguments after them: name [, description [, tag]] --- */
#define ETW_TL_T1(in, more, ...) \
    ETW_TL_CAT(ETW_TL_T1_, ETW_TL_COUNT(__VA_ARGS__))(in, more, __VA_ARGS__)
#define ETW_TL_T1_1(in, more, name) (in ETW_TL_UNWRAP more)
#define ETW_TL_T1_2(in, more, name, text) (in ETW_TL_UNWRAP more)
#define ETW_TL_T1_3(in, more, name, text, tag) \
    ((in) | 0x80, 0x80, ETW_TL_SEVENS(tag)(tag) & 0x7F ETW_TL_UNWRAP more)
#define ETW_TL_T2(in, out, more, ...) \
    ETW_TL_CAT(ETW_TL_T2_, ETW_TL_COUNT(__VA_ARGS__))(in, out, more, __VA_ARGS__)
#define ETW_TL_T2_1(in, out, more, name) ((in) | 0x80, out ETW_TL_UNWRAP more)
#define ETW_TL_T2_2(in, out, more, name, text) ((in) | 0x80, out ETW_TL_UNWRAP more)
#define ETW_TL_T2_3(in, out, more, name, text, tag) \
    ((in) | 0x80, (out) | 0x80, ETW_TL_SEVENS(tag)(tag) & 0x7F ETW_TL_UNWRAP more)
#define ETW_TL_CONSTANT_COUNT(count) (, (count)&0xFF, ((count) >> 8) & 0xFF)

#define ETW_TL_FIELD1(in, how, ...) \
    (FIELD, ETW_TL_FIRST(__VA_ARGS__), ETW_TL_T1(in, (), __VA_ARGS__), ETW_TL_UNWRAP how)
#define ETW_TL_FIELD2(in, out, how, ...) \
    (FIELD, ETW_TL_FIRST(__VA_ARGS__), ETW_TL_T2(in, out, (), __VA_ARGS__), ETW_TL_UNWRAP how)
#define ETW_TL_FIXED1(in, count, how, ...) \
    (FIELD, ETW_TL_FIRST(__VA_ARGS__),     \
     ETW_TL_T1((in) | 0x20, ETW_TL_CONSTANT_COUNT(count), __VA_ARGS__), ETW_TL_UNWRAP how)
#define ETW_TL_FIXED2(in, out, count, how, ...) \
    (FIELD, ETW_TL_FIRST(__VA_ARGS__),          \
     ETW_TL_T2((in) | 0x20, out, ETW_TL_CONSTANT_COUNT(count), __VA_ARGS__), ETW_TL_UNWRAP how)

/* --- fields --- */

#define TraceLoggingStruct(count, ...) ETW_TL_FIELD2(24, count, (NOTHING, 0), __VA_ARGS__)
#define TraceLoggingString(value, ...) ETW_TL_FIELD1(2, (TEXT, value), __VA_ARGS__)
#define TraceLoggingUtf8String(value, ...) ETW_TL_FIELD2(2, 35, (TEXT, value), __VA_ARGS__)
#define TraceLoggingJson(value, ...) ETW_TL_FIELD2(2, 12, (TEXT, value), __VA_ARGS__)
#define TraceLoggingXml(value, ...) ETW_TL_FIELD2(2, 11, (TEXT, value), __VA_ARGS__)
#define TraceLoggingWideString(value, ...) ETW_TL_FIELD1(1, (TEXT16, value), __VA_ARGS__)
#define TraceLoggingString16(value, ...) ETW_TL_FIELD1(1, (TEXT16, value), __VA_ARGS__)
#define TraceLoggingCountedString(value, count, ...) \
    ETW_TL_FIELD1(23, (COUNTED, value, count), __VA_ARGS__)
#define TraceLoggingCountedUtf8String(value, count, ...) \
    ETW_TL_FIELD2(23, 35, (COUNTED, value, count), __VA_ARGS__)
#define TraceLoggingCountedWideString(value, count, ...) \
    ETW_TL_FIELD1(22, (COUNTED16, value, count), __VA_ARGS__)
#define TraceLoggingCountedString16 TraceLoggingCountedWideString
#define TraceLoggingBinary(value, size, ...) ETW_TL_FIELD1(14, (COUNTED, value, size), __VA_ARGS__)
#define TraceLoggingBinaryEx(value, size, out, ...) \
    ETW_TL_FIELD2(14, out, (COUNTED, value, size), __VA_ARGS__)
#define TraceLoggingBinaryBuffer(value, ctype, ...) \
    ETW_TL_FIELD1(14, (COUNTED, value, sizeof(ctype)), __VA_ARGS__)
#define TraceLoggingSid(value, ...) ETW_TL_FIELD1(19, (SID, value), __VA_ARGS__)
#define TraceLoggingSocketAddress(value, size, ...) \
    ETW_TL_FIELD2(14, 10, (COUNTED, value, size), __VA_ARGS__)
#define TraceLoggingIPv6Address(value, ...) ETW_TL_FIELD2(14, 9, (COUNTED, value, 16), __VA_ARGS__)

/* A field and its bytes apart: structures that the application has packed itself. */
#define TraceLoggingPackedField(value, size, in, ...) \
    ETW_TL_FIELD1(in, (RAW, value, size), __VA_ARGS__)
#define TraceLoggingPackedFieldEx(value, size, in, out, ...) \
    ETW_TL_FIELD2(in, out, (RAW, value, size), __VA_ARGS__)
#define TraceLoggingPackedMetadata(in, ...) ETW_TL_FIELD1(in, (NOTHING, 0), __VA_ARGS__)
#define TraceLoggingPackedMetadataEx(in, out, ...) ETW_TL_FIELD2(in, out, (NOTHING, 0), __VA_ARGS__)
#define TraceLoggingPackedStruct(count, ...) ETW_TL_FIELD2(24, count, (NOTHING, 0), __VA_ARGS__)
#define TraceLoggingPackedStructArray(count, ...) \
    ETW_TL_FIELD2(24 | 0x40, count, (NOTHING, 0), __VA_ARGS__)
#define TraceLoggingPackedData(value, size) (BYTES, RAW, value, size)

#define TraceLoggingInt8(value, ...) ETW_TL_FIELD1(3, (ONE, int8_t, value), __VA_ARGS__)
#define TraceLoggingInt8Array(value, count, ...) \
    ETW_TL_FIELD1(67, (ARRAY, int8_t, value, count), __VA_ARGS__)
#define TraceLoggingInt8FixedArray(value, count, ...) \
    ETW_TL_FIXED1(3, count, (FIXED, int8_t, value, count), __VA_ARGS__)
#define TraceLoggingUInt8(value, ...) ETW_TL_FIELD1(4, (ONE, uint8_t, value), __VA_ARGS__)
#define TraceLoggingUInt8Array(value, count, ...) \
    ETW_TL_FIELD1(68, (ARRAY, uint8_t, value, count), __VA_ARGS__)
#define TraceLoggingUInt8FixedArray(value, count, ...) \
    ETW_TL_FIXED1(4, count, (FIXED, uint8_t, value, count), __VA_ARGS__)
#define TraceLoggingInt16(value, ...) ETW_TL_FIELD1(5, (ONE, int16_t, value), __VA_ARGS__)
#define TraceLoggingInt16Array(value, count, ...) \
    ETW_TL_FIELD1(69, (ARRAY, int16_t, value, count), __VA_ARGS__)
#define TraceLoggingInt16FixedArray(value, count, ...) \
    ETW_TL_FIXED1(5, count, (FIXED, int16_t, value, count), __VA_ARGS__)
#define TraceLoggingUInt16(value, ...) ETW_TL_FIELD1(6, (ONE, uint16_t, value), __VA_ARGS__)
#define TraceLoggingUInt16Array(value, count, ...) \
    ETW_TL_FIELD1(70, (ARRAY, uint16_t, value, count), __VA_ARGS__)
#define TraceLoggingUInt16FixedArray(value, count, ...) \
    ETW_TL_FIXED1(6, count, (FIXED, uint16_t, value, count), __VA_ARGS__)
#define TraceLoggingInt32(value, ...) ETW_TL_FIELD1(7, (ONE, int32_t, value), __VA_ARGS__)
#define TraceLoggingInt32Array(value, count, ...) \
    ETW_TL_FIELD1(71, (ARRAY, int32_t, value, count), __VA_ARGS__)
#define TraceLoggingInt32FixedArray(value, count, ...) \
    ETW_TL_FIXED1(7, count, (FIXED, int32_t, value, count), __VA_ARGS__)
#define TraceLoggingUInt32(value, ...) ETW_TL_FIELD1(8, (ONE, uint32_t, value), __VA_ARGS__)
#define TraceLoggingUInt32Array(value, count, ...) \
    ETW_TL_FIELD1(72, (ARRAY, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingUInt32FixedArray(value, count, ...) \
    ETW_TL_FIXED1(8, count, (FIXED, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingInt64(value, ...) ETW_TL_FIELD1(9, (ONE, int64_t, value), __VA_ARGS__)
#define TraceLoggingInt64Array(value, count, ...) \
    ETW_TL_FIELD1(73, (ARRAY, int64_t, value, count), __VA_ARGS__)
#define TraceLoggingInt64FixedArray(value, count, ...) \
    ETW_TL_FIXED1(9, count, (FIXED, int64_t, value, count), __VA_ARGS__)
#define TraceLoggingUInt64(value, ...) ETW_TL_FIELD1(10, (ONE, uint64_t, value), __VA_ARGS__)
#define TraceLoggingUInt64Array(value, count, ...) \
    ETW_TL_FIELD1(74, (ARRAY, uint64_t, value, count), __VA_ARGS__)
#define TraceLoggingUInt64FixedArray(value, count, ...) \
    ETW_TL_FIXED1(10, count, (FIXED, uint64_t, value, count), __VA_ARGS__)
#define TraceLoggingLong(value, ...) ETW_TL_FIELD1(7, (ONE, int32_t, value), __VA_ARGS__)
#define TraceLoggingLongArray(value, count, ...) \
    ETW_TL_FIELD1(71, (ARRAY, int32_t, value, count), __VA_ARGS__)
#define TraceLoggingLongFixedArray(value, count, ...) \
    ETW_TL_FIXED1(7, count, (FIXED, int32_t, value, count), __VA_ARGS__)
#define TraceLoggingULong(value, ...) ETW_TL_FIELD1(8, (ONE, uint32_t, value), __VA_ARGS__)
#define TraceLoggingULongArray(value, count, ...) \
    ETW_TL_FIELD1(72, (ARRAY, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingULongFixedArray(value, count, ...) \
    ETW_TL_FIXED1(8, count, (FIXED, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingIntPtr(value, ...) ETW_TL_FIELD1(9, (ONE, intptr_t, value), __VA_ARGS__)
#define TraceLoggingIntPtrArray(value, count, ...) \
    ETW_TL_FIELD1(73, (ARRAY, intptr_t, value, count), __VA_ARGS__)
#define TraceLoggingIntPtrFixedArray(value, count, ...) \
    ETW_TL_FIXED1(9, count, (FIXED, intptr_t, value, count), __VA_ARGS__)
#define TraceLoggingUIntPtr(value, ...) ETW_TL_FIELD1(10, (ONE, uintptr_t, value), __VA_ARGS__)
#define TraceLoggingUIntPtrArray(value, count, ...) \
    ETW_TL_FIELD1(74, (ARRAY, uintptr_t, value, count), __VA_ARGS__)
#define TraceLoggingUIntPtrFixedArray(value, count, ...) \
    ETW_TL_FIXED1(10, count, (FIXED, uintptr_t, value, count), __VA_ARGS__)
#define TraceLoggingFloat32(value, ...) ETW_TL_FIELD1(11, (ONE, float, value), __VA_ARGS__)
#define TraceLoggingFloat32Array(value, count, ...) \
    ETW_TL_FIELD1(75, (ARRAY, float, value, count), __VA_ARGS__)
#define TraceLoggingFloat32FixedArray(value, count, ...) \
    ETW_TL_FIXED1(11, count, (FIXED, float, value, count), __VA_ARGS__)
#define TraceLoggingFloat64(value, ...) ETW_TL_FIELD1(12, (ONE, double, value), __VA_ARGS__)
#define TraceLoggingFloat64Array(value, count, ...) \
    ETW_TL_FIELD1(76, (ARRAY, double, value, count), __VA_ARGS__)
#define TraceLoggingFloat64FixedArray(value, count, ...) \
    ETW_TL_FIXED1(12, count, (FIXED, double, value, count), __VA_ARGS__)
#define TraceLoggingBoolean(value, ...) ETW_TL_FIELD1(13, (ONE, int32_t, value), __VA_ARGS__)
#define TraceLoggingBooleanArray(value, count, ...) \
    ETW_TL_FIELD1(77, (ARRAY, int32_t, value, count), __VA_ARGS__)
#define TraceLoggingBooleanFixedArray(value, count, ...) \
    ETW_TL_FIXED1(13, count, (FIXED, int32_t, value, count), __VA_ARGS__)
#define TraceLoggingBool(value, ...) ETW_TL_FIELD1(13, (ONE, int32_t, value), __VA_ARGS__)
#define TraceLoggingBoolArray(value, count, ...) \
    ETW_TL_FIELD1(77, (ARRAY, int32_t, value, count), __VA_ARGS__)
#define TraceLoggingBoolFixedArray(value, count, ...) \
    ETW_TL_FIXED1(13, count, (FIXED, int32_t, value, count), __VA_ARGS__)
#define TraceLoggingHexInt8(value, ...) ETW_TL_FIELD2(3, 4, (ONE, int8_t, value), __VA_ARGS__)
#define TraceLoggingHexInt8Array(value, count, ...) \
    ETW_TL_FIELD2(67, 4, (ARRAY, int8_t, value, count), __VA_ARGS__)
#define TraceLoggingHexInt8FixedArray(value, count, ...) \
    ETW_TL_FIXED2(3, 4, count, (FIXED, int8_t, value, count), __VA_ARGS__)
#define TraceLoggingHexUInt8(value, ...) ETW_TL_FIELD2(4, 4, (ONE, uint8_t, value), __VA_ARGS__)
#define TraceLoggingHexUInt8Array(value, count, ...) \
    ETW_TL_FIELD2(68, 4, (ARRAY, uint8_t, value, count), __VA_ARGS__)
#define TraceLoggingHexUInt8FixedArray(value, count, ...) \
    ETW_TL_FIXED2(4, 4, count, (FIXED, uint8_t, value, count), __VA_ARGS__)
#define TraceLoggingHexInt16(value, ...) ETW_TL_FIELD2(5, 4, (ONE, int16_t, value), __VA_ARGS__)
#define TraceLoggingHexInt16Array(value, count, ...) \
    ETW_TL_FIELD2(69, 4, (ARRAY, int16_t, value, count), __VA_ARGS__)
#define TraceLoggingHexInt16FixedArray(value, count, ...) \
    ETW_TL_FIXED2(5, 4, count, (FIXED, int16_t, value, count), __VA_ARGS__)
#define TraceLoggingHexUInt16(value, ...) ETW_TL_FIELD2(6, 4, (ONE, uint16_t, value), __VA_ARGS__)
#define TraceLoggingHexUInt16Array(value, count, ...) \
    ETW_TL_FIELD2(70, 4, (ARRAY, uint16_t, value, count), __VA_ARGS__)
#define TraceLoggingHexUInt16FixedArray(value, count, ...) \
    ETW_TL_FIXED2(6, 4, count, (FIXED, uint16_t, value, count), __VA_ARGS__)
#define TraceLoggingHexInt32(value, ...) ETW_TL_FIELD1(20, (ONE, int32_t, value), __VA_ARGS__)
#define TraceLoggingHexInt32Array(value, count, ...) \
    ETW_TL_FIELD1(84, (ARRAY, int32_t, value, count), __VA_ARGS__)
#define TraceLoggingHexInt32FixedArray(value, count, ...) \
    ETW_TL_FIXED1(20, count, (FIXED, int32_t, value, count), __VA_ARGS__)
#define TraceLoggingHexUInt32(value, ...) ETW_TL_FIELD1(20, (ONE, uint32_t, value), __VA_ARGS__)
#define TraceLoggingHexUInt32Array(value, count, ...) \
    ETW_TL_FIELD1(84, (ARRAY, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingHexUInt32FixedArray(value, count, ...) \
    ETW_TL_FIXED1(20, count, (FIXED, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingHexInt64(value, ...) ETW_TL_FIELD1(21, (ONE, int64_t, value), __VA_ARGS__)
#define TraceLoggingHexInt64Array(value, count, ...) \
    ETW_TL_FIELD1(85, (ARRAY, int64_t, value, count), __VA_ARGS__)
#define TraceLoggingHexInt64FixedArray(value, count, ...) \
    ETW_TL_FIXED1(21, count, (FIXED, int64_t, value, count), __VA_ARGS__)
#define TraceLoggingHexUInt64(value, ...) ETW_TL_FIELD1(21, (ONE, uint64_t, value), __VA_ARGS__)
#define TraceLoggingHexUInt64Array(value, count, ...) \
    ETW_TL_FIELD1(85, (ARRAY, uint64_t, value, count), __VA_ARGS__)
#define TraceLoggingHexUInt64FixedArray(value, count, ...) \
    ETW_TL_FIXED1(21, count, (FIXED, uint64_t, value, count), __VA_ARGS__)
#define TraceLoggingHexLong(value, ...) ETW_TL_FIELD1(20, (ONE, int32_t, value), __VA_ARGS__)
#define TraceLoggingHexLongArray(value, count, ...) \
    ETW_TL_FIELD1(84, (ARRAY, int32_t, value, count), __VA_ARGS__)
#define TraceLoggingHexLongFixedArray(value, count, ...) \
    ETW_TL_FIXED1(20, count, (FIXED, int32_t, value, count), __VA_ARGS__)
#define TraceLoggingHexULong(value, ...) ETW_TL_FIELD1(20, (ONE, uint32_t, value), __VA_ARGS__)
#define TraceLoggingHexULongArray(value, count, ...) \
    ETW_TL_FIELD1(84, (ARRAY, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingHexULongFixedArray(value, count, ...) \
    ETW_TL_FIXED1(20, count, (FIXED, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingHexIntPtr(value, ...) ETW_TL_FIELD1(21, (ONE, intptr_t, value), __VA_ARGS__)
#define TraceLoggingHexIntPtrArray(value, count, ...) \
    ETW_TL_FIELD1(85, (ARRAY, intptr_t, value, count), __VA_ARGS__)
#define TraceLoggingHexIntPtrFixedArray(value, count, ...) \
    ETW_TL_FIXED1(21, count, (FIXED, intptr_t, value, count), __VA_ARGS__)
#define TraceLoggingHexUIntPtr(value, ...) ETW_TL_FIELD1(21, (ONE, uintptr_t, value), __VA_ARGS__)
#define TraceLoggingHexUIntPtrArray(value, count, ...) \
    ETW_TL_FIELD1(85, (ARRAY, uintptr_t, value, count), __VA_ARGS__)
#define TraceLoggingHexUIntPtrFixedArray(value, count, ...) \
    ETW_TL_FIXED1(21, count, (FIXED, uintptr_t, value, count), __VA_ARGS__)
#define TraceLoggingChar(value, ...) ETW_TL_FIELD2(4, 2, (ONE, char, value), __VA_ARGS__)
#define TraceLoggingCharArray(value, count, ...) \
    ETW_TL_FIELD2(68, 2, (ARRAY, char, value, count), __VA_ARGS__)
#define TraceLoggingCharFixedArray(value, count, ...) \
    ETW_TL_FIXED2(4, 2, count, (FIXED, char, value, count), __VA_ARGS__)
#define TraceLoggingChar16(value, ...) ETW_TL_FIELD2(6, 2, (ONE, char16_t, value), __VA_ARGS__)
#define TraceLoggingChar16Array(value, count, ...) \
    ETW_TL_FIELD2(70, 2, (ARRAY, char16_t, value, count), __VA_ARGS__)
#define TraceLoggingChar16FixedArray(value, count, ...) \
    ETW_TL_FIXED2(6, 2, count, (FIXED, char16_t, value, count), __VA_ARGS__)
#define TraceLoggingWChar(value, ...) ETW_TL_FIELD2(6, 2, (ONE, char16_t, value), __VA_ARGS__)
#define TraceLoggingWCharArray(value, count, ...) \
    ETW_TL_FIELD2(70, 2, (ARRAY, char16_t, value, count), __VA_ARGS__)
#define TraceLoggingWCharFixedArray(value, count, ...) \
    ETW_TL_FIXED2(6, 2, count, (FIXED, char16_t, value, count), __VA_ARGS__)
#define TraceLoggingGuid(value, ...) ETW_TL_FIELD1(15, (ONE, GUID, value), __VA_ARGS__)
#define TraceLoggingGuidArray(value, count, ...) \
    ETW_TL_FIELD1(79, (ARRAY, GUID, value, count), __VA_ARGS__)
#define TraceLoggingGuidFixedArray(value, count, ...) \
    ETW_TL_FIXED1(15, count, (FIXED, GUID, value, count), __VA_ARGS__)
#define TraceLoggingFileTime(value, ...) ETW_TL_FIELD1(17, (ONE, FILETIME, value), __VA_ARGS__)
#define TraceLoggingFileTimeArray(value, count, ...) \
    ETW_TL_FIELD1(81, (ARRAY, FILETIME, value, count), __VA_ARGS__)
#define TraceLoggingFileTimeFixedArray(value, count, ...) \
    ETW_TL_FIXED1(17, count, (FIXED, FILETIME, value, count), __VA_ARGS__)
#define TraceLoggingFileTimeUtc(value, ...) \
    ETW_TL_FIELD2(17, 38, (ONE, FILETIME, value), __VA_ARGS__)
#define TraceLoggingFileTimeUtcArray(value, count, ...) \
    ETW_TL_FIELD2(81, 38, (ARRAY, FILETIME, value, count), __VA_ARGS__)
#define TraceLoggingFileTimeUtcFixedArray(value, count, ...) \
    ETW_TL_FIXED2(17, 38, count, (FIXED, FILETIME, value, count), __VA_ARGS__)
#define TraceLoggingSystemTime(value, ...) ETW_TL_FIELD1(18, (ONE, SYSTEMTIME, value), __VA_ARGS__)
#define TraceLoggingSystemTimeArray(value, count, ...) \
    ETW_TL_FIELD1(82, (ARRAY, SYSTEMTIME, value, count), __VA_ARGS__)
#define TraceLoggingSystemTimeFixedArray(value, count, ...) \
    ETW_TL_FIXED1(18, count, (FIXED, SYSTEMTIME, value, count), __VA_ARGS__)
#define TraceLoggingSystemTimeUtc(value, ...) \
    ETW_TL_FIELD2(18, 38, (ONE, SYSTEMTIME, value), __VA_ARGS__)
#define TraceLoggingSystemTimeUtcArray(value, count, ...) \
    ETW_TL_FIELD2(82, 38, (ARRAY, SYSTEMTIME, value, count), __VA_ARGS__)
#define TraceLoggingSystemTimeUtcFixedArray(value, count, ...) \
    ETW_TL_FIXED2(18, 38, count, (FIXED, SYSTEMTIME, value, count), __VA_ARGS__)
#define TraceLoggingPid(value, ...) ETW_TL_FIELD2(8, 5, (ONE, uint32_t, value), __VA_ARGS__)
#define TraceLoggingPidArray(value, count, ...) \
    ETW_TL_FIELD2(72, 5, (ARRAY, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingPidFixedArray(value, count, ...) \
    ETW_TL_FIXED2(8, 5, count, (FIXED, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingTid(value, ...) ETW_TL_FIELD2(8, 6, (ONE, uint32_t, value), __VA_ARGS__)
#define TraceLoggingTidArray(value, count, ...) \
    ETW_TL_FIELD2(72, 6, (ARRAY, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingTidFixedArray(value, count, ...) \
    ETW_TL_FIXED2(8, 6, count, (FIXED, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingPort(value, ...) ETW_TL_FIELD2(6, 7, (ONE, uint16_t, value), __VA_ARGS__)
#define TraceLoggingPortArray(value, count, ...) \
    ETW_TL_FIELD2(70, 7, (ARRAY, uint16_t, value, count), __VA_ARGS__)
#define TraceLoggingPortFixedArray(value, count, ...) \
    ETW_TL_FIXED2(6, 7, count, (FIXED, uint16_t, value, count), __VA_ARGS__)
#define TraceLoggingIPv4Address(value, ...) ETW_TL_FIELD2(8, 8, (ONE, uint32_t, value), __VA_ARGS__)
#define TraceLoggingIPv4AddressArray(value, count, ...) \
    ETW_TL_FIELD2(72, 8, (ARRAY, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingIPv4AddressFixedArray(value, count, ...) \
    ETW_TL_FIXED2(8, 8, count, (FIXED, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingWinError(value, ...) ETW_TL_FIELD2(8, 13, (ONE, uint32_t, value), __VA_ARGS__)
#define TraceLoggingWinErrorArray(value, count, ...) \
    ETW_TL_FIELD2(72, 13, (ARRAY, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingWinErrorFixedArray(value, count, ...) \
    ETW_TL_FIXED2(8, 13, count, (FIXED, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingNTStatus(value, ...) ETW_TL_FIELD2(8, 14, (ONE, uint32_t, value), __VA_ARGS__)
#define TraceLoggingNTStatusArray(value, count, ...) \
    ETW_TL_FIELD2(72, 14, (ARRAY, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingNTStatusFixedArray(value, count, ...) \
    ETW_TL_FIXED2(8, 14, count, (FIXED, uint32_t, value, count), __VA_ARGS__)
#define TraceLoggingHResult(value, ...) ETW_TL_FIELD2(7, 15, (ONE, int32_t, value), __VA_ARGS__)
#define TraceLoggingHResultArray(value, count, ...) \
    ETW_TL_FIELD2(71, 15, (ARRAY, int32_t, value, count), __VA_ARGS__)
#define TraceLoggingHResultFixedArray(value, count, ...) \
    ETW_TL_FIXED2(7, 15, count, (FIXED, int32_t, value, count), __VA_ARGS__)
#define TraceLoggingPointer(value, ...) \
    ETW_TL_FIELD1(21, (ONE, uintptr_t, (uintptr_t)(value)), __VA_ARGS__)
#define TraceLoggingPointerArray(value, count, ...)                                      \
    ETW_TL_FIELD1(85, (ARRAY, uintptr_t, (const uintptr_t*)(const void*)(value), count), \
                  __VA_ARGS__)
#define TraceLoggingPointerFixedArray(value, count, ...)                                        \
    ETW_TL_FIXED1(21, count, (FIXED, uintptr_t, (const uintptr_t*)(const void*)(value), count), \
                  __VA_ARGS__)
#define TraceLoggingCodePointer(value, ...) \
    ETW_TL_FIELD2(21, 37, (ONE, uintptr_t, (uintptr_t)(value)), __VA_ARGS__)
#define TraceLoggingCodePointerArray(value, count, ...)                                      \
    ETW_TL_FIELD2(85, 37, (ARRAY, uintptr_t, (const uintptr_t*)(const void*)(value), count), \
                  __VA_ARGS__)
#define TraceLoggingCodePointerFixedArray(value, count, ...) \
    ETW_TL_FIXED2(21, 37, count,                             \
                  (FIXED, uintptr_t, (const uintptr_t*)(const void*)(value), count), __VA_ARGS__)

/* --- TraceLoggingValue: the field type follows from the value's --- */

#define TraceLoggingValue(value, ...) (AUTO, ETW_TL_FIRST(__VA_ARGS__), value)
#include "tracelogging_auto.h"
#endif
