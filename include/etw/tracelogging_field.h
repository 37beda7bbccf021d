/* Part of TraceLoggingProvider.h: how a field's description is laid out and how its value gets into
 * the event. */
#pragma once
#pragma GCC system_header
#include "provider_types.h"
#include "tracelogging_each.h"

#include <string.h>

/* 28 bits in four bytes of seven, the first most significant. */
#define ETW_TL_SEVENS(tag) \
    0x80 | (((tag) >> 21) & 0x7F), 0x80 | (((tag) >> 14) & 0x7F), 0x80 | (((tag) >> 7) & 0x7F),

#define ETW_TL_MEMBER_F(i, name, type, ...) \
    char n##i[sizeof(name)];                \
    uint8_t t##i[ETW_TL_COUNT type];
#define ETW_TL_INIT_F(i, name, type, ...) name, {ETW_TL_UNWRAP type},
/* How a value gets into the event, in steps: FORM (types and constants, where it needs any), TAKE
 * (the only place that evaluates what the application has written), VAR (what is made of it), DATA
 * (the pieces). */
#define ETW_TL_FORM_F(i, name, type, how, ...) ETW_TL_FORM_##how(i, __VA_ARGS__)
#define ETW_TL_TAKE_F(take, i, name, type, how, ...) ETW_TL_TAKE_##how(take, i, __VA_ARGS__)
#define ETW_TL_VAR_F(i, name, type, how, ...) ETW_TL_VAR_##how(i, __VA_ARGS__)
#define ETW_TL_DATA_F(i, name, type, how, ...) ETW_TL_DATA_##how(i, __VA_ARGS__)
#define ETW_TL_TAKE_B(take, i, how, ...) ETW_TL_TAKE_##how(take, i, __VA_ARGS__)
#define ETW_TL_VAR_B(i, how, ...) ETW_TL_VAR_##how(i, __VA_ARGS__)
#define ETW_TL_DATA_B(i, how, ...) ETW_TL_DATA_##how(i, __VA_ARGS__)
#define ETW_TL_D(address, size) {(uint64_t)(uintptr_t)(address), (uint32_t)(size), 0},

/* one: a value. text, text16: NUL-terminated. counted: u16 bytes, data. array: u16 elements, data.
 * fixed, raw: data. nothing: none. */
#define ETW_TL_FORM_etw_one(i, ctype, value)
#define ETW_TL_TAKE_etw_one(take, i, ctype, value) take(const ctype, etw_tl_v##i, (value))
#define ETW_TL_VAR_etw_one(i, ctype, value)
#define ETW_TL_DATA_etw_one(i, ctype, value) ETW_TL_D(&etw_tl_v##i, sizeof(etw_tl_v##i))

#define ETW_TL_FORM_etw_text(i, value)
#define ETW_TL_TAKE_etw_text(take, i, value) take(const char*, etw_tl_p##i, ETW_TL_NARROW((value)))
#define ETW_TL_VAR_etw_text(i, value) const char* const etw_tl_v##i = etw_tl_text(etw_tl_p##i);
#define ETW_TL_DATA_etw_text(i, value) ETW_TL_D(etw_tl_v##i, strlen(etw_tl_v##i) + 1)

