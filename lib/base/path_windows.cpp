// By way of our own conversions, which take what no valid text has, too: file systems do not check.
#include "base/path.h"
#include "base/utf16.h"

namespace etw {

std::filesystem::path to_path(std::string_view text) {
    const std::u16string units = to_utf16(text);
    return std::wstring(units.begin(), units.end());
}

std::string to_text(const std::filesystem::path& path) {
    const std::wstring& units = path.native();
    return to_utf8(std::u16string(units.begin(), units.end()));
}

}  // namespace etw
