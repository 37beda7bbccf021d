#include "render/text_renderer.h"

#include "render/digits.h"
#include "render/values.h"

namespace etw::render {
namespace {

// Leaves out what the prefix or the line already says.
void append_unknown(const etl::Record& record, const decode::Event& event, OutBuffer& out) {
    const wire::EventDescriptor& d = record.descriptor;
    out.append("Unknown(");
    char number[kMaxDecimal];
    const auto length = size_t(put_decimal(number, d.id) - number);
    for (size_t i = length; i < 3; ++i) out.append(' ');
    out.append({number, length});
    out.append("): GUID=");
    append_guid(out, record.provider);
    out.append(" (No Format Information found).");
    if (record.type == wire::HeaderType::kMessage) {
        out.append(' ');
        return out.append(event.reason);
    }
    out.append(" version=");
    append_number(out, d.version);
    out.append(" opcode=");
    append_number(out, d.opcode);
}

}  // namespace

TextRenderer::TextRenderer(const RenderOptions& options)
    : prefix_(options.prefix),
      clock_(ClockText::Style::kPrefix,
             options.utc ? ClockText::Zone::kUtc : ClockText::Zone::kLocal,
             options.high_resolution ? 7 : 3) {}

void TextRenderer::render(const etl::Record& record, const decode::Event& event, int64_t time,
                          OutBuffer& out) {
    if (prefix_) append_prefix(record, event, time, out);
    if (event.name.empty()) {
        append_unknown(record, event, out);
    } else {
        out.append(event.name);
        if (!event.opcode.empty()) {
            out.append('/');
            out.append(event.opcode);
        }
        if (!event.items.empty()) {
            out.append(": ");
            append_fields(out, event.items, Style::kText);
        }
        if (event.outcome != decode::Outcome::kDecoded) {
            out.append(event.items.empty() ? ": undecoded=\"" : " undecoded=\"");
            out.append(event.reason);
            out.append('"');
        }
    }
    if (!event.rest.empty()) {
        out.append(" payload=0x");
        append_hex_bytes(out, event.rest);
    }
    append_added(out, event.added, Style::kText);
    out.append('\n');
}

void TextRenderer::append_prefix(const etl::Record& record, const decode::Event& event,
                                 int64_t time, OutBuffer& out) {
    if (origin_length_ == 0 || record.cpu != cpu_ || record.process_id != process_id_ ||
        record.thread_id != thread_id_) {
        set_origin(record);
    }
    char* p = out.reserve(sizeof(origin_) + kMaxClockText + 2);
    std::memcpy(p, origin_, sizeof(origin_));
    p = clock_.put(p + origin_length_, time);
    *p++ = ' ';
    *p++ = '[';
    out.commit(p);
    if (event.provider.empty()) {
        append_guid(out, record.provider);
    } else {
        out.append(event.provider);
    }
    out.append(']');
}

void TextRenderer::set_origin(const etl::Record& record) {
    cpu_ = record.cpu;
    process_id_ = record.process_id;
    thread_id_ = record.thread_id;
    char* p = origin_;
    *p++ = '[';
    p = put_decimal(p, cpu_);
    *p++ = ']';
    p = put_hex(p, process_id_, 4, true);
    *p++ = '.';
    p = put_hex(p, thread_id_, 4, true);
    *p++ = ':';
    *p++ = ':';
    origin_length_ = size_t(p - origin_);
}

}  // namespace etw::render
