/* Sources that compile on both systems include <windows.h> first, since Windows' evntprov.h needs
 * it. Here it has the base types and the annotations of parameters, and nothing else. */
#pragma once
#pragma GCC system_header
#include "sal.h"
#include "win_types.h"
