// Text of the application in the form that events have it.
#include "etw/provider.h"

extern "C" uint32_t etw_utf16_from_wide(const wchar_t* text, uint32_t length, uint16_t* out,
                                        uint32_t capacity) {
    if (capacity == 0) return 0;
    uint32_t used = 0;
    for (uint32_t i = 0; text != nullptr && i < length; ++i) {
        auto code = uint32_t(text[i]);
        if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) code = 0xFFFD;
        const uint32_t units = code > 0xFFFF ? 2 : 1;
        if (units >= capacity - used) break;
        if (units == 2) {
            out[used] = uint16_t(0xD800 + ((code - 0x10000) >> 10));
            out[used + 1] = uint16_t(0xDC00 + ((code - 0x10000) & 0x3FF));
        } else {
            out[used] = uint16_t(code);
        }
        used += units;
    }
    out[used] = 0;
    return used;
}
