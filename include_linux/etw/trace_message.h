/* Trace messages (WPP software tracing), in C11 and C++17, without a preprocessor run:
 *
 *     #define WPP_CONTROL_GUIDS                                                           \
 *         WPP_DEFINE_CONTROL_GUID(MyDriver, (d58c126f,b309,11d1,969e,0000f875a5bc),       \
 *                                 WPP_DEFINE_BIT(FLAG_ONE) WPP_DEFINE_BIT(FLAG_TWO))
 *     #include <etw/trace_message.h>       // in the place of the source's .tmh
 *
 *     WPP_INIT_TRACING("MyDriver");
 *     DoTraceMessage(FLAG_ONE, "IOCTL = %d", code);
 *     DoTraceLevelMessage(TRACE_LEVEL_ERROR, FLAG_TWO, "%!FUNC! failed: %!ERRNO!", errno);
 *     WPP_CLEANUP();
 *
 * What is written is a message number and the values. The text, the types, function, file and line
 * go into the section .etw.messages of the binary, which is never loaded; tracepdb and tracefmt
 * find it there or in a separate debug file. A message that no session wants costs one load and one
 * branch. What fits what, and how WPP code is brought over: docs/trace-messages.md. */
#pragma once
#ifndef WPP_CONTROL_GUIDS
#error "Define WPP_CONTROL_GUIDS before including etw/trace_message.h."
#endif
#pragma GCC system_header
#include "evntrace.h"
#include "trace_message_check.h"
#include "trace_message_write.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The file that a source's messages are known by: their message GUID is the name-based UUID
 * (version 5) of this text in the name space of the first control GUID. */
#ifndef ETW_MESSAGE_FILE
#define ETW_MESSAGE_FILE __BASE_FILE__
#endif

/* --- WPP_CONTROL_GUIDS, read several times --- */

/* WPP_BIT_<flag>: the control's index << 16 | 1, 2, 3 ... */
#define WPP_DEFINE_CONTROL_GUID(name, guid, bits) WPP_CTRL_##name,
enum { WPP_CONTROL_GUIDS WPP_CTRL_COUNT };
#undef WPP_DEFINE_CONTROL_GUID
#define WPP_DEFINE_CONTROL_GUID(name, guid, bits) \
    WPP_BLOCK_START_##name = WPP_CTRL_##name << 16, bits WPP_BLOCK_END_##name,
#define WPP_DEFINE_BIT(flag) WPP_BIT_##flag,
enum { WPP_CONTROL_GUIDS WPP_BIT_COUNT };
#undef WPP_DEFINE_CONTROL_GUID
#define WPP_DEFINE_CONTROL_GUID(name, guid, bits)                          \
    ETW_TM_ASSERT(WPP_BLOCK_END_##name - WPP_BLOCK_START_##name - 1 <= 32, \
                  "a control GUID has 32 flags at most");
WPP_CONTROL_GUIDS

/* One object for each control GUID and module, whatever number of sources define it. */
#undef WPP_DEFINE_CONTROL_GUID
#define WPP_DEFINE_CONTROL_GUID(name, guid, bits) \
    __attribute__((weak, visibility("hidden")))   \
    etw_message_control ETW_TM_SYMBOL(name, guid) = {{0}, 0, ETW_TM_GUID(guid)};
WPP_CONTROL_GUIDS

#undef WPP_DEFINE_CONTROL_GUID
#define WPP_DEFINE_CONTROL_GUID(name, guid, bits) ETW_TM_GUID(guid),
static const etw_guid etw_tm_controls[] = {WPP_CONTROL_GUIDS};
__attribute__((unused)) static etw_message_file etw_tm_file = {
    ETW_MESSAGE_FILE, etw_tm_controls, {0, 0, 0, {0}}, 0};

#undef WPP_DEFINE_CONTROL_GUID
#define WPP_DEFINE_CONTROL_GUID(name, guid, bits) \
    bit >> 16 == WPP_CTRL_##name ? &ETW_TM_SYMBOL(name, guid):
