#include "render/address_names.h"
#include "render/quoted.h"
#include "render/values.h"

namespace etw::render {
namespace {

void append_name(OutBuffer& out, std::string_view name, Style style) {
    out.append(style == Style::kJson ? ",\"" : " ");
    out.append(name);
    out.append(style == Style::kJson ? "\":" : "=");
}

// Names of C++ have blanks, which part them here.
void append_name_of_code(OutBuffer& out, const std::string& name, Style style) {
    const bool quoted = style == Style::kJson || name.find(' ') != name.npos;
    if (quoted) return append_quoted(out, name);
    append_bare(out, name);
}

void append_each(OutBuffer& out, decode::Format format, Bytes values, size_t size, Style style) {
    out.append('[');
    for (size_t at = 0; at < values.size(); at += size) {
        if (at != 0) out.append(style == Style::kJson ? ',' : ' ');
        append_value(out, format, values.subspan(at, size), style);
    }
    out.append(']');
}

void append_frames(OutBuffer& out, const etl::Record& record, const decode::Added& added,
                   const AddressNames& names, Style style) {
    out.append('[');
    for (size_t at = 0; at < added.stack.size(); at += added.address_size) {
        if (at != 0) out.append(style == Style::kJson ? ',' : ' ');
        append_name_of_code(out, frame_name(names, record, added, at), style);
    }
    out.append(']');
}

}  // namespace

void append_added(OutBuffer& out, const etl::Record& record, const decode::Event& event,
                  const AddressNames* names, Style style) {
    // Of most events there is nothing: only those of the kernel tell of code.
    if (event.added.empty() && record.hook_id == 0) return;
    decode::Added added = event.added;
    if (names != nullptr && names->name_stack_records() && added.stack.empty())
        stack_of_record(record, added);
    if (names != nullptr) {
        const std::string code = code_name_of(*names, record, event);
        if (!code.empty()) {
            append_name(out, "symbol", style);
            append_name_of_code(out, code, style);
        }
    }
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
    if (!added.counters.empty()) {
        append_name(out, "pmc", style);
        append_each(out, decode::Format::kUnsigned, added.counters, sizeof(uint64_t), style);
    }
    if (added.stack.empty()) return;
    // For programs the addresses too.
    const bool numbers = names == nullptr || style == Style::kJson;
    append_name(out, "stack", style);
    if (numbers) append_each(out, decode::Format::kHex, added.stack, added.address_size, style);
    if (names == nullptr) return;
    if (numbers) append_name(out, "symbols", style);
    append_frames(out, record, added, *names, style);
}

}  // namespace etw::render
