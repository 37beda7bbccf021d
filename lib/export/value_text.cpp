#include "export/value_text.h"

#include "base/utf16.h"
#include "render/values.h"

namespace etw::exports {

std::string valid_utf8(std::string_view text) { return to_utf8(to_utf16(text)); }

std::string value_text(const decode::Field& field, Bytes bytes) {
    if (field.format == decode::Format::kUtf16) return to_utf8(bytes);
    if (field.format == decode::Format::kUtf8) {
        return valid_utf8({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
    render::OutBuffer out;
    render::append_value(out, field.format, bytes, render::Style::kText);
    return std::string(out.view());
}

}  // namespace etw::exports
