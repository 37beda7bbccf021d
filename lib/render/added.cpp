#include "render/values.h"

namespace etw::render {
namespace {

void append_name(OutBuffer& out, std::string_view name, Style style) {
    out.append(style == Style::kJson ? ",\"" : " ");
    out.append(name);
    out.append(style == Style::kJson ? "\":" : "=");
}

}  // namespace

void append_added(OutBuffer& out, const decode::Added& added, Style style) {
    if (added.empty()) return;
    const auto append = [&](std::string_view name, decode::Format format, Bytes bytes) {
        if (bytes.empty()) return;
        append_name(out, name, style);
        append_value(out, format, bytes, style);
    };
    append("user", decode::Format::kSid, added.user);
    append("login_session", decode::Format::kUnsigned, added.login_session);
    append("process_key", decode::Format::kHex, added.process_key);
    append("event_key", decode::Format::kHex, added.event_key);
    if (added.stack.empty()) return;
    append_name(out, "stack", style);
    out.append('[');
    for (size_t at = 0; at < added.stack.size(); at += added.address_size) {
        if (at != 0) out.append(style == Style::kJson ? ',' : ' ');
        append_value(out, decode::Format::kHex, added.stack.subspan(at, added.address_size), style);
    }
    out.append(']');
}

}  // namespace etw::render
