// Names between UTF-8, which is ours, and UTF-16, which is the system's.
#pragma once
#include "base/utf16.h"

namespace etw::backend_windows {

static_assert(sizeof(wchar_t) == sizeof(char16_t));

inline std::wstring to_wide(std::string_view utf8) {
    const std::u16string text = to_utf16(utf8);
    return {text.begin(), text.end()};
}

inline std::string from_wide(std::wstring_view wide) {
    return to_utf8(std::u16string(wide.begin(), wide.end()));
}

}  // namespace etw::backend_windows
