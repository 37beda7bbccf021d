#include "render/csv_renderer.h"

#include "render/digits.h"
#include "render/message.h"
#include "render/values.h"

namespace etw::render {
namespace {

constexpr std::string_view kHeadings[] = {"Provider", "Event",    "Time",     "CPU",  "PID",
                                          "TID",      "Sequence", "Level",    "GUID", "Id",
                                          "Version",  "Opcode",   "Keywords", "Text"};

}  // namespace

CsvRenderer::CsvRenderer(const RenderOptions& options)
    : header_(options.csv_header),
      quote_all_(options.csv_quote),
      line_(options),
      clock_(make_clock(options)) {}

void CsvRenderer::begin(OutBuffer& out) const {
    if (!header_) return;
    for (const std::string_view heading : kHeadings) {
        if (heading != kHeadings[0]) out.append(',');
        append_text(heading, out);
    }
    out.append('\n');
}

void CsvRenderer::append_text(std::string_view text, OutBuffer& out) const {
    if (!quote_all_ && text.find_first_of(",\"\r\n") == text.npos) return out.append(text);
    char* p = out.reserve(text.size() * 2 + 2);
    *p++ = '"';
    for (const char c : text) {
        if (c == '"') *p++ = c;
        *p++ = c;
    }
    *p++ = '"';
    out.commit(p);
}

template <class Append>
void CsvRenderer::column(OutBuffer& out, Append append) {
    column_.clear();
    append(column_);
    append_text(column_.view(), out);
    out.append(',');
}

void CsvRenderer::render(const etl::Record& record, const decode::Event& event, int64_t time,
                         OutBuffer& out) {
    const wire::EventDescriptor& d = record.descriptor;
    const auto number = [&](uint64_t value) {
        column(out, [&](OutBuffer& to) { append_number(to, value); });
    };
    column(out, [&](OutBuffer& to) { append_component(to, record, event); });
    column(out, [&](OutBuffer& to) { append_event_name(to, event); });
    column(out, [&](OutBuffer& to) { to.commit(clock_.put(to.reserve(kMaxClockText), time)); });
    for (const uint64_t value : {uint64_t{record.cpu}, uint64_t{record.process_id},
                                 uint64_t{record.thread_id}, uint64_t{record.message_sequence}}) {
        number(value);
    }
    column(out, [&](OutBuffer& to) { append_level(to, record, event); });
    column(out, [&](OutBuffer& to) { append_guid(to, record.provider); });
    for (const uint64_t value : {uint64_t{d.id}, uint64_t{d.version}, uint64_t{d.opcode}}) {
        number(value);
    }
    column(out, [&](OutBuffer& to) { append_flags(to, record, event); });
    column_.clear();
    line_.append(record, event, time, column_);
    append_text(column_.view(), out);
    out.append('\n');
}

}  // namespace etw::render