__attribute__((always_inline)) static inline etw_message_control* etw_tm_control(int bit) {
    return WPP_CONTROL_GUIDS(etw_message_control*) 0;
}

#undef WPP_DEFINE_CONTROL_GUID
#define WPP_DEFINE_CONTROL_GUID(name, guid, bits) etw_register_messages(&ETW_TM_SYMBOL(name, guid));
__attribute__((unused)) static void etw_tm_init(void) { WPP_CONTROL_GUIDS }

/* Also for a module that is unloaded with its controls registered. */
#undef WPP_DEFINE_CONTROL_GUID
#define WPP_DEFINE_CONTROL_GUID(name, guid, bits) \
    etw_unregister_messages(&ETW_TM_SYMBOL(name, guid));
__attribute__((destructor)) static void etw_tm_cleanup(void) { WPP_CONTROL_GUIDS }

#ifdef __cplusplus
}
#endif

#undef WPP_DEFINE_BIT
#undef WPP_DEFINE_CONTROL_GUID
#define WPP_DEFINE_BIT(flag) ".asciz \"" #flag "\"\n"
#define WPP_DEFINE_CONTROL_GUID(name, guid, bits) \
    __asm__(ETW_TM_ENTRY("1") ".asciz \"" #name   \
                              "\", \"" ETW_TM_GUID_TEXT(guid) "\"\n" bits ETW_TM_ENTRY_END);
WPP_CONTROL_GUIDS

/* Left like this for the messages, each of which names the controls that number their flags. */
#undef WPP_DEFINE_BIT
#undef WPP_DEFINE_CONTROL_GUID
#define WPP_DEFINE_BIT(flag)
#define WPP_DEFINE_CONTROL_GUID(name, guid, bits) \
    ".ascii \"" #name " " ETW_TM_GUID_TEXT(guid) ";\"\n"

/* --- for applications --- */

/* Registers the control GUIDS, so that sessions can enable them. Arguments (an application's name;
 * the driver object and registry path) are accepted and not looked at. */
#define WPP_INIT_TRACING(...) etw_tm_init()
#define WPP_CLEANUP(...) etw_tm_cleanup()

#define WPP_LEVEL_ENABLED(flag) ETW_TM_WANTED(WPP_BIT_##flag, 0)
#define WPP_FLAG_ENABLED(flag) ETW_TM_WANTED(WPP_BIT_##flag, 0)
#define WPP_LEVEL_FLAGS_ENABLED(level, flag) ETW_TM_WANTED(WPP_BIT_##flag, level)
#define WPP_FLAG_LEVEL_ENABLED(flag, level) ETW_TM_WANTED(WPP_BIT_##flag, level)

/* DoTraceMessage(FLAG, "format", values...) */
#define DoTraceMessage(flag, ...) \
    ETW_TM_MESSAGE(WPP_BIT_##flag, #flag, 0, "", #__VA_ARGS__, __COUNTER__, __VA_ARGS__)
/* DoTraceLevelMessage(LEVEL, FLAG, "format", values...); the level is a constant. */
#define DoTraceLevelMessage(level, flag, ...) \
    ETW_TM_MESSAGE(WPP_BIT_##flag, #flag, level, #level, #__VA_ARGS__, __COUNTER__, __VA_ARGS__)

/* Bytes for %!HEXDUMP!. */
#define log_xstr(address, size) etw_hex_dump((address), (size))

/* At file scope, in the place of CUSTOM_TYPE in a WPP configuration: %!state! stands for a name of
 * the list, chosen by an integer of 1, 2 or 4 bytes.
 *     WPP_CUSTOM_TYPE(state, ItemListLong(Idle, Running, Stopped))
 *     WPP_CUSTOM_TYPE(rights, ItemSetLong(Read, Write)) */
#define WPP_CUSTOM_TYPE(name, ...) \
    __asm__(ETW_TM_ENTRY("2") ".asciz \"" #name "\", " ETW_TM_S(#__VA_ARGS__) "\n" ETW_TM_ENTRY_END)
