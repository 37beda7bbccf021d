// The one place that needs more of libc than every libc has; see provider.h, which stands in for
// it.
#include "etw/provider.h"

#include <execinfo.h>

int etw_take_frames(void** frames, int capacity) { return ::backtrace(frames, capacity); }
