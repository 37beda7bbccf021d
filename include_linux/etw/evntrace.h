/* Levels by the names of the Windows SDK's header of this name. Sessions are controlled through
 * session.h. */
#pragma once
#pragma GCC system_header

/* Names, not macros, so that they are found by name in the descriptions of trace messages. */
#ifndef TRACE_LEVEL_NONE
enum {
    TRACE_LEVEL_NONE,
    TRACE_LEVEL_CRITICAL,
    TRACE_LEVEL_FATAL = TRACE_LEVEL_CRITICAL,
    TRACE_LEVEL_ERROR,
    TRACE_LEVEL_WARNING,
    TRACE_LEVEL_INFORMATION,
    TRACE_LEVEL_VERBOSE,
    TRACE_LEVEL_RESERVED6,
    TRACE_LEVEL_RESERVED7,
    TRACE_LEVEL_RESERVED8,
    TRACE_LEVEL_RESERVED9
};
#endif
