/* Part of TraceLoggingProvider.h: an event's constant half (descriptor and schema) and the code
 * that hands its values to the library. */
#pragma once
#pragma GCC system_header
#include "tracelogging_field.h"

/* An event's name is a literal, in C++ any constant text: __FUNCTION__, which is a literal where
 * Windows' compilers are at home. */
#ifdef __cplusplus
extern "C++" {
namespace etw_tl {
template <size_t size>
struct __attribute__((packed)) Text {
    char text[size];
};
template <size_t size>
constexpr Text<size> text(const char (&from)[size]) {
    Text<size> to{};
    for (size_t i = 0; i < size; ++i) to.text[i] = from[i];
    return to;
}
}  // namespace etw_tl
}
#define ETW_TL_NAME_MEMBER etw_tl::Text<etw_tl_name_size> name;
#define ETW_TL_NAME_INIT(text_) etw_tl::text(text_)
#else
#define ETW_TL_NAME_MEMBER char name[etw_tl_name_size];
#define ETW_TL_NAME_INIT(text_) text_
#endif

#define ETW_TL_WRITE(provider, activity, related, ...)                                            \
    do {                                                                                          \
        enum {                                                                                    \
            etw_tl_given_level = 0 ETW_TL_EACH(ETW_TL_LEVEL, __VA_ARGS__),                        \
            etw_tl_level = etw_tl_given_level ? etw_tl_given_level - 1 : 5,                       \
            etw_tl_name_size = sizeof(ETW_TL_FIRST(__VA_ARGS__))                                  \
        };                                                                                        \
        static const struct {                                                                     \
            etw_event head;                                                                       \
            struct __attribute__((packed)) {                                                      \
                uint16_t item_size, type, linkage, data_size, size;                               \
                uint8_t tag[1 ETW_TL_EACH(ETW_TL_TAG_ROOM, __VA_ARGS__)];                         \
                ETW_TL_NAME_MEMBER                                                                \
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
             ETW_TL_NAME_INIT(ETW_TL_FIRST(__VA_ARGS__)),                                         \
             ETW_TL_EACH(ETW_TL_INIT, __VA_ARGS__)}};                                             \
        const TraceLoggingHProvider etw_tl_provider = (provider);                                 \
        if (__builtin_expect(etw_is_wanted(&etw_tl_provider->enabled, etw_tl_level,               \
                                           etw_tl_event.head.descriptor.keyword),                 \
                             0)) {                                                                \
            ETW_TL_EACH(ETW_TL_VAR, __VA_ARGS__)                                                  \
            etw_data etw_tl_data[] = {                                                            \
                {0, 0, 0}, {0, 0, 0}, ETW_TL_EACH(ETW_TL_DATA, __VA_ARGS__)};                     \
            etw_tl_send(etw_tl_provider, &etw_tl_event.head, activity, related,                   \
                        sizeof(etw_tl_data) / sizeof(etw_tl_data[0]) - 2, etw_tl_data);           \
        }                                                                                         \
    } while (0)

/* --- loops over the arguments: each is (KIND, ...), a field (FIELD, name, (type bytes), HOW, ...)
 * or (AUTO, name, value). Of several levels, opcodes, channels and ids the last counts: "& 0" takes
 * away the one before, which binds tighter than "|" --- */

#define ETW_TL_DISPATCH(op, i, arg) ETW_TL_DISPATCH_(op, i, ETW_TL_UNWRAP arg)
#define ETW_TL_DISPATCH_(op, i, ...) ETW_TL_DISPATCH__(op, i, __VA_ARGS__)
#define ETW_TL_DISPATCH__(op, i, kind, ...) op##_##kind(i, __VA_ARGS__)
#define ETW_TL_LEVEL(i, arg) ETW_TL_DISPATCH(ETW_TL_LEVEL, i, arg)
#define ETW_TL_LEVEL_LEVEL(i, ...) &0 | (1 + (__VA_ARGS__))
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
#define ETW_TL_OPCODE_OPCODE(i, ...) &0 | (__VA_ARGS__)
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
#define ETW_TL_CHANNEL_CHANNEL(i, ...) &0 | (__VA_ARGS__)
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
#define ETW_TL_ID_ID(i, ...) &0 | (__VA_ARGS__)
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
