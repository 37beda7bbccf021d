#include "render/json_object.h"

#include "render/digits.h"
#include "render/message.h"
#include "render/quoted.h"
#include "render/values.h"

namespace etw::render {
namespace {

constexpr uint32_t kNoId = 0xFFFFFFFF;  // records without process and thread

// Every member has a comma before it; that of the first becomes the bracket in the end.
void append_key(OutBuffer& out, std::string_view key) {
    char* p = out.reserve(key.size() + 4);
    *p++ = ',';
    *p++ = '"';
    std::memcpy(p, key.data(), key.size());
    p += key.size();
    *p++ = '"';
    *p++ = ':';
    out.commit(p);
}

void append_member(OutBuffer& out, std::string_view key, uint64_t value) {
    append_key(out, key);
    append_number(out, value);
}

void append_member(OutBuffer& out, std::string_view key, const Guid& guid) {
    append_key(out, key);
    out.append('"');
    append_guid(out, guid);
    out.append('"');
}

void append_member(OutBuffer& out, std::string_view key, std::string_view text) {
    append_key(out, key);
    append_quoted(out, text);
}

void append_hex_member(OutBuffer& out, std::string_view key, uint64_t value) {
    append_key(out, key);
    char* p = out.reserve(kMaxHex + 4);
    std::memcpy(p, "\"0x", 3);
    p = put_hex(p + 3, value, 1, false);
    *p++ = '"';
    out.commit(p);
}

// What only trace messages say of themselves.
void append_place(OutBuffer& out, const decode::Message& message) {
    const auto append = [&](std::string_view key, std::string_view text) {
        if (!text.empty()) append_member(out, key, text);
    };
    append("component", message.component);
    append("source", message.source);
    append("function", message.function);
    append("level_name", message.level);
    append("flags", message.flags);
    append("subcomponent", message.subcomponent);
}

}  // namespace

JsonObject::JsonObject(const RenderOptions& options)
    : meta_(options.json_meta),
      local_file_times_(options.local_file_times),
      names_(options.names),
      clock_(ClockText::Style::kIso, ClockText::Zone::kUtc, 7, true) {}

void JsonObject::append(const etl::Record& record, const decode::Event& event, int64_t time,
                        OutBuffer& out) {
    const size_t begin = out.size();
    append_names(record, event, out);
    append_origin(record, time, out);
    append_descriptor(record, event, out);
    append_activities(record, event, out);
    append_times(record, out);
    append_text(record, event, out);
    append_key(out, "fields");
    out.append('{');
    append_fields(out, event.items, {Style::kJson, local_file_times_});
    out.append('}');
    append_added(out, record, event, names_.get(), Style::kJson);
    const bool undecoded = event.outcome != decode::Outcome::kDecoded;
    if (undecoded || !event.rest.empty()) {
        append_key(out, "payload");
        out.append('"');
        append_hex_bytes(out, event.rest);
        out.append('"');
    }
    if (undecoded) append_member(out, "undecoded", std::string_view(event.reason));
    out.append('}');
    out.replace(begin, '{');
}

void JsonObject::append_names(const etl::Record& record, const decode::Event& event,
                              OutBuffer& out) const {
    if (shows(kMetaProvider)) {
        if (!event.provider.empty()) append_member(out, "provider", event.provider);
        append_member(out, "provider_guid", record.provider);
        if (event.group != nullptr) append_member(out, "provider_group", *event.group);
    }
    if (shows(kMetaEvent) && !event.name.empty()) {
        append_member(out, "event", event.name);
        if (event.opcode.empty()) return;
        // "Class/Opcode": drop the closing quote, go on.
        out.commit(out.view().data() + out.size() - 1);
        out.append('/');
        out.append(event.opcode);
        out.append('"');
    }
}

void JsonObject::append_origin(const etl::Record& record, int64_t time, OutBuffer& out) {
    if (shows(kMetaTime)) {
        append_key(out, "time");
        out.append('"');
        char* const p = clock_.put(out.reserve(kMaxClockText + 1), time);
        *p = '"';
        out.commit(p + 1);
    }
    if (shows(kMetaCpu)) append_member(out, "cpu", record.cpu);
    if (shows(kMetaProcess) && record.process_id != kNoId) {
        append_member(out, "pid", record.process_id);
    }
    if (shows(kMetaThread) && record.thread_id != kNoId) {
        append_member(out, "tid", record.thread_id);
    }
}

void JsonObject::append_descriptor(const etl::Record& record, const decode::Event& event,
                                   OutBuffer& out) const {
    const wire::EventDescriptor& d = record.descriptor;
    const bool is_unnamed = shows(kMetaEvent) && event.name.empty();
    if (shows(kMetaId) || is_unnamed) append_member(out, "id", d.id);
    if (shows(kMetaVersion) || is_unnamed) append_member(out, "version", d.version);
    if (shows(kMetaChannel)) append_member(out, "channel", d.channel);
    if (shows(kMetaLevel)) append_member(out, "level", d.level);
    if (shows(kMetaOpcode)) append_member(out, "opcode", d.opcode);
    if (shows(kMetaTask)) append_member(out, "task", d.task);
    if (shows(kMetaKeywords)) append_hex_member(out, "keywords", d.keyword);
    if (shows(kMetaTags) && event.tag != 0) append_hex_member(out, "tag", event.tag);
}

void JsonObject::append_activities(const etl::Record& record, const decode::Event& event,
                                   OutBuffer& out) const {
    if (shows(kMetaActivity) && record.activity != Guid{}) {
        append_member(out, "activity", record.activity);
    }
    if (shows(kMetaRelated) && event.related != nullptr) {
        append_member(out, "related", *event.related);
    }
}

void JsonObject::append_times(const etl::Record& record, OutBuffer& out) const {
    if (shows(kMetaKernelTime)) append_member(out, "ktime", record.kernel_time);
    if (shows(kMetaUserTime)) append_member(out, "utime", record.user_time);
    if (shows(kMetaProcessorTime)) {  // both in one, where a session is private
        append_member(out, "ptime", uint64_t{record.user_time} << 32 | record.kernel_time);
    }
}

void JsonObject::append_text(const etl::Record& record, const decode::Event& event,
                             OutBuffer& out) {
    if ((record.message_flags & wire::kMessageSequence) != 0) {
        append_member(out, "sequence", record.message_sequence);
    }
    if (event.message == nullptr) return;
    append_place(out, *event.message);
    text_.clear();
    append_message(text_, record, event, {Style::kBare, local_file_times_});
    append_member(out, "message", text_.view());
}

}  // namespace etw::render
