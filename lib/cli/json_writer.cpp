#include "cli/json_writer.h"

#include "base/utf16.h"

#include <fmt/format.h>

#include <iterator>

namespace etw::cli {

JsonWriter& JsonWriter::open(char bracket) {
    before_value();
    out_ += bracket;
    first_ = true;
    return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
    out_ += bracket;
    first_ = false;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    before_value();
    append_string(name);
    out_ += ':';
    after_key_ = true;
    return *this;
}

JsonWriter& JsonWriter::text(std::string_view value) {
    before_value();
    append_string(value);
    return *this;
}

JsonWriter& JsonWriter::number(uint64_t value) {
    before_value();
    out_ += std::to_string(value);
    return *this;
}

JsonWriter& JsonWriter::signed_number(int64_t value) {
    before_value();
    out_ += std::to_string(value);
    return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
    before_value();
    out_ += value ? "true" : "false";
    return *this;
}

JsonWriter& JsonWriter::hex(uint64_t value) { return text(fmt::format("{:#x}", value)); }

void JsonWriter::before_value() {
    if (!first_ && !after_key_) out_ += ',';
    first_ = after_key_ = false;
}

void JsonWriter::append_string(std::string_view value) {
    out_ += '"';
    for (const char c : to_utf8(to_utf16(value))) {  // there and back makes it UTF-8
        if (c == '"' || c == '\\') {
            out_ += '\\';
            out_ += c;
        } else if (uint8_t(c) < ' ' || c == 0x7F) {
            fmt::format_to(std::back_inserter(out_), "\\u{:04x}", uint32_t(uint8_t(c)));
        } else {
            out_ += c;
        }
    }
    out_ += '"';
}

}  // namespace etw::cli
