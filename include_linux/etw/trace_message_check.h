/* Part of trace_message.h: what a format string asks for, and whether the values fit, all of it
 * constant expressions. C has no functions for that, but gcc and clang fold some of libc's on
 * string literals.
 *
 * A format is read in steps, one for each %. Step n looks from its predecessor's e on and gives
 * - o: the place of the %, or of the end
 * - m: the length of what takes no value (%%, %!FUNC!), else 0
 * - u: 1 if it takes a value, whose index is c
 * - w, l: where the length modifier and the conversion begin
 * - k: the kind of value that it takes, ETW_TM_KIND_...
 * - b: 1 + the index of the first value that does not fit, or 0
 * - d: how many values so far are not of a fixed size
 * - e: where to go on */
#pragma once
#pragma GCC system_header
#include "tracelogging_each.h"
#include "win_types.h"

#ifdef __cplusplus
#define ETW_TM_ASSERT(...) static_assert(__VA_ARGS__)
#else
#define ETW_TM_ASSERT(...) _Static_assert(__VA_ARGS__)
#endif

/* Places in string literal f. NEXT: of the next %, or the end. SPAN: how many characters of `set`
 * stand there; ask for 8 at most. AT: does the text stand there? */
#define ETW_TM_AT(f, at, text) (__builtin_strncmp(&(f)[at], text, sizeof(text) - 1) == 0)
#if defined(__clang__) || defined(__cplusplus)
#define ETW_TM_NEXT(f, at)                \
    (__builtin_strchr(&(f)[at], '%') == 0 \
         ? (int)__builtin_strlen(f)       \
         : (int)(__builtin_strlen(f) - __builtin_strlen(__builtin_strchr(&(f)[at], '%'))))
#define ETW_TM_IN(f, at, set) ((f)[at] != 0 && __builtin_strchr(set, (f)[at]) != 0)
#define ETW_TM_SPAN(f, at, set)         \
    (!ETW_TM_IN(f, at, set)         ? 0 \
     : !ETW_TM_IN(f, (at) + 1, set) ? 1 \
     : !ETW_TM_IN(f, (at) + 2, set) ? 2 \
     : !ETW_TM_IN(f, (at) + 3, set) ? 3 \
     : !ETW_TM_IN(f, (at) + 4, set) ? 4 \
     : !ETW_TM_IN(f, (at) + 5, set) ? 5 \
     : !ETW_TM_IN(f, (at) + 6, set) ? 6 \
     : !ETW_TM_IN(f, (at) + 7, set) ? 7 \
                                    : 8)
#else
#define ETW_TM_NEXT(f, at) ((at) + (int)__builtin_strcspn(&(f)[at], "%"))
#define ETW_TM_SPAN(f, at, set) ((int)__builtin_strspn(&(f)[at], set))
#endif

/* Types of values, as the descriptions in the binary number them. */
enum {
    ETW_TM_NO_TYPE,
    ETW_TM_INT8,
    ETW_TM_UINT8,
    ETW_TM_INT16,
    ETW_TM_UINT16,
    ETW_TM_INT32,
    ETW_TM_UINT32,
    ETW_TM_INT64,
    ETW_TM_UINT64,
    ETW_TM_DOUBLE, /* float too */
    ETW_TM_TEXT,
    ETW_TM_TEXT16,
    ETW_TM_TEXT32,
    ETW_TM_POINTER, /* any other */
    ETW_TM_HEX_DUMP,
    ETW_TM_GUID_VALUE,
    ETW_TM_ANSI_STRING,
    ETW_TM_UNICODE_STRING,
    ETW_TM_GUID_POINTER,
    ETW_TM_IPV6_POINTER
};

