// Conversions of printf, as the texts of messages and prefixes have them: "04X", "-20s", "I64d".
// Each is applied to a value whose type is known: it can ask for a form, never for other bytes.
#pragma once
#include "etw/event.h"
#include "render/out_buffer.h"
#include "render/values.h"

#include <optional>
#include <string_view>

namespace etw::render {

struct Conversion {
    static constexpr int kMaxWidth = 512;  // wider and more precise ones are cut to it

    bool left = false;       // -
    bool zero = false;       // 0
    bool plus = false;       // +
    bool blank = false;      // a blank in the place of +
    bool alternate = false;  // #
    int width = 0;
    int precision = -1;  // none
    uint8_t size = 0;    // h, hh: bytes of the integer that count; 0: its own
    char type = 's';
};

// `text` is what follows the %; nothing where that is no conversion.
std::optional<Conversion> parse_conversion(std::string_view text);

// `size` bytes of an integer, by d i u x X o c or p; false where the conversion is none of these.
bool append_integer(OutBuffer& out, const Conversion& how, uint64_t bits, size_t size);
// The text from `begin` to the end of `out`, by the width and precision of s.
void fit_text(OutBuffer& out, size_t begin, const Conversion& how);

// Where type and conversion do not fit: the value as it reads.
void append_converted(OutBuffer& out, const decode::Field& field, Bytes bytes,
                      const Conversion& how, ValueRules rules);

}  // namespace etw::render
