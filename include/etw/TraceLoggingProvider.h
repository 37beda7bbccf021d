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
 * On Linux WCHAR is char16_t; text of wchar_t (32 bits) is accepted where wide text is and written
 * as UTF-16. A null string is written as an empty one. On Windows this is for compilers that come
 * without a header of the name, as MinGW-w64 did for long: the same macros over the system's
 * EventRegister and EventWriteTransfer. What differs is tracelogging_register.h. */
#pragma once
#pragma GCC system_header
#include "tracelogging_register.h"
#include "tracelogging_scalars.h"
#include "tracelogging_write.h"

/* --- providers --- */

#define TRACELOGGING_DECLARE_PROVIDER(symbol) extern const TraceLoggingHProvider symbol

/* TRACELOGGING_DEFINE_PROVIDER(symbol, "Name", (guid...) [, TraceLoggingOptionGroup(guid...)])
 * Options that an application has defined as nothing may stand there too. */
#define TRACELOGGING_DEFINE_PROVIDER(symbol, ...)                            \
    TRACELOGGING_DEFINE_PROVIDER_STORAGE(symbol##_etw_storage, __VA_ARGS__); \
    TRACELOGGING_DECLARE_PROVIDER(symbol);                                   \
    const TraceLoggingHProvider symbol = &symbol##_etw_storage
/* The same without the handle, which is the address of `storage`; in C++ also within a function. */
#define TRACELOGGING_DEFINE_PROVIDER_STORAGE(storage, ...) \
    ETW_TL_CAT(ETW_TL_DEFINE, ETW_TL_COUNT(__VA_ARGS__))(storage, __VA_ARGS__)
#define TraceLoggingOptionGroup(...) (__VA_ARGS__)

#define ETW_TL_GUID(a, b, c, d, e, f, g, h, i, j, k) \
    {                                                \
        a, b, c, { d, e, f, g, h, i, j, k }          \
    }
#define ETW_TL_DEFINE2(storage, name, guid)            \
    static const struct __attribute__((packed)) {      \
        uint16_t size;                                 \
        char text[sizeof(name)];                       \
    } storage##_etw_traits = {2 + sizeof(name), name}; \
    ETW_TL_DEFINE_STORAGE(storage, guid)
#define ETW_TL_DEFINE3(storage, name, guid, option) \
    ETW_TL_CAT(ETW_TL_DEFINE3_, ETW_TL_IS_GROUP(option))(storage, name, guid, option)
#define ETW_TL_DEFINE4(storage, name, guid, one, two) \
    ETW_TL_CAT(ETW_TL_DEFINE4_, ETW_TL_IS_GROUP(one))(storage, name, guid, one, two)
#define ETW_TL_DEFINE4_0(storage, name, guid, none, option) \
    ETW_TL_DEFINE3(storage, name, guid, option)
#define ETW_TL_DEFINE4_1(storage, name, guid, group, none) \
    ETW_TL_DEFINE3_1(storage, name, guid, group)
/* 1 for (...), 0 for nothing. */
#define ETW_TL_IS_GROUP(option) ETW_TL_SECOND(ETW_TL_GROUP option, 0)
#define ETW_TL_GROUP(...) ~, 1
#define ETW_TL_SECOND(...) ETW_TL_SECOND_(__VA_ARGS__, ~)
#define ETW_TL_SECOND_(first, second, ...) second
#define ETW_TL_DEFINE3_0(storage, name, guid, none) ETW_TL_DEFINE2(storage, name, guid)
#define ETW_TL_DEFINE3_1(storage, name, guid, group)                              \
    static const struct __attribute__((packed)) {                                 \
        uint16_t size;                                                            \
        char text[sizeof(name)];                                                  \
        uint16_t trait_size;                                                      \
        uint8_t trait;                                                            \
        etw_guid id;                                                              \
    } storage##_etw_traits = {21 + sizeof(name), name, 19, 1, ETW_TL_GUID group}; \
    ETW_TL_DEFINE_STORAGE(storage, guid)
/* The function is for modules that are unloaded with their provider registered; what stands last
 * takes the semicolon of whoever uses the macro. In C++ it is a template's, since the storage may
 * be that of a function; in C it stands at file scope. */
#define ETW_TL_DEFINE_STORAGE(storage, guid)                                                  \
    static etw_provider storage = {{0, 0, 0, 0}, 0, &storage##_etw_traits, ETW_TL_GUID guid}; \
    ETW_TL_UNLOAD(storage)
#ifdef __cplusplus
extern "C++" {
namespace etw_tl {
template <etw_provider* provider>
__attribute__((destructor)) void unload() {
    if (provider->handle != 0) EventUnregister(provider->handle);
}
}  // namespace etw_tl
}
#define ETW_TL_UNLOAD(storage)                                              \
    static void (*const storage##_etw_unload)(void) __attribute__((used)) = \
        &etw_tl::unload<&storage>
#else
#define ETW_TL_UNLOAD(storage)                                           \
    __attribute__((destructor)) static void storage##_etw_unload(void) { \
        if (storage.handle != 0) {                                       \
            EventUnregister(storage.handle);                             \
        }                                                                \
    }                                                                    \
    static void storage##_etw_unload(void)
#endif

#define TraceLoggingRegister(provider) etw_tl_register((provider), NULL, NULL)
#define TraceLoggingRegisterEx(provider, callback, context) \
    etw_tl_register((provider), (callback), (context))
#define TraceLoggingUnregister(provider) etw_tl_unregister((provider))
#define TraceLoggingProviderEnabled(provider, level, keyword) \
    etw_is_wanted(&(provider)->enabled, etw_state_of(&(provider)->enabled), (level), (keyword))
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

#define TraceLoggingLevel(level) (etw_level, level)
#define TraceLoggingKeyword(keyword) (etw_keyword, keyword)
#define TraceLoggingOpcode(opcode) (etw_opcode, opcode)
#define TraceLoggingEventTag(tag) (etw_tag, tag)
#define TraceLoggingChannel(channel) (etw_channel, channel)
#define TraceLoggingId(id) (etw_id, id)
#define TraceLoggingDescription(text) (etw_note, text)
#define TraceLoggingCustomAttribute(key, value) (etw_note, key)

/* --- fields: the name of what has a value may be left out, and is the value's text then --- */

#define TraceLoggingStruct(count, ...) ETW_TL_FIELD2(24, count, (etw_nothing, 0), "", __VA_ARGS__)
#define TraceLoggingString(value, ...) ETW_TL_FIELD1(2, (etw_text, value), #value, ##__VA_ARGS__)
#define TraceLoggingUtf8String(value, ...) \
    ETW_TL_FIELD2(2, 35, (etw_text, value), #value, ##__VA_ARGS__)
#define TraceLoggingJson(value, ...) ETW_TL_FIELD2(2, 12, (etw_text, value), #value, ##__VA_ARGS__)
#define TraceLoggingXml(value, ...) ETW_TL_FIELD2(2, 11, (etw_text, value), #value, ##__VA_ARGS__)
#define TraceLoggingWideString(value, ...) \
    ETW_TL_FIELD1(1, (etw_text16, value), #value, ##__VA_ARGS__)
#define TraceLoggingString16(value, ...) \
    ETW_TL_FIELD1(1, (etw_text16, value), #value, ##__VA_ARGS__)
#define TraceLoggingCountedString(value, count, ...) \
    ETW_TL_FIELD1(23, (etw_counted, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingCountedUtf8String(value, count, ...) \
    ETW_TL_FIELD2(23, 35, (etw_counted, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingCountedWideString(value, count, ...) \
    ETW_TL_FIELD1(22, (etw_counted16, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingCountedString16 TraceLoggingCountedWideString
#define TraceLoggingAnsiString(value, ...) \
    ETW_TL_FIELD1(23, (etw_structured, ANSI_STRING, value), #value, ##__VA_ARGS__)
#define TraceLoggingUnicodeString(value, ...) \
    ETW_TL_FIELD1(22, (etw_structured, UNICODE_STRING, value), #value, ##__VA_ARGS__)
#define TraceLoggingBinary(value, size, ...) \
    ETW_TL_FIELD1(14, (etw_counted, value, size), #value, ##__VA_ARGS__)
#define TraceLoggingBinaryEx(value, size, out, ...) \
    ETW_TL_FIELD2(14, out, (etw_counted, value, size), #value, ##__VA_ARGS__)
/* Of a structure that has the data's address in Buffer and its size in Length. */
#define TraceLoggingBinaryBuffer(value, stype, ...) \
    ETW_TL_FIELD1(14, (etw_structured, stype, value), #value, ##__VA_ARGS__)
#define TraceLoggingBinaryBufferEx(value, stype, out, ...) \
    ETW_TL_FIELD2(14, out, (etw_structured, stype, value), #value, ##__VA_ARGS__)
#define TraceLoggingSid(value, ...) ETW_TL_FIELD1(19, (etw_sid, value), #value, ##__VA_ARGS__)
#define TraceLoggingSocketAddress(value, size, ...) \
    ETW_TL_FIELD2(14, 10, (etw_counted, value, size), #value, ##__VA_ARGS__)
#define TraceLoggingIPv6Address(value, ...) \
    ETW_TL_FIELD2(14, 9, (etw_counted, value, 16), #value, ##__VA_ARGS__)

/* Bytes of a serializer that the application names by a number (5 to 31 are its own); what it needs
 * to read them stands in `schema`: (bytes...), schema_size of them. */
#define TraceLoggingCustom(value, size, protocol, schema, schema_size, ...) \
    ETW_TL_CUSTOM(protocol, schema, schema_size, (etw_counted, value, size), #value, ##__VA_ARGS__)

/* A field and its bytes apart: structures that the application has packed itself. */
#define TraceLoggingPackedField(value, size, in, ...) \
    ETW_TL_FIELD1(in, (etw_raw, value, size), #value, ##__VA_ARGS__)
#define TraceLoggingPackedFieldEx(value, size, in, out, ...) \
    ETW_TL_FIELD2(in, out, (etw_raw, value, size), #value, ##__VA_ARGS__)
#define TraceLoggingPackedMetadata(in, ...) ETW_TL_FIELD1(in, (etw_nothing, 0), "", __VA_ARGS__)
#define TraceLoggingPackedMetadataEx(in, out, ...) \
    ETW_TL_FIELD2(in, out, (etw_nothing, 0), "", __VA_ARGS__)
#define TraceLoggingPackedStruct(count, ...) \
    ETW_TL_FIELD2(24, count, (etw_nothing, 0), "", __VA_ARGS__)
#define TraceLoggingPackedStructArray(count, ...) \
    ETW_TL_FIELD2(24 | 0x40, count, (etw_nothing, 0), "", __VA_ARGS__)
#define TraceLoggingPackedData(value, size) (etw_bytes, etw_raw, value, size)
/* Of EVENT_DATA_DESCRIPTOR's types only EVENT_DATA_DESCRIPTOR_TYPE_NONE compiles: all else of an
 * event is what these macros make. */
#define TraceLoggingPackedDataEx(value, size, type) \
    TraceLoggingPackedData(value, (size) + 0 * sizeof(char[(type) == 0 ? 1 : -1]))

/* --- TraceLoggingValue: the field type follows from the value's --- */

/* TraceLoggingValue(value [, "name" [, "description" [, tag]]]) */
#define TraceLoggingValue(value, ...) \
    ETW_TL_CAT(ETW_TL_VALUE, ETW_TL_COUNT(#value, ##__VA_ARGS__))(value, #value, ##__VA_ARGS__)
#define ETW_TL_VALUE1(value, code) (etw_auto, code, value, etw_plain, 0)
#define ETW_TL_VALUE2(value, code, name) (etw_auto, name, value, etw_plain, 0)
#define ETW_TL_VALUE3(value, code, name, text) (etw_auto, name, value, etw_plain, 0)
#define ETW_TL_VALUE4(value, code, name, text, tag) (etw_auto, name, value, etw_tagged, tag)
#include "tracelogging_auto.h"
