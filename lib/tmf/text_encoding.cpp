#include "tmf/text_encoding.h"

#include "base/utf16.h"

#include <algorithm>
#include <array>
#include <vector>

namespace etw::tmf {
namespace {

// What Windows-1252 has at 0x80 to 0x9F, where Latin-1 has control characters.
constexpr std::array<char16_t, 32> kWindows1252 = {
    0x20AC, 0xFFFD, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0xFFFD, 0x017D, 0xFFFD, 0xFFFD, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0xFFFD, 0x017E, 0x0178};

bool starts_with(Bytes file, std::initializer_list<uint8_t> mark) {
    return file.size() >= mark.size() &&
           std::equal(mark.begin(), mark.end(), file.begin(),
                      [](uint8_t a, std::byte b) { return std::byte{a} == b; });
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        size_t used = 0;
        const char32_t c = decode_utf8(text, used);
        // A replacement character that the text spells out has three bytes.
        if (c == kReplacementCharacter && used == 1) return false;
        text.remove_prefix(used);
    }
    return true;
}

std::string from_windows_1252(std::string_view text) {
    std::u16string out;
    out.reserve(text.size());
    for (const char c : text) {
        const auto byte = uint8_t(c);
        out += byte >= 0x80 && byte < 0xA0 ? kWindows1252[byte - 0x80u] : char16_t{byte};
    }
    return to_utf8(out);
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
    return is_utf8(text) ? std::string(text) : from_windows_1252(text);
}

}  // namespace etw::tmf