/* Kinds: which types a place takes, a bit each, and above those how the value is written. */
enum {
    ETW_TM_AS_VALUE,
    ETW_TM_AS_POINTER, /* its value */
    ETW_TM_AS_TEXT,
    ETW_TM_AS_BYTES16, /* what is there */
    ETW_TM_AS_BYTES6,
    ETW_TM_AS_SID,
    ETW_TM_AS_DUMP
};
#define ETW_TM_KIND(how, types) ((how) << 20 | (types))
#define ETW_TM_KIND_INT ETW_TM_KIND(ETW_TM_AS_VALUE, 0x7E) /* up to 32 bits */
#define ETW_TM_KIND_INT64 ETW_TM_KIND(ETW_TM_AS_VALUE, 1 << ETW_TM_INT64 | 1 << ETW_TM_UINT64)
#define ETW_TM_KIND_INT32 ETW_TM_KIND(ETW_TM_AS_VALUE, 1 << ETW_TM_INT32 | 1 << ETW_TM_UINT32)
#define ETW_TM_KIND_INT16 ETW_TM_KIND(ETW_TM_AS_VALUE, 1 << ETW_TM_INT16 | 1 << ETW_TM_UINT16)
#define ETW_TM_KIND_DOUBLE ETW_TM_KIND(ETW_TM_AS_VALUE, 1 << ETW_TM_DOUBLE)
#define ETW_TM_KIND_TEXT ETW_TM_KIND(ETW_TM_AS_TEXT, 1 << ETW_TM_TEXT)
#define ETW_TM_KIND_WIDE ETW_TM_KIND(ETW_TM_AS_TEXT, 1 << ETW_TM_TEXT16 | 1 << ETW_TM_TEXT32)
#define ETW_TM_KIND_ANSI ETW_TM_KIND(ETW_TM_AS_TEXT, 1 << ETW_TM_ANSI_STRING)
#define ETW_TM_KIND_UNICODE ETW_TM_KIND(ETW_TM_AS_TEXT, 1 << ETW_TM_UNICODE_STRING)
#define ETW_TM_KIND_POINTER ETW_TM_KIND(ETW_TM_AS_POINTER, 0xF3C00)
#define ETW_TM_KIND_GUID           \
    ETW_TM_KIND(ETW_TM_AS_BYTES16, \
                1 << ETW_TM_POINTER | 1 << ETW_TM_GUID_VALUE | 1 << ETW_TM_GUID_POINTER)
#define ETW_TM_KIND_IPV6 \
    ETW_TM_KIND(ETW_TM_AS_BYTES16, 1 << ETW_TM_POINTER | 1 << ETW_TM_IPV6_POINTER)
#define ETW_TM_KIND_MAC ETW_TM_KIND(ETW_TM_AS_BYTES6, 1 << ETW_TM_POINTER)
#define ETW_TM_KIND_SID ETW_TM_KIND(ETW_TM_AS_SID, 1 << ETW_TM_POINTER)
#define ETW_TM_KIND_DUMP ETW_TM_KIND(ETW_TM_AS_DUMP, 1 << ETW_TM_HEX_DUMP)

/* Length of what takes no value at place `at`, 0 for what does. */
#define ETW_TM_NO_VALUE(f, at)              \
    (ETW_TM_AT(f, at, "%%")            ? 2  \
     : !ETW_TM_AT(f, at, "%!")         ? 0  \
     : ETW_TM_AT(f, at, "%!FUNC!")     ? 7  \
     : ETW_TM_AT(f, at, "%!LEVEL!")    ? 8  \
     : ETW_TM_AT(f, at, "%!FLAGS!")    ? 8  \
     : ETW_TM_AT(f, at, "%!FILE!")     ? 7  \
     : ETW_TM_AT(f, at, "%!LINE!")     ? 7  \
     : ETW_TM_AT(f, at, "%!COMPNAME!") ? 11 \
     : ETW_TM_AT(f, at, "%!SUBCOMP!")  ? 11 \
                                       : 0)
