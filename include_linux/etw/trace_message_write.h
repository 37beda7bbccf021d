/* Part of trace_message.h: how a message gets its description into the binary and its values into
 * the record. */
#pragma once
#pragma GCC system_header
#include "provider.h"
#include "trace_message_check.h"

#include <string.h>

#ifdef __cplusplus
#include <type_traits>
#endif

/* --- control GUIDs, written (d58c126f,b309,11d1,969e,0000f875a5bc) --- */

#define ETW_TM_APPLY(macro, ...) macro(__VA_ARGS__)
#define ETW_TM_GUID(guid) ETW_TM_APPLY(ETW_TM_GUID_, ETW_TL_UNWRAP guid)
#define ETW_TM_GUID_(a, b, c, d, e)                                                             \
    {                                                                                           \
        0x##a, 0x##b, 0x##c, {                                                                  \
            0x##d >> 8, 0x##d & 0xFF, (uint8_t)(0x##e##ull >> 40), (uint8_t)(0x##e##ull >> 32), \
                (uint8_t)(0x##e##ull >> 24), (uint8_t)(0x##e##ull >> 16),                       \
                (uint8_t)(0x##e##ull >> 8), (uint8_t)0x##e##ull                                 \
        }                                                                                       \
    }
#define ETW_TM_GUID_TEXT(guid) ETW_TM_APPLY(ETW_TM_GUID_TEXT_, ETW_TL_UNWRAP guid)
#define ETW_TM_GUID_TEXT_(a, b, c, d, e) #a "-" #b "-" #c "-" #d "-" #e
#define ETW_TM_SYMBOL(name, guid) ETW_TM_APPLY(ETW_TM_SYMBOL_, name, ETW_TL_UNWRAP guid)
#define ETW_TM_SYMBOL_(name, a, b, c, d, e) etw_control_##name##_##a##_##b##_##c##_##d##_##e

#define ETW_TM_WANTED(bit, level)                                                                  \
    ((int)__builtin_expect((int)__atomic_load_n(&etw_tm_control(bit)->level_plus1[((bit)-1) & 31], \
                                                __ATOMIC_RELAXED) > (int)(level),                  \
                           0))

/* --- descriptions: entries of the section .etw.messages, docs/trace-messages.md --- */

#define ETW_TM_S(x) #x
#define ETW_TM_S2(x) ETW_TM_S(x)
/* An assembler string whose bytes are x as it would stand in a source. */
#define ETW_TM_QUOTE(x) ETW_TM_QUOTE_(x)
#define ETW_TM_QUOTE_(x) ETW_TM_S(#x)
/* Length from the entry's start, version, kind. */
#define ETW_TM_ENTRY(kind)                        \
    ".pushsection .etw.messages,\"\",@progbits\n" \
    "77701: .long 77702f - 77701b\n.byte 1, " kind "\n"
#define ETW_TM_ENTRY_END "77702: .popsection\n"

/* What only the compiler knows. */
#define ETW_TM_DESCRIBE_VALUES(number, line, level, bit) \
    __asm__ __inline__ __volatile__(                                                                         \
        ETW_TM_ENTRY("3") ".short 10 + " ETW_TM_S2(number) "\n.long " ETW_TM_S2(line) "\n"        \
        ".byte %c0, %c1, %c2, %c3\n.long %c4, %c5, %c6\n"                                         \
        ".long %c7, %c8, %c9, %c10, %c11, %c12, %c13, %c14\n"                                     \
        ".long %c15, %c16, %c17, %c18, %c19, %c20, %c21, %c22\n" ETW_TM_ENTRY_END                 \
        :                                                                                         \
        : "i"(level), "i"(((bit)-1) & 31), "i"((bit) >> 16), "i"(etw_n), "i"(etw_types0),         \
          "i"(etw_types1), "i"(etw_types2), "i"(ETW_TM_FUNCTION(0)), "i"(ETW_TM_FUNCTION(4)),     \
          "i"(ETW_TM_FUNCTION(8)), "i"(ETW_TM_FUNCTION(12)), "i"(ETW_TM_FUNCTION(16)),            \
          "i"(ETW_TM_FUNCTION(20)), "i"(ETW_TM_FUNCTION(24)), "i"(ETW_TM_FUNCTION(28)),           \
          "i"(ETW_TM_FUNCTION(32)), "i"(ETW_TM_FUNCTION(36)), "i"(ETW_TM_FUNCTION(40)),           \
          "i"(ETW_TM_FUNCTION(44)), "i"(ETW_TM_FUNCTION(48)), "i"(ETW_TM_FUNCTION(52)),           \
          "i"(ETW_TM_FUNCTION(56)), "i"(ETW_TM_FUNCTION(60)))
/* Four bytes of the function's name: __func__ is no literal, but this is folded like one. */
#define ETW_TM_FUNCTION(at)                                                   \
    ((int)(ETW_TM_FUNCTION_BYTE((at)) | ETW_TM_FUNCTION_BYTE((at) + 1) << 8 | \
           ETW_TM_FUNCTION_BYTE((at) + 2) << 16 | ETW_TM_FUNCTION_BYTE((at) + 3) << 24))
#if defined(__clang__) || defined(__cplusplus)
#define ETW_TM_FUNCTION_BYTE(at)                             \
    ((at) < (int)__builtin_strlen(__builtin_FUNCTION())      \
         ? (unsigned)(unsigned char)__builtin_FUNCTION()[at] \
         : 0u)
#else /* gcc does not fold the character without optimization, but whether it is one of a set */
#define ETW_TM_FUNCTION_BYTE(at)                                                         \
    (ETW_TM_FUNCTION_BIT(at, 0, ETW_TM_BIT0) | ETW_TM_FUNCTION_BIT(at, 1, ETW_TM_BIT1) | \
     ETW_TM_FUNCTION_BIT(at, 2, ETW_TM_BIT2) | ETW_TM_FUNCTION_BIT(at, 3, ETW_TM_BIT3) | \
     ETW_TM_FUNCTION_BIT(at, 4, ETW_TM_BIT4) | ETW_TM_FUNCTION_BIT(at, 5, ETW_TM_BIT5) | \
     ETW_TM_FUNCTION_BIT(at, 6, ETW_TM_BIT6))
#define ETW_TM_FUNCTION_BIT(at, bit, set)                            \
    ((at) < (int)__builtin_strlen(__builtin_FUNCTION()) &&           \
             __builtin_strspn(__builtin_FUNCTION() + (at), set) != 0 \
         ? 1u << bit                                                 \
         : 0u)
#define ETW_TM_BIT0 "13579ACEGIKMOQSUWY_acegikmoqsuwy"
#define ETW_TM_BIT1 "2367BCFGJKNORSVWZ_bcfgjknorsvwz"
#define ETW_TM_BIT2 "4567DEFGLMNOTUVW_defglmnotuvw"
#define ETW_TM_BIT3 "89HIJKLMNOXYZ_hijklmnoxyz"
#define ETW_TM_BIT4 "0123456789PQRSTUVWXYZ_pqrstuvwxyz"
#define ETW_TM_BIT5 "0123456789abcdefghijklmnopqrstuvwxyz"
#define ETW_TM_BIT6 "ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
#endif
/* What only the preprocessor knows. Without operands, so that the compiler does not look at %. */
#define ETW_TM_DESCRIBE_TEXT(number, line, flag, level, format, raw) \
    __asm__ __inline__ __volatile__(ETW_TM_ENTRY("4") ".short 10 + " ETW_TM_S2(number) "\n.long " ETW_TM_S2( \
        line) "\n.asciz " ETW_TM_QUOTE(__FILE__) "\n.asciz " ETW_TM_QUOTE(ETW_MESSAGE_FILE) "\n" \
        WPP_CONTROL_GUIDS ".byte 0\n.asciz " ETW_TM_S2(flag) "\n.asciz " ETW_TM_S2(level)        \
        "\n.asciz " ETW_TM_QUOTE(format) "\n.asciz " ETW_TM_S2(raw) "\n" ETW_TM_ENTRY_END)

/* --- values --- */

typedef struct etw_hex_dump_value {
    const void* address;
    size_t size;
} etw_hex_dump_value;
static inline etw_hex_dump_value etw_hex_dump(const void* address, size_t size) {
    etw_hex_dump_value value = {address, size};
    return value;
}
struct in6_addr;

/* In C++ the values are the arguments of a call: what they are made of lives as long as the message
 * needs it, as in DoTraceMessage(FLAG, "%s", name().c_str()). */
#ifdef __cplusplus
#define ETW_TM_VALUE(i, value) typedef decltype(etw_tm::passed(value)) etw_T##i;
#define ETW_TM_TYPE_OF(i) etw_tm::type_of<etw_T##i>()
#define ETW_TM_PARAM(i, value) , const etw_T##i etw_v##i
#define ETW_TM_ARG(i, value) , (value)
#define ETW_TM_BEGIN(...) \
    [](int ETW_TL_EACH(ETW_TM_PARAM, __VA_ARGS__)) __attribute__((always_inline)) {
#define ETW_TM_END(...) \
    }                   \
    (0 ETW_TL_EACH(ETW_TM_ARG, __VA_ARGS__));
extern "C++" {
namespace etw_tm {
/* Never called. */
template <class T>
T passed(T);
template <class T>
constexpr int type_of() {
    if constexpr (std::is_enum_v<T>) {
        return type_of<std::underlying_type_t<T>>();
    } else if constexpr (std::is_same_v<T, bool>) {
        return ETW_TM_UINT8;
    } else if constexpr (std::is_integral_v<T>) {
        constexpr int kSigned = std::is_signed_v<T> ? 0 : 1;
        return (sizeof(T) == 1   ? ETW_TM_INT8
                : sizeof(T) == 2 ? ETW_TM_INT16
                : sizeof(T) == 4 ? ETW_TM_INT32
                                 : ETW_TM_INT64) +
               kSigned;
    } else if constexpr (std::is_floating_point_v<T>) {
        return ETW_TM_DOUBLE;
    } else if constexpr (std::is_null_pointer_v<T>) {
        return ETW_TM_POINTER;
    } else if constexpr (std::is_pointer_v<T>) {
        using To = std::remove_cv_t<std::remove_pointer_t<T>>;
        return std::is_same_v<To, char>                                   ? ETW_TM_TEXT
               : std::is_same_v<To, char16_t>                             ? ETW_TM_TEXT16
               : std::is_same_v<To, wchar_t>                              ? ETW_TM_TEXT32
               : std::is_same_v<To, ANSI_STRING>                          ? ETW_TM_ANSI_STRING
               : std::is_same_v<To, UNICODE_STRING>                       ? ETW_TM_UNICODE_STRING
               : std::is_same_v<To, GUID> || std::is_same_v<To, etw_guid> ? ETW_TM_GUID_POINTER
               : std::is_same_v<To, ::in6_addr>                           ? ETW_TM_IPV6_POINTER
                                                                          : ETW_TM_POINTER;
    } else if constexpr (std::is_same_v<T, etw_hex_dump_value>) {
        return ETW_TM_HEX_DUMP;
    } else {
        return std::is_same_v<T, GUID> || std::is_same_v<T, etw_guid> ? ETW_TM_GUID_VALUE
                                                                      : ETW_TM_NO_TYPE;
    }
}
}  // namespace etw_tm
}
#else
#define ETW_TM_VALUE(i, value) __extension__ const __auto_type etw_v##i = (value);
#define ETW_TM_BEGIN(...) {
#define ETW_TM_END(...) }
#define ETW_TM_TYPE_OF(i) \
    _Generic(etw_v##i, _Bool : ETW_TM_UINT8, char : ETW_TM_INT8, signed char : ETW_TM_INT8,     \
             unsigned char : ETW_TM_UINT8, short : ETW_TM_INT16, unsigned short : ETW_TM_UINT16, \
             int : ETW_TM_INT32, unsigned : ETW_TM_UINT32, long : ETW_TM_INT64,                 \
             unsigned long : ETW_TM_UINT64, long long : ETW_TM_INT64,                           \
             unsigned long long : ETW_TM_UINT64, float : ETW_TM_DOUBLE, double : ETW_TM_DOUBLE, \
             long double : ETW_TM_DOUBLE, char* : ETW_TM_TEXT, const char* : ETW_TM_TEXT,       \
             char16_t* : ETW_TM_TEXT16, const char16_t* : ETW_TM_TEXT16,                        \
             wchar_t* : ETW_TM_TEXT32, const wchar_t* : ETW_TM_TEXT32,                          \
             ANSI_STRING* : ETW_TM_ANSI_STRING, const ANSI_STRING* : ETW_TM_ANSI_STRING,        \
             UNICODE_STRING* : ETW_TM_UNICODE_STRING,                                           \
             const UNICODE_STRING* : ETW_TM_UNICODE_STRING, GUID* : ETW_TM_GUID_POINTER,        \
             const GUID* : ETW_TM_GUID_POINTER, etw_guid* : ETW_TM_GUID_POINTER,                \
             const etw_guid* : ETW_TM_GUID_POINTER, struct in6_addr* : ETW_TM_IPV6_POINTER,     \
             const struct in6_addr* : ETW_TM_IPV6_POINTER, GUID : ETW_TM_GUID_VALUE,            \
             etw_guid : ETW_TM_GUID_VALUE, etw_hex_dump_value : ETW_TM_HEX_DUMP,                \
             default : __builtin_classify_type(etw_v##i) == 5 ? ETW_TM_POINTER : ETW_TM_NO_TYPE)
#endif

#define ETW_TM_TYPE_ENUM(i, value) etw_t##i = ETW_TM_TYPE_OF(i),
#define ETW_TM_TYPES0(i, value) +(etw_n - i < 6 ? etw_t##i << 5 * ((etw_n - i) % 6) : 0)
#define ETW_TM_TYPES1(i, value) \
    +(etw_n - i >= 6 && etw_n - i < 12 ? etw_t##i << 5 * ((etw_n - i) % 6) : 0)
#define ETW_TM_TYPES2(i, value) +(etw_n - i >= 12 ? etw_t##i << 5 * ((etw_n - i) % 6) : 0)
/* Bytes in a record of fixed size. */
#define ETW_TM_SIZE(type)               \
    ((int)(type) <= ETW_TM_UINT8    ? 1 \
     : (int)(type) <= ETW_TM_UINT16 ? 2 \
     : (int)(type) <= ETW_TM_UINT32 ? 4 \
                                    : 8)
#define ETW_TM_SIZES(i, value) +ETW_TM_SIZE(etw_t##i)

/* A value of up to 8 bytes; floating point as a double. */
__attribute__((always_inline)) static inline uint64_t etw_tm_bits(int type, const void* value,
                                                                  size_t size) {
    uint64_t bits = 0;
    if (type == ETW_TM_DOUBLE && size != sizeof(double)) {
        double number;
        if (size == sizeof(float)) {
            float narrow;
            memcpy(&narrow, value, sizeof(narrow));
            number = (double)narrow;
        } else {
            long double wide;
            memcpy(&wide, value, sizeof(wide) < size ? sizeof(wide) : size);
            number = (double)wide;
        }
        memcpy(&bits, &number, sizeof(bits));
        return bits;
    }
    memcpy(&bits, value, size < sizeof(bits) ? size : sizeof(bits));
    return bits;
}
/* Put together in words: the record is copied by words, and a load that is wider than the stores
 * before it would wait for them. */
__attribute__((always_inline)) static inline void etw_tm_put(uint64_t* words, uint32_t* at,
                                                             uint64_t bits, uint32_t size) {
    const uint32_t word = *at / 8, shift = *at % 8 * 8;
    words[word] |= bits << shift;
    if (shift + size * 8 > 64) words[word + 1] |= bits >> (64 - shift);
    *at += size;
}
#define ETW_TM_PUT(i, value)                          \
    etw_tm_put(etw_words + ETW_MESSAGE_HEAD, &etw_at, \
               etw_tm_bits(etw_t##i, &etw_v##i, sizeof(etw_v##i)), ETW_TM_SIZE(etw_t##i));

static inline etw_message_part etw_tm_part(int kind, int type, const void* value, size_t size) {
    etw_message_part part = {0, 0, ETW_PART_VALUE};
    part.value = etw_tm_bits(type, value, size);
    part.size = ETW_TM_SIZE(type);
    switch (kind >> 20) {
        case ETW_TM_AS_TEXT:
            part.form = type == ETW_TM_TEXT          ? ETW_PART_TEXT
                        : type == ETW_TM_TEXT16      ? ETW_PART_TEXT16
                        : type == ETW_TM_TEXT32      ? ETW_PART_TEXT32
                        : type == ETW_TM_ANSI_STRING ? ETW_PART_ANSI_STRING
                                                     : ETW_PART_UNICODE_STRING;
            break;
        case ETW_TM_AS_BYTES16:
            part.form = ETW_PART_BYTES;
            part.size = 16;
            if (type == ETW_TM_GUID_VALUE) part.value = (uint64_t)(uintptr_t)value;
            break;
        case ETW_TM_AS_BYTES6:
            part.form = ETW_PART_BYTES;
            part.size = 6;
            break;
        case ETW_TM_AS_SID:
            part.form = ETW_PART_SID;
            break;
        case ETW_TM_AS_DUMP: {
            etw_hex_dump_value dump = {0, 0};
            memcpy(&dump, value, sizeof(dump) < size ? sizeof(dump) : size);
            part.form = ETW_PART_COUNTED;
            part.value = (uint64_t)(uintptr_t)dump.address;
            part.size = dump.size < 0xFFFFFFFFu ? (uint32_t)dump.size : 0xFFFFFFFFu;
            break;
        }
        default:
            break;
    }
    return part;
}
#define ETW_TM_PART(i, value) \
    etw_tm_part(etw_kinds[etw_n - i], etw_t##i, &etw_v##i, sizeof(etw_v##i)),

/* --- a message --- */

#ifdef __clang__
#define ETW_TM_PRAGMA(text) _Pragma(#text)
#define ETW_TM_QUIET                     \
    ETW_TM_PRAGMA(clang diagnostic push) \
    ETW_TM_PRAGMA(clang diagnostic ignored "-Wgnu-folding-constant")
#define ETW_TM_LOUD _Pragma("clang diagnostic pop")
#else
#define ETW_TM_QUIET
#define ETW_TM_LOUD
#endif

/* Text, values ... : the count of them all. */
#define ETW_TM_MESSAGE(bit, flag, level, level_name, raw, number, ...)                    \
    ETW_TM_MESSAGE_(ETW_TL_COUNT(__VA_ARGS__), bit, flag, level, level_name, raw, number, \
                    ETW_TL_FIRST(__VA_ARGS__), __VA_ARGS__)
#define ETW_TM_MESSAGE_(count, ...) ETW_TM_MESSAGE_2(count, __VA_ARGS__)
#define ETW_TM_MESSAGE_2(count, bit, flag, level, level_name, raw, number, format, ...)            \
    ETW_TM_QUIET                                                                                   \
    do {                                                                                           \
        if (ETW_TM_WANTED(bit, level)) {                                                           \
            ETW_TL_EACH(ETW_TM_VALUE, __VA_ARGS__)                                                 \
            enum {                                                                                 \
                etw_n = (count)-1,                                                                 \
                ETW_TL_EACH(ETW_TM_TYPE_ENUM, __VA_ARGS__) etw_types0 =                            \
                    0 ETW_TL_EACH(ETW_TM_TYPES0, __VA_ARGS__),                                     \
                etw_types1 = 0 ETW_TL_EACH(ETW_TM_TYPES1, __VA_ARGS__),                            \
                etw_types2 = 0 ETW_TL_EACH(ETW_TM_TYPES2, __VA_ARGS__),                            \
                etw_size = 0 ETW_TL_EACH(ETW_TM_SIZES, __VA_ARGS__),                               \
                etw_e0 = 0,                                                                        \
                etw_u0 = 0,                                                                        \
                etw_c0 = 0,                                                                        \
                etw_b0 = 0,                                                                        \
                etw_d0 = 0,                                                                        \
                ETW_TM_STEPS(count, format) etw_steps_end                                          \
            };                                                                                     \
            ETW_TM_ASSERT((number) + 10 <= 0xFFFF, "too many messages in this file");              \
            ETW_TM_ASSERT(etw_n <= 18, "a message has 18 values at most");                         \
            ETW_TM_ASSERT(ETW_TM_LAST(etw_c, count) + ETW_TM_LAST(etw_u, count) == etw_n,          \
                          "the format takes another number of values");                            \
            ETW_TM_ASSERT(!ETW_TM_AT(format, ETW_TM_NEXT(format, ETW_TM_LAST(etw_e, count)), "%"), \
                          "the format has too many % that take no value");                         \
            ETW_TM_CHECK(ETW_TM_LAST(etw_b, count), 1);                                            \
            ETW_TM_CHECK(ETW_TM_LAST(etw_b, count), 2);                                            \
            ETW_TM_CHECK(ETW_TM_LAST(etw_b, count), 3);                                            \
            ETW_TM_CHECK(ETW_TM_LAST(etw_b, count), 4);                                            \
            ETW_TM_ASSERT(ETW_TM_LAST(etw_b, count) < 5,                                           \
                          "a value behind the fourth does not fit its place in the format");       \
            ETW_TM_DESCRIBE_VALUES(number, __LINE__, level, bit);                                  \
            ETW_TM_DESCRIBE_TEXT(number, __LINE__, flag, level_name, format, raw);                 \
            ETW_TM_BEGIN(__VA_ARGS__)                                                              \
            if (ETW_TM_LAST(etw_d, count) == 0) {                                                  \
                uint64_t etw_words[ETW_MESSAGE_HEAD + (etw_size + 7) / 8 + 1] = {0};               \
                uint32_t etw_at = 0;                                                               \
                ETW_TL_EACH(ETW_TM_PUT, __VA_ARGS__)                                               \
                etw_write_message(etw_tm_control(bit), &etw_tm_file,                               \
                                  ETW_TM_WHAT(number, level, bit), etw_words, etw_at);             \
            } else {                                                                               \
                int etw_kinds[19];                                                                 \
                ETW_TM_KINDS(count)                                                                \
                const etw_message_part etw_parts[] = {                                             \
                    ETW_TL_EACH(ETW_TM_PART, __VA_ARGS__){0, 0, ETW_PART_VALUE}};                  \
                etw_write_message_parts(etw_tm_control(bit), &etw_tm_file,                         \
                                        ETW_TM_WHAT(number, level, bit), etw_parts, etw_n);        \
            }                                                                                      \
            ETW_TM_END(__VA_ARGS__)                                                                \
        }                                                                                          \
    } while (0) ETW_TM_LOUD
#define ETW_TM_CHECK(misfit, n) \
    ETW_TM_ASSERT((misfit) != n, "value " #n " does not fit its place in the format")
#define ETW_TM_WHAT(number, level, bit) \
    ((uint32_t)(number) + 10 + ((uint32_t)(level) << 16) + ((uint32_t)((bit)-1) % 32 << 24))
