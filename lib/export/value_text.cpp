#include "export/value_text.h"

#include "render/message.h"
#include "render/quoted.h"
#include "render/values.h"

namespace etw::exports {

std::string value_text(const decode::Field& field, Bytes bytes) {
    render::OutBuffer out;
    render::append_field_value(out, field, bytes, render::Style::kBare);
    return std::string(out.view());
}

std::string message_text(const etl::Record& record, const decode::Event& event) {
    render::OutBuffer out;
    render::append_message(out, record, event, render::Style::kBare);
    return std::string(out.view());
}

std::string valid_utf8(std::string_view text) {
    render::OutBuffer out;
    render::append_bare(out, text);
    return std::string(out.view());
}

}  // namespace etw::exports
