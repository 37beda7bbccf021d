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
        ETW_TL_EACH(ETW_TL_FORM, __VA_ARGS__)                                                     \
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
        const uint64_t etw_tl_state = etw_state_of(&etw_tl_provider->enabled);                    \
        if (__builtin_expect(etw_is_wanted(&etw_tl_provider->enabled, etw_tl_state, etw_tl_level, \
                                           etw_tl_event.head.descriptor.keyword),                 \
                             0)) {                                                                \
            ETW_TL_FILL(etw_tl_provider, etw_tl_state, activity, related, __VA_ARGS__)            \
        }                                                                                         \
    } while (0)

/* In C++ what the application has written are the arguments of a call: what a value is made of
 * lives as long as the event needs it, as in TraceLoggingString(name().c_str()). */
#ifdef __cplusplus
#define ETW_TL_FILL(provider, state, activity, related, ...)                                       \
    [](const TraceLoggingHProvider etw_tl_to, const uint64_t etw_tl_by, const etw_guid* etw_tl_of, \
       const etw_guid* etw_tl_after ETW_TL_EACH(ETW_TL_PARAM, __VA_ARGS__))                        \
        __attribute__((always_inline)){                                                            \
            ETW_TL_SEND(etw_tl_to, etw_tl_by, etw_tl_of, etw_tl_after, __VA_ARGS__)}(              \
            provider, state, activity, related ETW_TL_EACH(ETW_TL_ARG, __VA_ARGS__));
#define ETW_TL_ASSERT static_assert
#else
#define ETW_TL_FILL(provider, state, activity, related, ...) \
    ETW_TL_EACH(ETW_TL_LOCAL, __VA_ARGS__)                   \
    ETW_TL_SEND(provider, state, activity, related, __VA_ARGS__)
#define ETW_TL_ASSERT _Static_assert
#endif
/* An event without values has an array of nothing, which is an extension of the language. */
#ifdef __clang__
#define ETW_TL_EMPTY_ARRAYS          \
    _Pragma("clang diagnostic push") \
        _Pragma("clang diagnostic ignored \"-Wzero-length-array\"") __extension__
#define ETW_TL_NO_EMPTY_ARRAYS _Pragma("clang diagnostic pop")
#else
#define ETW_TL_EMPTY_ARRAYS __extension__
#define ETW_TL_NO_EMPTY_ARRAYS
#endif
#define ETW_TL_SEND(provider, state, activity, related, ...)                             \
    ETW_TL_EACH(ETW_TL_VAR, __VA_ARGS__)                                                 \
    ETW_TL_EMPTY_ARRAYS etw_data etw_tl_data[] = {                                       \
        ETW_TL_DATA_HEAD ETW_TL_EACH(ETW_TL_DATA, __VA_ARGS__)};                         \
    ETW_TL_NO_EMPTY_ARRAYS                                                               \
    ETW_TL_ASSERT(sizeof(etw_tl_data) / sizeof(etw_data) <= ETW_TL_DATA_HEAD_SIZE + 126, \
                  "an event has 126 pieces at most; arrays and counted values are two"); \
    etw_tl_send(provider, &etw_tl_event.head, state, activity, related,                  \
                sizeof(etw_tl_data) / sizeof(etw_data) - ETW_TL_DATA_HEAD_SIZE, etw_tl_data);

/* --- loops over the arguments: each is (KIND, ...), a field (FIELD, name, (type bytes), HOW, ...)
 * or (AUTO, name, value). Of several levels, opcodes, channels and ids the last counts: "& 0" takes
 * away the one before, which binds tighter than "|" --- */

