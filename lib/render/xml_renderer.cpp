#include "render/xml_renderer.h"

#include "render/address_names.h"
#include "render/digits.h"
#include "render/message.h"
#include "render/quoted.h"
#include "render/values.h"
#include "render/xml_text.h"

namespace etw::render {
namespace {

using decode::Item;

constexpr std::string_view kTraceNamespace =
    " xmlns=\"http://schemas.microsoft.com/win/2004/08/events/trace\">";

void append_braced(OutBuffer& out, const Guid& guid) {
    out.append('{');
    append_guid(out, guid);
    out.append('}');
}

void append_hex(OutBuffer& out, uint64_t value) {
    out.append("0x");
    out.commit(put_hex(out.reserve(kMaxHex), value, 1, false));
}

void append_attribute(OutBuffer& out, std::string_view name, uint64_t value) {
    out.append(' ');
    out.append(name);
    out.append("=\"");
    append_number(out, value);
    out.append('"');
}

void append_number_element(OutBuffer& out, std::string_view name, uint64_t value) {
    out.append("\t\t<");
    out.append(name);
    out.append('>');
    append_number(out, value);
    out.append("</");
    out.append(name);
    out.append(">\n");
}

void append_correlation(OutBuffer& out, const etl::Record& record, const decode::Event& event) {
    out.append("\t\t<Correlation ActivityID=\"");
    append_braced(out, record.activity);
    if (event.related != nullptr) {
        out.append("\" RelatedActivityID=\"");
        append_braced(out, *event.related);
    }
    out.append("\" />\n");
}

void append_execution(OutBuffer& out, const etl::Record& record) {
    // As tracerpt: what a record does not have is left to stand as 4294967295.
    out.append("\t\t<Execution");
    append_attribute(out, "ProcessID", record.process_id);
    append_attribute(out, "ThreadID", record.thread_id);
    append_attribute(out, "ProcessorID", record.cpu);
    append_attribute(out, "KernelTime", record.kernel_time);
    append_attribute(out, "UserTime", record.user_time);
    out.append(" />\n");
}

}  // namespace

XmlRenderer::XmlRenderer(const RenderOptions& options)
    : local_file_times_(options.local_file_times),
      names_(options.names),
      encoding_(options.encoding),
      clock_(ClockText::Style::kIso, ClockText::Zone::kUtc, 7, true) {}

void XmlRenderer::begin(OutBuffer& out) const {
    constexpr std::string_view kNames[] = {"UTF-8", "UTF-16", "windows-1252"};
    out.append("<?xml version=\"1.0\" encoding=\"");
    out.append(kNames[size_t(encoding_)]);
    out.append("\"?>\n<Events>\n");
}

void XmlRenderer::end(OutBuffer& out) const { out.append("</Events>\n"); }

template <class Append>
void XmlRenderer::escaped(OutBuffer& out, Append append) {
    text_.clear();
    append(text_);
    append_xml_text(out, text_.view());
}

template <class Append>
void XmlRenderer::element(OutBuffer& out, std::string_view name, Append append) {
    out.append("\t\t<");
    out.append(name);
    out.append('>');
    escaped(out, append);
    out.append("</");
    out.append(name);
    out.append(">\n");
}

void XmlRenderer::render(const etl::Record& record, const decode::Event& event, int64_t time,
                         OutBuffer& out) {
    out.append("<Event xmlns=\"http://schemas.microsoft.com/win/2004/08/events/event\">\n");
    append_system(record, event, time, out);
    append_data(record, event, out);
    append_rendering(record, event, out);
    append_extended(record, event, out);
    out.append("</Event>\n");
}

void XmlRenderer::append_system(const etl::Record& record, const decode::Event& event, int64_t time,
                                OutBuffer& out) {
    const wire::EventDescriptor& d = record.descriptor;
    out.append("\t<System>\n\t\t<Provider");
    if (!event.provider.empty()) {
        out.append(" Name=\"");
        append_xml_text(out, event.provider);
        out.append('"');
    }
    out.append(" Guid=\"");
    append_braced(out, record.provider);
    out.append("\" />\n");
    append_number_element(out, "EventID", d.id);
    append_number_element(out, "Version", d.version);
    append_number_element(out, "Level", d.level);
    append_number_element(out, "Task", d.task);
    append_number_element(out, "Opcode", d.opcode);
    element(out, "Keywords", [&](OutBuffer& to) { append_hex(to, d.keyword); });
    out.append("\t\t<TimeCreated SystemTime=\"");
    out.commit(clock_.put(out.reserve(kMaxClockText), time));
    out.append("\" />\n");
    append_correlation(out, record, event);
    append_execution(out, record);
    if (d.channel == 0) {
        out.append("\t\t<Channel />\n");
    } else {
        append_number_element(out, "Channel", d.channel);
    }
    out.append("\t\t<Computer />\n");
    if (!event.added.user.empty()) {
        out.append("\t\t<Security UserID=\"");
        append_value(out, decode::Format::kSid, event.added.user, Style::kBare);
        out.append("\" />\n");
    }
    out.append("\t</System>\n");
}

void XmlRenderer::append_data(const etl::Record& record, const decode::Event& event,
                              OutBuffer& out) {
    if (record.type == wire::HeaderType::kMessage && event.message != nullptr) {
        append_debug_data(record, event, out);
    } else if (event.outcome != decode::Outcome::kUnknown) {
        append_fields_of(event, out);
    }
    if (event.outcome == decode::Outcome::kMalformed) {
        append_error(event, out);
    } else if (!event.rest.empty() || event.outcome == decode::Outcome::kUnknown) {
        out.append("\t<BinaryEventData>");
        append_hex_bytes(out, event.rest);
        out.append("</BinaryEventData>\n");
    }
}

void XmlRenderer::append_debug_data(const etl::Record& record, const decode::Event& event,
                                    OutBuffer& out) {
    const decode::Message& message = *event.message;
    const auto part = [&](std::string_view name, std::string_view text) {
        if (!text.empty()) element(out, name, [&](OutBuffer& to) { append_bare(to, text); });
    };
    out.append("\t<DebugData>\n");
    if ((record.message_flags & wire::kMessageSequence) != 0) {
        append_number_element(out, "SequenceNumber", record.message_sequence);
    }
    part("FlagsName", message.flags);
    part("LevelName", message.level);
    part("Component", message.component);
    part("SubComponent", message.subcomponent);
    part("FileLine", message.source);
    part("Function", message.function);
    element(out, "Message", [&](OutBuffer& to) { message_text(record, event, to); });
    out.append("\t</DebugData>\n");
}

void XmlRenderer::append_fields_of(const decode::Event& event, OutBuffer& out) {
    ValueRules rules(Style::kBare, local_file_times_);
    rules.code_names = false;
    out.append("\t<EventData>\n");
    for (size_t i = 0; i < event.items.size();) {
        const Item& item = event.items[i];
        out.append("\t\t<Data Name=\"");
        append_xml_text(out, item.field->name);
        out.append("\">");
        escaped(out, [&](OutBuffer& to) { i = append_item(to, event.items, i, rules); });
        out.append("</Data>\n");
    }
    out.append("\t</EventData>\n");
}

void XmlRenderer::append_error(const decode::Event& event, OutBuffer& out) {
    constexpr uint64_t kInvalidData = 13;
    out.append("\t<ProcessingErrorData>\n");
    append_number_element(out, "ErrorCode", kInvalidData);
    element(out, "DataItemName", [&](OutBuffer& to) { append_bare(to, event.reason); });
    out.append("\t\t<EventPayload>");
    append_hex_bytes(out, event.rest);
    out.append("</EventPayload>\n\t</ProcessingErrorData>\n");
}

void XmlRenderer::append_rendering(const etl::Record& record, const decode::Event& event,
                                   OutBuffer& out) {
    static const decode::HeaderNames kNone;
    const decode::HeaderNames& names = event.names != nullptr ? *event.names : kNone;
    const auto named = [&](std::string_view what, std::string_view name) {
        if (!name.empty()) element(out, what, [&](OutBuffer& to) { append_bare(to, name); });
    };
    out.append("\t<RenderingInfo Culture=\"en-US\">\n");
    if (names.level.empty()) {
        element(out, "Level", [&](OutBuffer& to) { append_level(to, record, event); });
    }
    named("Level", names.level);
    named("Opcode", names.opcode.empty() ? event.opcode : names.opcode);
    if (!names.keywords.empty()) {
        out.append("\t\t<Keywords>\n");
        for (const std::string_view keyword : names.keywords) {
            out.append('\t');
            named("Keyword", keyword);
        }
        out.append("\t\t</Keywords>\n");
    }
    named("Task", names.task);
    if (event.message != nullptr) {
        element(out, "Message", [&](OutBuffer& to) { message_text(record, event, to); });
    }
    named("Channel", names.channel);
    named("Provider", event.provider);
    if (!event.name.empty()) {
        out.append("\t\t<EventName");
        out.append(kTraceNamespace);
        escaped(out, [&](OutBuffer& to) { append_bare(to, event.name); });
        out.append("</EventName>\n");
    }
    out.append("\t</RenderingInfo>\n");
}

void XmlRenderer::append_extended(const etl::Record& record, const decode::Event& event,
                                  OutBuffer& out) {
    const bool has_guid =
        record.type != wire::HeaderType::kEvent32 && record.type != wire::HeaderType::kEvent64;
    const decode::Added& added = event.added;
    const std::string code =
        names_ == nullptr ? std::string() : code_name_of(*names_, record, event);
    if (!has_guid && added.stack.empty() && code.empty() &&
        event.outcome != decode::Outcome::kUnknown)
        return;
    out.append("\t<ExtendedTracingInfo");
    out.append(kTraceNamespace);
    out.append('\n');
    if (has_guid) {
        element(out, "EventGuid", [&](OutBuffer& to) { append_braced(to, record.provider); });
    }
    if (event.outcome == decode::Outcome::kUnknown) {
        element(out, "Undecoded", [&](OutBuffer& to) { append_bare(to, event.reason); });
    }
    if (!code.empty()) element(out, "Symbol", [&](OutBuffer& to) { append_bare(to, code); });
    if (!added.stack.empty()) {
        out.append("\t\t<Stack>\n");
        for (size_t at = 0; at < added.stack.size(); at += added.address_size) {
            const Bytes address = added.stack.subspan(at, added.address_size);
            out.append('\t');
            element(out, "Address", [&](OutBuffer& to) {
                append_value(to, decode::Format::kHex, address, Style::kBare);
            });
            if (names_ == nullptr) continue;
            out.append('\t');
            element(out, "Symbol", [&](OutBuffer& to) {
                append_bare(to, frame_name(*names_, record, added, at));
            });
        }
        out.append("\t\t</Stack>\n");
    }
    out.append("\t</ExtendedTracingInfo>\n");
}

void XmlRenderer::message_text(const etl::Record& record, const decode::Event& event,
                               OutBuffer& out) const {
    append_message(out, record, event, {Style::kBare, local_file_times_});
}

}  // namespace etw::render
