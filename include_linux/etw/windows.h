/* Sources that compile on both systems include <windows.h> first, since Windows' evntprov.h needs
 * it. Here it has the base types and the annotations of parameters, and one keyword of Microsoft's
 * compilers, with which macros that write events turn their warnings off. */
#pragma once
#pragma GCC system_header
#include "sal.h"
#include "win_types.h"

#if !defined(__pragma) && !defined(_MSC_EXTENSIONS)
#define __pragma(words)
#endif