#define ETW_TL_DISPATCH(op, i, arg) ETW_TL_DISPATCH_(op, i, ETW_TL_UNWRAP arg)
#define ETW_TL_DISPATCH_(op, i, ...) ETW_TL_DISPATCH__(op, i, __VA_ARGS__)
#define ETW_TL_DISPATCH__(op, i, kind, ...) op##_##kind(i, __VA_ARGS__)
#define ETW_TL_LEVEL(i, arg) ETW_TL_DISPATCH(ETW_TL_LEVEL, i, arg)
#define ETW_TL_LEVEL_etw_level(i, ...) &0 | (1 + (__VA_ARGS__))
#define ETW_TL_LEVEL_etw_keyword(i, ...)
#define ETW_TL_LEVEL_etw_opcode(i, ...)
#define ETW_TL_LEVEL_etw_tag(i, ...)
#define ETW_TL_LEVEL_etw_channel(i, ...)
#define ETW_TL_LEVEL_etw_id(i, ...)
#define ETW_TL_LEVEL_etw_note(i, ...)
#define ETW_TL_LEVEL_etw_field(i, ...)
#define ETW_TL_LEVEL_etw_bytes(i, ...)
#define ETW_TL_LEVEL_etw_auto(i, ...)
#define ETW_TL_KEYWORD(i, arg) ETW_TL_DISPATCH(ETW_TL_KEYWORD, i, arg)
#define ETW_TL_KEYWORD_etw_level(i, ...)
#define ETW_TL_KEYWORD_etw_keyword(i, ...) | (__VA_ARGS__)
#define ETW_TL_KEYWORD_etw_opcode(i, ...)
#define ETW_TL_KEYWORD_etw_tag(i, ...)
#define ETW_TL_KEYWORD_etw_channel(i, ...)
#define ETW_TL_KEYWORD_etw_id(i, ...)
#define ETW_TL_KEYWORD_etw_note(i, ...)
#define ETW_TL_KEYWORD_etw_field(i, ...)
#define ETW_TL_KEYWORD_etw_bytes(i, ...)
#define ETW_TL_KEYWORD_etw_auto(i, ...)
#define ETW_TL_OPCODE(i, arg) ETW_TL_DISPATCH(ETW_TL_OPCODE, i, arg)
#define ETW_TL_OPCODE_etw_level(i, ...)
#define ETW_TL_OPCODE_etw_keyword(i, ...)
#define ETW_TL_OPCODE_etw_opcode(i, ...) &0 | (__VA_ARGS__)
#define ETW_TL_OPCODE_etw_tag(i, ...)
#define ETW_TL_OPCODE_etw_channel(i, ...)
#define ETW_TL_OPCODE_etw_id(i, ...)
#define ETW_TL_OPCODE_etw_note(i, ...)
#define ETW_TL_OPCODE_etw_field(i, ...)
#define ETW_TL_OPCODE_etw_bytes(i, ...)
#define ETW_TL_OPCODE_etw_auto(i, ...)
#define ETW_TL_CHANNEL(i, arg) ETW_TL_DISPATCH(ETW_TL_CHANNEL, i, arg)
#define ETW_TL_CHANNEL_etw_level(i, ...)
#define ETW_TL_CHANNEL_etw_keyword(i, ...)
#define ETW_TL_CHANNEL_etw_opcode(i, ...)
#define ETW_TL_CHANNEL_etw_tag(i, ...)
#define ETW_TL_CHANNEL_etw_channel(i, ...) &0 | (__VA_ARGS__)
#define ETW_TL_CHANNEL_etw_id(i, ...)
#define ETW_TL_CHANNEL_etw_note(i, ...)
#define ETW_TL_CHANNEL_etw_field(i, ...)
#define ETW_TL_CHANNEL_etw_bytes(i, ...)
#define ETW_TL_CHANNEL_etw_auto(i, ...)
#define ETW_TL_ID(i, arg) ETW_TL_DISPATCH(ETW_TL_ID, i, arg)
#define ETW_TL_ID_etw_level(i, ...)
#define ETW_TL_ID_etw_keyword(i, ...)
#define ETW_TL_ID_etw_opcode(i, ...)
#define ETW_TL_ID_etw_tag(i, ...)
#define ETW_TL_ID_etw_channel(i, ...)
#define ETW_TL_ID_etw_id(i, ...) &0 | (__VA_ARGS__)
#define ETW_TL_ID_etw_note(i, ...)
#define ETW_TL_ID_etw_field(i, ...)
#define ETW_TL_ID_etw_bytes(i, ...)
#define ETW_TL_ID_etw_auto(i, ...)
#define ETW_TL_TAG(i, arg) ETW_TL_DISPATCH(ETW_TL_TAG, i, arg)
#define ETW_TL_TAG_etw_level(i, ...)
#define ETW_TL_TAG_etw_keyword(i, ...)
#define ETW_TL_TAG_etw_opcode(i, ...)
#define ETW_TL_TAG_etw_tag(i, ...) | (__VA_ARGS__)
#define ETW_TL_TAG_etw_channel(i, ...)
#define ETW_TL_TAG_etw_id(i, ...)
#define ETW_TL_TAG_etw_note(i, ...)
#define ETW_TL_TAG_etw_field(i, ...)
#define ETW_TL_TAG_etw_bytes(i, ...)
#define ETW_TL_TAG_etw_auto(i, ...)
#define ETW_TL_TAG_ROOM(i, arg) ETW_TL_DISPATCH(ETW_TL_TAG_ROOM, i, arg)
#define ETW_TL_TAG_ROOM_etw_level(i, ...)
#define ETW_TL_TAG_ROOM_etw_keyword(i, ...)
#define ETW_TL_TAG_ROOM_etw_opcode(i, ...)
#define ETW_TL_TAG_ROOM_etw_tag(i, ...) +3
#define ETW_TL_TAG_ROOM_etw_channel(i, ...)
#define ETW_TL_TAG_ROOM_etw_id(i, ...)
#define ETW_TL_TAG_ROOM_etw_note(i, ...)
#define ETW_TL_TAG_ROOM_etw_field(i, ...)
#define ETW_TL_TAG_ROOM_etw_bytes(i, ...)
#define ETW_TL_TAG_ROOM_etw_auto(i, ...)
#define ETW_TL_TAG_HEAD(i, arg) ETW_TL_DISPATCH(ETW_TL_TAG_HEAD, i, arg)
#define ETW_TL_TAG_HEAD_etw_level(i, ...)
#define ETW_TL_TAG_HEAD_etw_keyword(i, ...)
#define ETW_TL_TAG_HEAD_etw_opcode(i, ...)
#define ETW_TL_TAG_HEAD_etw_tag(i, ...) ETW_TL_SEVENS(__VA_ARGS__)
#define ETW_TL_TAG_HEAD_etw_channel(i, ...)
#define ETW_TL_TAG_HEAD_etw_id(i, ...)
#define ETW_TL_TAG_HEAD_etw_note(i, ...)
#define ETW_TL_TAG_HEAD_etw_field(i, ...)
#define ETW_TL_TAG_HEAD_etw_bytes(i, ...)
#define ETW_TL_TAG_HEAD_etw_auto(i, ...)
#define ETW_TL_MEMBER(i, arg) ETW_TL_DISPATCH(ETW_TL_MEMBER, i, arg)
#define ETW_TL_MEMBER_etw_level(i, ...)
#define ETW_TL_MEMBER_etw_keyword(i, ...)
#define ETW_TL_MEMBER_etw_opcode(i, ...)
#define ETW_TL_MEMBER_etw_tag(i, ...)
#define ETW_TL_MEMBER_etw_channel(i, ...)
#define ETW_TL_MEMBER_etw_id(i, ...)
#define ETW_TL_MEMBER_etw_note(i, ...)
#define ETW_TL_MEMBER_etw_field(i, ...) ETW_TL_MEMBER_F(i, __VA_ARGS__)
#define ETW_TL_MEMBER_etw_bytes(i, ...)
#define ETW_TL_MEMBER_etw_auto(i, ...) ETW_TL_MEMBER_A(i, __VA_ARGS__)
#define ETW_TL_INIT(i, arg) ETW_TL_DISPATCH(ETW_TL_INIT, i, arg)
#define ETW_TL_INIT_etw_level(i, ...)
#define ETW_TL_INIT_etw_keyword(i, ...)
#define ETW_TL_INIT_etw_opcode(i, ...)
#define ETW_TL_INIT_etw_tag(i, ...)
#define ETW_TL_INIT_etw_channel(i, ...)
#define ETW_TL_INIT_etw_id(i, ...)
#define ETW_TL_INIT_etw_note(i, ...)
#define ETW_TL_INIT_etw_field(i, ...) ETW_TL_INIT_F(i, __VA_ARGS__)
#define ETW_TL_INIT_etw_bytes(i, ...)
#define ETW_TL_INIT_etw_auto(i, ...) ETW_TL_INIT_A(i, __VA_ARGS__)
#define ETW_TL_FORM(i, arg) ETW_TL_DISPATCH(ETW_TL_FORM, i, arg)
#define ETW_TL_FORM_etw_level(i, ...)
#define ETW_TL_FORM_etw_keyword(i, ...)
#define ETW_TL_FORM_etw_opcode(i, ...)
#define ETW_TL_FORM_etw_tag(i, ...)
#define ETW_TL_FORM_etw_channel(i, ...)
#define ETW_TL_FORM_etw_id(i, ...)
#define ETW_TL_FORM_etw_note(i, ...)
#define ETW_TL_FORM_etw_field(i, ...) ETW_TL_FORM_F(i, __VA_ARGS__)
#define ETW_TL_FORM_etw_bytes(i, ...)
#define ETW_TL_FORM_etw_auto(i, ...) ETW_TL_FORM_A(i, __VA_ARGS__)
#ifdef __cplusplus
#define ETW_TL_AS_PARAM(type, name, from) , type name
#define ETW_TL_AS_ARG(type, name, from) , from
#define ETW_TL_PARAM(i, arg) ETW_TL_DISPATCH(ETW_TL_PARAM, i, arg)
#define ETW_TL_PARAM_etw_level(i, ...)
#define ETW_TL_PARAM_etw_keyword(i, ...)
#define ETW_TL_PARAM_etw_opcode(i, ...)
#define ETW_TL_PARAM_etw_tag(i, ...)
#define ETW_TL_PARAM_etw_channel(i, ...)
#define ETW_TL_PARAM_etw_id(i, ...)
#define ETW_TL_PARAM_etw_note(i, ...)
#define ETW_TL_PARAM_etw_field(i, ...) ETW_TL_TAKE_F(ETW_TL_AS_PARAM, i, __VA_ARGS__)
#define ETW_TL_PARAM_etw_bytes(i, ...) ETW_TL_TAKE_B(ETW_TL_AS_PARAM, i, __VA_ARGS__)
#define ETW_TL_PARAM_etw_auto(i, ...) ETW_TL_TAKE_A(ETW_TL_AS_PARAM, i, __VA_ARGS__)
#define ETW_TL_ARG(i, arg) ETW_TL_DISPATCH(ETW_TL_ARG, i, arg)
#define ETW_TL_ARG_etw_level(i, ...)
#define ETW_TL_ARG_etw_keyword(i, ...)
#define ETW_TL_ARG_etw_opcode(i, ...)
#define ETW_TL_ARG_etw_tag(i, ...)
#define ETW_TL_ARG_etw_channel(i, ...)
#define ETW_TL_ARG_etw_id(i, ...)
#define ETW_TL_ARG_etw_note(i, ...)
#define ETW_TL_ARG_etw_field(i, ...) ETW_TL_TAKE_F(ETW_TL_AS_ARG, i, __VA_ARGS__)
#define ETW_TL_ARG_etw_bytes(i, ...) ETW_TL_TAKE_B(ETW_TL_AS_ARG, i, __VA_ARGS__)
#define ETW_TL_ARG_etw_auto(i, ...) ETW_TL_TAKE_A(ETW_TL_AS_ARG, i, __VA_ARGS__)
#else
#define ETW_TL_AS_LOCAL(type, name, from) type name = from;
#define ETW_TL_LOCAL(i, arg) ETW_TL_DISPATCH(ETW_TL_LOCAL, i, arg)
#define ETW_TL_LOCAL_etw_level(i, ...)
#define ETW_TL_LOCAL_etw_keyword(i, ...)
#define ETW_TL_LOCAL_etw_opcode(i, ...)
#define ETW_TL_LOCAL_etw_tag(i, ...)
#define ETW_TL_LOCAL_etw_channel(i, ...)
#define ETW_TL_LOCAL_etw_id(i, ...)
#define ETW_TL_LOCAL_etw_note(i, ...)
#define ETW_TL_LOCAL_etw_field(i, ...) ETW_TL_TAKE_F(ETW_TL_AS_LOCAL, i, __VA_ARGS__)
#define ETW_TL_LOCAL_etw_bytes(i, ...) ETW_TL_TAKE_B(ETW_TL_AS_LOCAL, i, __VA_ARGS__)
#define ETW_TL_LOCAL_etw_auto(i, ...) ETW_TL_TAKE_A(ETW_TL_AS_LOCAL, i, __VA_ARGS__)
#endif
#define ETW_TL_VAR(i, arg) ETW_TL_DISPATCH(ETW_TL_VAR, i, arg)
#define ETW_TL_VAR_etw_level(i, ...)
#define ETW_TL_VAR_etw_keyword(i, ...)
#define ETW_TL_VAR_etw_opcode(i, ...)
#define ETW_TL_VAR_etw_tag(i, ...)
#define ETW_TL_VAR_etw_channel(i, ...)
#define ETW_TL_VAR_etw_id(i, ...)
#define ETW_TL_VAR_etw_note(i, ...)
#define ETW_TL_VAR_etw_field(i, ...) ETW_TL_VAR_F(i, __VA_ARGS__)
#define ETW_TL_VAR_etw_bytes(i, ...) ETW_TL_VAR_B(i, __VA_ARGS__)
#define ETW_TL_VAR_etw_auto(i, ...) ETW_TL_VAR_A(i, __VA_ARGS__)
#define ETW_TL_DATA(i, arg) ETW_TL_DISPATCH(ETW_TL_DATA, i, arg)
#define ETW_TL_DATA_etw_level(i, ...)
#define ETW_TL_DATA_etw_keyword(i, ...)
#define ETW_TL_DATA_etw_opcode(i, ...)
#define ETW_TL_DATA_etw_tag(i, ...)
#define ETW_TL_DATA_etw_channel(i, ...)
#define ETW_TL_DATA_etw_id(i, ...)
#define ETW_TL_DATA_etw_note(i, ...)
#define ETW_TL_DATA_etw_field(i, ...) ETW_TL_DATA_F(i, __VA_ARGS__)
#define ETW_TL_DATA_etw_bytes(i, ...) ETW_TL_DATA_B(i, __VA_ARGS__)
#define ETW_TL_DATA_etw_auto(i, ...) ETW_TL_DATA_A(i, __VA_ARGS__)
