/* Sources that compile on both systems include <windows.h> first, since Windows' evntprov.h needs
 * it. Here it has the base types and nothing else. */
#pragma once
#include "win_types.h"
