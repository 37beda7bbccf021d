#include "tmf/text_encoding.h"

#include "base/utf16.h"
#include "base/windows_1252.h"

#include <algorithm>
#include <vector>

namespace etw::tmf {
namespace {

bool starts_with(Bytes file, std::initializer_list<uint8_t> mark) {
    return file.size() >= mark.size() &&
           std::equal(mark.begin(), mark.end(), file.begin(),
                      [](uint8_t a, std::byte b) { return std::byte{a} == b; });
}

}  // namespace

std::string text_of_file(Bytes file) {
    if (starts_with(file, {0xFF, 0xFE})) return to_utf8(file.subspan(2));
    if (starts_with(file, {0xFE, 0xFF})) {
        std::vector<std::byte> swapped(file.begin() + 2, file.end());
        for (size_t i = 0; i + 1 < swapped.size(); i += 2) std::swap(swapped[i], swapped[i + 1]);
        return to_utf8(Bytes(swapped));
    }
    if (starts_with(file, {0xEF, 0xBB, 0xBF})) file = file.subspan(3);
    const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
    return utf8_or_windows_1252(text);
}

}  // namespace etw::tmf
