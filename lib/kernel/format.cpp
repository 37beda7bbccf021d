#include "kernel/format.h"

#include <traceevent/event-parse.h>

#include <algorithm>
#include <limits>
#include <memory>

namespace etw::kernel {

Result<Format> Format::parse(const std::string& text, const char* system) {
    const std::unique_ptr<tep_handle, decltype(&tep_free)> tep(tep_alloc(), tep_free);
    if (tep == nullptr) return Error{Code::kNotEnoughMemory, "tracepoint: format", 0};
    // What it says of formats that it cannot print is none of ours: we read fields, not texts.
    tep_set_loglevel(TEP_LOG_NONE);
    tep_event* event = nullptr;
    tep_parse_format(tep.get(), &event, text.c_str(), text.size(), system);
    if (event == nullptr || event->id <= 0 || event->id > std::numeric_limits<uint16_t>::max()) {
        return Error{Code::kInvalidData, "tracepoint: format", 0};
    }
    Format out;
    out.id_ = uint16_t(event->id);
    for (const tep_format_field* f = event->format.fields; f != nullptr; f = f->next) {
        if (f->offset < 0 || f->size < 0) continue;
        const bool dynamic = (f->flags & TEP_FIELD_IS_DYNAMIC) != 0;
        out.fields_[f->name] = {uint32_t(f->offset), uint32_t(f->size), dynamic};
    }
    return out;
}

Field Format::field(std::string_view name) const {
    const auto found = fields_.find(std::string(name));
    return found == fields_.end() ? Field{} : found->second;
}

Bytes RawEvent::bytes(const Field& field) const noexcept {
    size_t offset = field.offset;
    size_t size = field.size;
    if (field.is_dynamic) {
        const auto place = load<uint32_t>(field.offset);
        offset = place & 0xFFFF;
        size = place >> 16;
    }
    if (offset > data.size()) return {};
    return data.subspan(offset, std::min(size, data.size() - offset));
}

std::string_view RawEvent::text(const Field& field) const noexcept {
    const Bytes all = bytes(field);
    const auto end = std::find(all.begin(), all.end(), std::byte{0});
    return {reinterpret_cast<const char*>(all.data()), size_t(end - all.begin())};
}

}  // namespace etw::kernel
