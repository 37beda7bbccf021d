#include "render/text_line.h"

#include "render/digits.h"
#include "render/message.h"
#include "render/prefix.h"
#include "render/quoted.h"
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
    if (record.type == wire::HeaderType::kMessage) {  // has no more than its number
        out.append(' ');
        const size_t begin = out.size();
        append_bare(out, event.reason);
        return keep_to_line(out, begin);
    }
    out.append(" version=");
    append_number(out, d.version);
    out.append(" opcode=");
    append_number(out, d.opcode);
}

void append_described(const decode::Event& event, ValueRules rules, OutBuffer& out) {
    append_event_name(out, event);
    if (event.items.empty()) return;
    out.append(": ");
    append_fields(out, event.items, rules);
}

}  // namespace

TextLine::TextLine(const RenderOptions& options)
    : prefix_(options.prefix),
      local_file_times_(options.local_file_times),
      prefer_json_(options.prefer_json),
      custom_prefix_(options.custom_prefix),
      names_(options.names),
      clock_(make_clock(options)),
      json_(options) {}

void TextLine::append(const etl::Record& record, const decode::Event& event, int64_t time,
                      OutBuffer& out) {
    if (custom_prefix_ != nullptr && prefix_) {
        append_prefix(out, *custom_prefix_, record, event, time, clock_);
    } else if (prefix_) {
        append_default_prefix(record, event, time, out);
    }
    const bool has_fields =
        event.outcome == decode::Outcome::kDecoded && record.type != wire::HeaderType::kMessage;
    if (prefer_json_ && has_fields) return json_.append(record, event, time, out);
    append_event(record, event, out);
}

void TextLine::append_event(const etl::Record& record, const decode::Event& event,
                            OutBuffer& out) const {
    if (event.message != nullptr) {
        const size_t begin = out.size();
        append_message(out, record, event, {Style::kBare, local_file_times_});
        keep_to_line(out, begin);
    } else if (event.name.empty()) {
        append_unknown(record, event, out);
    } else {
        append_described(event, {Style::kText, local_file_times_}, out);
    }
    const bool is_described = event.message != nullptr || !event.name.empty();
    if (is_described && event.outcome != decode::Outcome::kDecoded) {
        const bool alone = event.message == nullptr && event.items.empty();
        out.append(alone ? ": undecoded=" : " undecoded=");
        append_quoted(out, event.reason);
    }
    if (!event.rest.empty()) {
        out.append(" payload=0x");
        append_hex_bytes(out, event.rest);
    }
    append_added(out, record, event, names_.get(), Style::kText);
}

void TextLine::append_default_prefix(const etl::Record& record, const decode::Event& event,
                                     int64_t time, OutBuffer& out) {
    Origin& origin = origins_[record.cpu % kOrigins];
    if (origin.length == 0 || record.cpu != origin.cpu || record.process_id != origin.process_id ||
        record.thread_id != origin.thread_id) {
        origin.set(record);
    }
    char* p = out.reserve(origin.text.size() + kMaxClockText + 2);
    std::memcpy(p, origin.text.data(), origin.text.size());
    p = clock_.put(p + origin.length, time);
    *p++ = ' ';
    *p++ = '[';
    out.commit(p);
    append_component(out, record, event);
    out.append(']');
}

void TextLine::Origin::set(const etl::Record& record) {
    cpu = record.cpu;
    process_id = record.process_id;
    thread_id = record.thread_id;
    char* p = text.data();
    *p++ = '[';
    p = put_decimal(p, cpu);
    *p++ = ']';
    p = put_hex(p, process_id, 4, true);
    *p++ = '.';
    p = put_hex(p, thread_id, 4, true);
    *p++ = ':';
    *p++ = ':';
    length = size_t(p - text.data());
}

}  // namespace etw::render