/* %!NAME!; `at` is that of the name. Names that are not known here are lists of the program's. */
#define ETW_TM_NAMED(f, at)                               \
    (ETW_TM_AT(f, at, "STATUS!")      ? ETW_TM_KIND_INT32 \
     : ETW_TM_AT(f, at, "NTSTATUS!")  ? ETW_TM_KIND_INT32 \
     : ETW_TM_AT(f, at, "ERRNO!")     ? ETW_TM_KIND_INT32 \
     : ETW_TM_AT(f, at, "WINERROR!")  ? ETW_TM_KIND_INT32 \
     : ETW_TM_AT(f, at, "HRESULT!")   ? ETW_TM_KIND_INT32 \
     : ETW_TM_AT(f, at, "IPADDR!")    ? ETW_TM_KIND_INT32 \
     : ETW_TM_AT(f, at, "PORT!")      ? ETW_TM_KIND_INT16 \
     : ETW_TM_AT(f, at, "TIMESTAMP!") ? ETW_TM_KIND_INT64 \
     : ETW_TM_AT(f, at, "delta!")     ? ETW_TM_KIND_INT64 \
     : ETW_TM_AT(f, at, "WAITTIME!")  ? ETW_TM_KIND_INT64 \
     : ETW_TM_AT(f, at, "GUID!")      ? ETW_TM_KIND_GUID  \
     : ETW_TM_AT(f, at, "CLSID!")     ? ETW_TM_KIND_GUID  \
     : ETW_TM_AT(f, at, "IID!")       ? ETW_TM_KIND_GUID  \
     : ETW_TM_AT(f, at, "LIBID!")     ? ETW_TM_KIND_GUID  \
     : ETW_TM_AT(f, at, "IPV6ADDR!")  ? ETW_TM_KIND_IPV6  \
     : ETW_TM_AT(f, at, "MACADDR!")   ? ETW_TM_KIND_MAC   \
     : ETW_TM_AT(f, at, "SID!")       ? ETW_TM_KIND_SID   \
     : ETW_TM_AT(f, at, "sid!")       ? ETW_TM_KIND_SID   \
     : ETW_TM_AT(f, at, "HEXDUMP!")   ? ETW_TM_KIND_DUMP  \
                                      : ETW_TM_KIND_INT)
/* printf's; `length` is the place of the modifier, `at` that of the conversion. */
#define ETW_TM_PRINTF(f, length, at)                                                         \
    (ETW_TM_SPAN(f, at, "diouxX") != 0                                                       \
         ? ((at) - (length) == 0 || ETW_TM_AT(f, length, "h") || ETW_TM_AT(f, length, "I32") \
                ? ETW_TM_KIND_INT                                                            \
                : ETW_TM_KIND_INT64)                                                         \
     : ETW_TM_SPAN(f, at, "c") != 0        ? ETW_TM_KIND_INT                                 \
     : ETW_TM_SPAN(f, at, "eEfFgGaA") != 0 ? ETW_TM_KIND_DOUBLE                              \
     : ETW_TM_SPAN(f, at, "s") != 0                                                          \
         ? ((at) - (length) == 0 || ETW_TM_AT(f, length, "h") ? ETW_TM_KIND_TEXT             \
                                                              : ETW_TM_KIND_WIDE)            \
     : ETW_TM_SPAN(f, at, "S") != 0 ? ETW_TM_KIND_WIDE                                       \
     : ETW_TM_SPAN(f, at, "p") != 0 ? ETW_TM_KIND_POINTER                                    \
     : ETW_TM_SPAN(f, at, "Z") != 0                                                          \
         ? (ETW_TM_AT(f, length, "w") ? ETW_TM_KIND_UNICODE : ETW_TM_KIND_ANSI)              \
         : 0)

