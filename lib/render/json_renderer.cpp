#include "render/json_renderer.h"

#include "render/digits.h"
#include "render/quoted.h"
#include "render/text_renderer.h"
#include "render/values.h"

namespace etw::render {
namespace {

constexpr uint32_t kNoId = 0xFFFFFFFF;  // records without process and thread

void append_member(OutBuffer& out, std::string_view key, uint64_t value) {
    out.append(key);
    append_number(out, value);
}

void append_member(OutBuffer& out, std::string_view key, const Guid& guid) {
    out.append(key);
    out.append('"');
    append_guid(out, guid);
    out.append('"');
}

void append_descriptor(OutBuffer& out, const wire::EventDescriptor& d) {
    append_member(out, ",\"id\":", d.id);
    append_member(out, ",\"version\":", d.version);
    append_member(out, ",\"channel\":", d.channel);
    append_member(out, ",\"level\":", d.level);
    append_member(out, ",\"opcode\":", d.opcode);
    append_member(out, ",\"task\":", d.task);
    out.append(",\"keywords\":\"0x");
    char* const p = put_hex(out.reserve(kMaxHex + 1), d.keyword, 1, false);
    *p = '"';
    out.commit(p + 1);
}

}  // namespace

JsonRenderer::JsonRenderer() : clock_(ClockText::Style::kIso, ClockText::Zone::kUtc, 7) {}

void JsonRenderer::render(const etl::Record& record, const decode::Event& event, int64_t time,
                          OutBuffer& out) {
    append_head(record, event, time, out);
    out.append(",\"fields\":{");
    append_fields(out, event.items, Style::kJson);
    out.append('}');
    append_added(out, event.added, Style::kJson);
    if (event.outcome != decode::Outcome::kDecoded || !event.rest.empty()) {
        out.append(",\"payload\":\"");
        append_hex_bytes(out, event.rest);
        out.append("\",\"undecoded\":\"");
        out.append(event.reason);
        out.append('"');
    }
    out.append("}\n");
}

void JsonRenderer::append_head(const etl::Record& record, const decode::Event& event, int64_t time,
                               OutBuffer& out) {
    out.append('{');
    if (!event.provider.empty()) {
        out.append("\"provider\":");
        append_quoted(out, event.provider);
        out.append(',');
    }
    append_member(out, "\"provider_guid\":", record.provider);
    if (event.group != nullptr) append_member(out, ",\"provider_group\":", *event.group);
    if (!event.name.empty()) {
        out.append(",\"event\":");
        append_quoted(out, event.name);
        if (!event.opcode.empty()) {  // "Class/Opcode": drop the closing quote, go on
            out.commit(out.view().data() + out.size() - 1);
            out.append('/');
            out.append(event.opcode);
            out.append('"');
        }
    }
    out.append(",\"time\":\"");
    char* const p = clock_.put(out.reserve(kMaxClockText + 1), time);
    *p = '"';
    out.commit(p + 1);
    append_member(out, ",\"cpu\":", record.cpu);
    if (record.process_id != kNoId) append_member(out, ",\"pid\":", record.process_id);
    if (record.thread_id != kNoId) append_member(out, ",\"tid\":", record.thread_id);
    append_descriptor(out, record.descriptor);
    if (record.activity != Guid{}) append_member(out, ",\"activity\":", record.activity);
    if (event.related != nullptr) append_member(out, ",\"related\":", *event.related);
}

std::unique_ptr<Renderer> make_renderer(const RenderOptions& options) {
    if (options.format == Format::kJson) return std::make_unique<JsonRenderer>();
    return std::make_unique<TextRenderer>(options);
}

}  // namespace etw::render