#define ETW_TL_FORM_etw_text16(i, value) ETW_TL_CONSTANT(etw_tl_u##i, ETW_TL_UNIT((value)))
#define ETW_TL_TAKE_etw_text16(take, i, value) take(const void*, etw_tl_p##i, (value))
#define ETW_TL_VAR_etw_text16(i, value)                                                    \
    __extension__ uint16_t etw_tl_b##i[etw_tl_wide_room(etw_tl_p##i, etw_tl_u##i, -1)];    \
    uint32_t etw_tl_s##i = 0;                                                              \
    const void* const etw_tl_v##i = etw_tl_wide(etw_tl_p##i, etw_tl_u##i, -1, etw_tl_b##i, \
                                                sizeof(etw_tl_b##i) / 2, &etw_tl_s##i);
#define ETW_TL_DATA_etw_text16(i, value) ETW_TL_D(etw_tl_v##i, etw_tl_s##i + 2)

#define ETW_TL_FORM_etw_counted16(i, value, count) \
    ETW_TL_CONSTANT(etw_tl_u##i, ETW_TL_UNIT((value)))
#define ETW_TL_TAKE_etw_counted16(take, i, value, count) \
    take(const void*, etw_tl_p##i, (value)) take(const ptrdiff_t, etw_tl_n##i, (ptrdiff_t)(count))
#define ETW_TL_VAR_etw_counted16(i, value, count)                                                \
    __extension__ uint16_t etw_tl_b##i[etw_tl_wide_room(etw_tl_p##i, etw_tl_u##i, etw_tl_n##i)]; \
    uint32_t etw_tl_s##i = 0;                                                                    \
    const void* const etw_tl_v##i =                                                              \
        etw_tl_wide(etw_tl_p##i, etw_tl_u##i, etw_tl_n##i, etw_tl_b##i, sizeof(etw_tl_b##i) / 2, \
                    &etw_tl_s##i);                                                               \
    const uint16_t etw_tl_c##i = (uint16_t)etw_tl_s##i;
#define ETW_TL_DATA_etw_counted16(i, value, count) \
    ETW_TL_D(&etw_tl_c##i, 2) ETW_TL_D(etw_tl_v##i, etw_tl_s##i)

/* A size or count beyond 16 bits is not cut: the event is as large as it says, thus too large. */
#define ETW_TL_FORM_etw_counted(i, value, size)
#define ETW_TL_TAKE_etw_counted(take, i, value, size) \
    take(const void*, etw_tl_v##i, (value))           \
        take(const uint32_t, etw_tl_s##i, etw_tl_product((size), 1))
#define ETW_TL_VAR_etw_counted(i, value, size) const uint16_t etw_tl_c##i = (uint16_t)etw_tl_s##i;
#define ETW_TL_DATA_etw_counted(i, value, size) \
    ETW_TL_D(&etw_tl_c##i, 2) ETW_TL_D(etw_tl_v##i, etw_tl_s##i)

#define ETW_TL_FORM_etw_array(i, ctype, value, count)
#define ETW_TL_TAKE_etw_array(take, i, ctype, value, count) \
    take(const ctype*, etw_tl_v##i, (value)) take(const size_t, etw_tl_n##i, (size_t)(count))
#define ETW_TL_VAR_etw_array(i, ctype, value, count) \
    const uint16_t etw_tl_c##i = (uint16_t)etw_tl_n##i;
#define ETW_TL_DATA_etw_array(i, ctype, value, count) \
    ETW_TL_D(&etw_tl_c##i, 2)                         \
    ETW_TL_D(etw_tl_v##i, etw_tl_product(etw_tl_n##i, sizeof(ctype)))

#define ETW_TL_FORM_etw_fixed(i, ctype, value, count) \
    ETW_TL_CONSTANT(etw_tl_s##i, (count) * sizeof(ctype))
#define ETW_TL_TAKE_etw_fixed(take, i, ctype, value, count) take(const ctype*, etw_tl_v##i, (value))
#define ETW_TL_VAR_etw_fixed(i, ctype, value, count)
#define ETW_TL_DATA_etw_fixed(i, ctype, value, count) ETW_TL_D(etw_tl_v##i, etw_tl_s##i)

/* ANSI_STRING, UNICODE_STRING and what has the same members: Length in bytes, Buffer. */
#define ETW_TL_FORM_etw_structured(i, stype, value)
#define ETW_TL_TAKE_etw_structured(take, i, stype, value) take(const stype*, etw_tl_v##i, (value))
#define ETW_TL_VAR_etw_structured(i, stype, value)                                \
    const uint32_t etw_tl_s##i =                                                  \
        etw_tl_v##i != NULL ? etw_tl_product((size_t)etw_tl_v##i->Length, 1) : 0; \
    const uint16_t etw_tl_c##i = (uint16_t)etw_tl_s##i;
#define ETW_TL_DATA_etw_structured(i, stype, value) \
    ETW_TL_D(&etw_tl_c##i, 2) ETW_TL_D(etw_tl_s##i != 0 ? etw_tl_v##i->Buffer : NULL, etw_tl_s##i)

#define ETW_TL_FORM_etw_raw(i, value, size)
#define ETW_TL_TAKE_etw_raw(take, i, value, size) \
    take(const void*, etw_tl_v##i, (value))       \
        take(const uint32_t, etw_tl_s##i, etw_tl_product((size), 1))
#define ETW_TL_VAR_etw_raw(i, value, size)
#define ETW_TL_DATA_etw_raw(i, value, size) ETW_TL_D(etw_tl_v##i, etw_tl_s##i)

/* A null SID is written as the empty one: revision 1, no authority. */
#define ETW_TL_FORM_etw_sid(i, value)
#define ETW_TL_TAKE_etw_sid(take, i, value) take(const void*, etw_tl_p##i, (value))
#define ETW_TL_VAR_etw_sid(i, value) const uint8_t* const etw_tl_v##i = etw_tl_sid(etw_tl_p##i);
#define ETW_TL_DATA_etw_sid(i, value) ETW_TL_D(etw_tl_v##i, etw_tl_sid_size(etw_tl_v##i))

#define ETW_TL_FORM_etw_nothing(i, value)
#define ETW_TL_TAKE_etw_nothing(take, i, value)
#define ETW_TL_VAR_etw_nothing(i, value)
#define ETW_TL_DATA_etw_nothing(i, value)

/* Narrow text is of char, or of char8_t where there is one; wide text has units of 16 or 32 bits.
 */
#ifdef __cplusplus
#define ETW_TL_CONSTANT(name, value) static constexpr size_t name = (value);
#define ETW_TL_NARROW(text) etw_tl::narrow(text)
#define ETW_TL_UNIT(text) (sizeof(etw_tl::unit_of(text, 0)))
extern "C++" {
namespace etw_tl {
inline const char* narrow(const char* text) { return text; }
#ifdef __cpp_char8_t
template <class T>
struct OfChar8;
template <>
struct OfChar8<char8_t> {
    using Text = const char*;
};
template <class T>
typename OfChar8<T>::Text narrow(const T* text) {
    return reinterpret_cast<const char*>(text);
}
#endif
/* Never called. The second argument is what decides for a NULL, which all take. */
char16_t unit_of(const char16_t*, int);
wchar_t unit_of(const wchar_t*, long);
uint16_t unit_of(const uint16_t*, long);
}  // namespace etw_tl
}
#else
#define ETW_TL_CONSTANT(name, value) enum { name = (value) };
#define ETW_TL_NARROW(text) text
#if __SIZEOF_WCHAR_T__ == 4
#define ETW_TL_UNIT(text)                                                                 \
    _Generic(text, wchar_t * : 4, const wchar_t* : 4, char16_t* : 2, const char16_t* : 2, \
             void* : 2, const void* : 2)
#else
#define ETW_TL_UNIT(text) \
    _Generic(text, wchar_t * : 2, const wchar_t* : 2, void* : 2, const void* : 2)
#endif
#endif

static inline const char* etw_tl_text(const char* text) { return text != NULL ? text : ""; }
static inline const uint8_t* etw_tl_sid(const void* sid) {
    static const uint8_t empty[8] = {1, 0, 0, 0, 0, 0, 0, 0};
    return sid != NULL ? (const uint8_t*)sid : empty;
}
static inline uint32_t etw_tl_sid_size(const uint8_t* sid) { return 8 + 4u * sid[1]; }
/* A size that no event can have stands for all that do not fit in 32 bits. */
static inline uint32_t etw_tl_product(size_t count, size_t size) {
    return count > 0x10000 ? 0x10000 : (uint32_t)(count * size);
}

enum { ETW_TL_TOO_LONG = 0x8000 }; /* units of text that no event holds */

static inline size_t etw_tl_wide_length(const wchar_t* text, ptrdiff_t length) {
    size_t units = 0;
    ptrdiff_t i;
    for (i = 0; (length < 0 ? text[i] != 0 : i < length) && units < ETW_TL_TOO_LONG; ++i) {
        units += (uint32_t)text[i] > 0xFFFF && (uint32_t)text[i] <= 0x10FFFF ? 2 : 1;
    }
    return units;
}
/* Units that a buffer for etw_tl_wide must have. */
static inline size_t etw_tl_wide_room(const void* text, size_t unit, ptrdiff_t length) {
    size_t units;
    if (unit == sizeof(uint16_t) || text == NULL) return 1;
    units = etw_tl_wide_length((const wchar_t*)text, length);
    return units < ETW_TL_TOO_LONG ? units + 1 : 1;
}
/* Text of 16-bit units as it is, of 32-bit units converted; length < 0: up to its NUL. Text that is
 * too long for an event gets a size that makes the event too large, and is never read. */
static inline const void* etw_tl_wide(const void* text, size_t unit, ptrdiff_t length,
                                      uint16_t* buffer, size_t room, uint32_t* size) {
    buffer[0] = 0;
    *size = 0;
    if (text == NULL) return buffer;
    if (unit == sizeof(uint16_t)) {
        const char16_t* units = (const char16_t*)text;
        if (length < 0) {
            for (length = 0; units[length] != 0 && length < ETW_TL_TOO_LONG;) ++length;
        }
        *size = etw_tl_product((size_t)length, 2);
        return text;
    }
#if __SIZEOF_WCHAR_T__ == 4
    {
        const wchar_t* wide = (const wchar_t*)text;
        if (etw_tl_wide_length(wide, length) >= room) {
            *size = 2 * ETW_TL_TOO_LONG;
            return buffer;
        }
        if (length < 0) {
            for (length = 0; wide[length] != 0;) ++length;
        }
        *size = etw_utf16_from_wide(wide, (uint32_t)length, buffer, (uint32_t)room) * 2;
    }
#else
    (void)room;
#endif
    return buffer;
}

/* --- type bytes: in, then out where it is not the default, then the tag where there is one, then
 * what follows (a constant count; what a custom type needs). Arguments after them: the value as the
 * source has it, which is the name of a field that is given none [, name [, description [, tag]]]
 * --- */
#define ETW_TL_NAME(...) ETW_TL_CAT(ETW_TL_NAME, ETW_TL_COUNT(__VA_ARGS__))(__VA_ARGS__)
#define ETW_TL_NAME1(code) code
#define ETW_TL_NAME2(code, name) name
#define ETW_TL_NAME3(code, name, text) name
#define ETW_TL_NAME4(code, name, text, tag) name
#define ETW_TL_T1(in, more, ...) \
    ETW_TL_CAT(ETW_TL_T1_, ETW_TL_COUNT(__VA_ARGS__))(in, more, __VA_ARGS__)
#define ETW_TL_T1_1(in, more, code) (in ETW_TL_UNWRAP more)
#define ETW_TL_T1_2(in, more, code, name) (in ETW_TL_UNWRAP more)
#define ETW_TL_T1_3(in, more, code, name, text) (in ETW_TL_UNWRAP more)
#define ETW_TL_T1_4(in, more, code, name, text, tag) \
    ((in) | 0x80, 0x80, ETW_TL_SEVENS(tag)(tag) & 0x7F ETW_TL_UNWRAP more)
#define ETW_TL_T2(in, out, more, ...) \
    ETW_TL_CAT(ETW_TL_T2_, ETW_TL_COUNT(__VA_ARGS__))(in, out, more, __VA_ARGS__)
#define ETW_TL_T2_1(in, out, more, code) ((in) | 0x80, out ETW_TL_UNWRAP more)
#define ETW_TL_T2_2(in, out, more, code, name) ((in) | 0x80, out ETW_TL_UNWRAP more)
#define ETW_TL_T2_3(in, out, more, code, name, text) ((in) | 0x80, out ETW_TL_UNWRAP more)
#define ETW_TL_T2_4(in, out, more, code, name, text, tag) \
    ((in) | 0x80, (out) | 0x80, ETW_TL_SEVENS(tag)(tag) & 0x7F ETW_TL_UNWRAP more)
#define ETW_TL_CONSTANT_COUNT(count) (, (count)&0xFF, ((count) >> 8) & 0xFF)

#define ETW_TL_FIELD1(in, how, ...) \
    (etw_field, ETW_TL_NAME(__VA_ARGS__), ETW_TL_T1(in, (), __VA_ARGS__), ETW_TL_UNWRAP how)
#define ETW_TL_FIELD2(in, out, how, ...) \
    (etw_field, ETW_TL_NAME(__VA_ARGS__), ETW_TL_T2(in, out, (), __VA_ARGS__), ETW_TL_UNWRAP how)
#define ETW_TL_FIXED1(in, count, how, ...) \
    (etw_field, ETW_TL_NAME(__VA_ARGS__),  \
     ETW_TL_T1((in) | 0x20, ETW_TL_CONSTANT_COUNT(count), __VA_ARGS__), ETW_TL_UNWRAP how)
#define ETW_TL_FIXED2(in, out, count, how, ...) \
    (etw_field, ETW_TL_NAME(__VA_ARGS__),       \
     ETW_TL_T2((in) | 0x20, out, ETW_TL_CONSTANT_COUNT(count), __VA_ARGS__), ETW_TL_UNWRAP how)
#define ETW_TL_CUSTOM(protocol, schema, schema_size, how, ...)                            \
    (etw_field, ETW_TL_NAME(__VA_ARGS__),                                                 \
     ETW_TL_T2(14 | 0x60, protocol,                                                       \
               (, (schema_size)&0xFF, ((schema_size) >> 8) & 0xFF, ETW_TL_UNWRAP schema), \
               __VA_ARGS__),                                                              \
     ETW_TL_UNWRAP how)