#define ETW_TM_STEP(f, n, p)                                                                  \
    etw_o##n = ETW_TM_NEXT(f, etw_e##p), etw_m##n = ETW_TM_NO_VALUE(f, etw_o##n),             \
    etw_u##n = ETW_TM_AT(f, etw_o##n, "%") && etw_m##n == 0, etw_c##n = etw_c##p + etw_u##p,  \
    etw_w##n =                                                                                \
        etw_u##n ? etw_o##n + 1 + ETW_TM_SPAN(f, etw_o##n + 1, "-+ #0123456789.") : etw_o##n, \
    etw_l##n = etw_w##n + (ETW_TM_AT(f, etw_w##n, "I64") || ETW_TM_AT(f, etw_w##n, "I32")     \
                               ? 3                                                            \
                               : ETW_TM_SPAN(f, etw_w##n, "hljztwqI")),                       \
    etw_k##n = !etw_u##n                      ? 0                                             \
               : ETW_TM_AT(f, etw_o##n, "%!") ? ETW_TM_NAMED(f, etw_o##n + 2)                 \
                                              : ETW_TM_PRINTF(f, etw_w##n, etw_l##n),         \
    etw_b##n = etw_b##p != 0                                          ? etw_b##p              \
               : etw_u##n && !(etw_k##n >> ETW_TM_TYPE(etw_c##n) & 1) ? etw_c##n + 1          \
                                                                      : 0,                    \
    etw_d##n = etw_d##p + (etw_k##n >> 20 > ETW_TM_AS_POINTER),                               \
    etw_e##n = etw_o##n + (etw_m##n != 0 ? etw_m##n : etw_u##n),
/* Type of the value with an index; five bits each. */
#define ETW_TM_TYPE(index)                            \
    (((index) < 6    ? etw_types0 >> 5 * (index)      \
      : (index) < 12 ? etw_types1 >> 5 * ((index)-6)  \
      : (index) < 18 ? etw_types2 >> 5 * ((index)-12) \
                     : 0) &                           \
     31)

/* Steps for a format with n - 1 values and up to four % that take none. */
#define ETW_TM_STEPS(n, f) ETW_TL_CAT(ETW_TM_STEPS, n)(f)
#define ETW_TM_STEPS1(f) \
    ETW_TM_STEP(f, 1, 0) \
    ETW_TM_STEP(f, 2, 1) ETW_TM_STEP(f, 3, 2) ETW_TM_STEP(f, 4, 3) ETW_TM_STEP(f, 5, 4)
#define ETW_TM_STEPS2(f) ETW_TM_STEPS1(f) ETW_TM_STEP(f, 6, 5)
#define ETW_TM_STEPS3(f) ETW_TM_STEPS2(f) ETW_TM_STEP(f, 7, 6)
#define ETW_TM_STEPS4(f) ETW_TM_STEPS3(f) ETW_TM_STEP(f, 8, 7)
#define ETW_TM_STEPS5(f) ETW_TM_STEPS4(f) ETW_TM_STEP(f, 9, 8)
#define ETW_TM_STEPS6(f) ETW_TM_STEPS5(f) ETW_TM_STEP(f, 10, 9)
#define ETW_TM_STEPS7(f) ETW_TM_STEPS6(f) ETW_TM_STEP(f, 11, 10)
#define ETW_TM_STEPS8(f) ETW_TM_STEPS7(f) ETW_TM_STEP(f, 12, 11)
#define ETW_TM_STEPS9(f) ETW_TM_STEPS8(f) ETW_TM_STEP(f, 13, 12)
#define ETW_TM_STEPS10(f) ETW_TM_STEPS9(f) ETW_TM_STEP(f, 14, 13)
#define ETW_TM_STEPS11(f) ETW_TM_STEPS10(f) ETW_TM_STEP(f, 15, 14)
#define ETW_TM_STEPS12(f) ETW_TM_STEPS11(f) ETW_TM_STEP(f, 16, 15)
#define ETW_TM_STEPS13(f) ETW_TM_STEPS12(f) ETW_TM_STEP(f, 17, 16)
#define ETW_TM_STEPS14(f) ETW_TM_STEPS13(f) ETW_TM_STEP(f, 18, 17)
#define ETW_TM_STEPS15(f) ETW_TM_STEPS14(f) ETW_TM_STEP(f, 19, 18)
#define ETW_TM_STEPS16(f) ETW_TM_STEPS15(f) ETW_TM_STEP(f, 20, 19)
#define ETW_TM_STEPS17(f) ETW_TM_STEPS16(f) ETW_TM_STEP(f, 21, 20)
#define ETW_TM_STEPS18(f) ETW_TM_STEPS17(f) ETW_TM_STEP(f, 22, 21)
#define ETW_TM_STEPS19(f) ETW_TM_STEPS18(f) ETW_TM_STEP(f, 23, 22)
/* Each step's kind goes to the value that it takes, or to a place behind the last one. */
#define ETW_TM_KINDS(n) ETW_TL_CAT(ETW_TM_KINDS, n)
#define ETW_TM_KIND_TO(n) etw_kinds[etw_u##n ? etw_c##n : 18] = etw_k##n;
#define ETW_TM_KINDS1 \
    ETW_TM_KIND_TO(1) ETW_TM_KIND_TO(2) ETW_TM_KIND_TO(3) ETW_TM_KIND_TO(4) ETW_TM_KIND_TO(5)
#define ETW_TM_KINDS2 ETW_TM_KINDS1 ETW_TM_KIND_TO(6)
#define ETW_TM_KINDS3 ETW_TM_KINDS2 ETW_TM_KIND_TO(7)
#define ETW_TM_KINDS4 ETW_TM_KINDS3 ETW_TM_KIND_TO(8)
#define ETW_TM_KINDS5 ETW_TM_KINDS4 ETW_TM_KIND_TO(9)
#define ETW_TM_KINDS6 ETW_TM_KINDS5 ETW_TM_KIND_TO(10)
#define ETW_TM_KINDS7 ETW_TM_KINDS6 ETW_TM_KIND_TO(11)
#define ETW_TM_KINDS8 ETW_TM_KINDS7 ETW_TM_KIND_TO(12)
#define ETW_TM_KINDS9 ETW_TM_KINDS8 ETW_TM_KIND_TO(13)
#define ETW_TM_KINDS10 ETW_TM_KINDS9 ETW_TM_KIND_TO(14)
#define ETW_TM_KINDS11 ETW_TM_KINDS10 ETW_TM_KIND_TO(15)
#define ETW_TM_KINDS12 ETW_TM_KINDS11 ETW_TM_KIND_TO(16)
#define ETW_TM_KINDS13 ETW_TM_KINDS12 ETW_TM_KIND_TO(17)
#define ETW_TM_KINDS14 ETW_TM_KINDS13 ETW_TM_KIND_TO(18)
#define ETW_TM_KINDS15 ETW_TM_KINDS14 ETW_TM_KIND_TO(19)
#define ETW_TM_KINDS16 ETW_TM_KINDS15 ETW_TM_KIND_TO(20)
#define ETW_TM_KINDS17 ETW_TM_KINDS16 ETW_TM_KIND_TO(21)
#define ETW_TM_KINDS18 ETW_TM_KINDS17 ETW_TM_KIND_TO(22)
#define ETW_TM_KINDS19 ETW_TM_KINDS18 ETW_TM_KIND_TO(23)
/* The last step of a message with n - 1 values. */
#define ETW_TM_LAST(name, n) ETW_TL_CAT(ETW_TM_LAST, n)(name)
#define ETW_TM_LAST1(name) ETW_TL_CAT(name, 5)
#define ETW_TM_LAST2(name) ETW_TL_CAT(name, 6)
#define ETW_TM_LAST3(name) ETW_TL_CAT(name, 7)
#define ETW_TM_LAST4(name) ETW_TL_CAT(name, 8)
#define ETW_TM_LAST5(name) ETW_TL_CAT(name, 9)
#define ETW_TM_LAST6(name) ETW_TL_CAT(name, 10)
#define ETW_TM_LAST7(name) ETW_TL_CAT(name, 11)
#define ETW_TM_LAST8(name) ETW_TL_CAT(name, 12)
#define ETW_TM_LAST9(name) ETW_TL_CAT(name, 13)
#define ETW_TM_LAST10(name) ETW_TL_CAT(name, 14)
#define ETW_TM_LAST11(name) ETW_TL_CAT(name, 15)
#define ETW_TM_LAST12(name) ETW_TL_CAT(name, 16)
#define ETW_TM_LAST13(name) ETW_TL_CAT(name, 17)
#define ETW_TM_LAST14(name) ETW_TL_CAT(name, 18)
#define ETW_TM_LAST15(name) ETW_TL_CAT(name, 19)
#define ETW_TM_LAST16(name) ETW_TL_CAT(name, 20)
#define ETW_TM_LAST17(name) ETW_TL_CAT(name, 21)
#define ETW_TM_LAST18(name) ETW_TL_CAT(name, 22)
#define ETW_TM_LAST19(name) ETW_TL_CAT(name, 23)
