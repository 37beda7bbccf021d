#include "kernel/tracefs/format.h"

#include <traceevent/event-parse.h>

#include <algorithm>
#include <limits>
#include <memory>

namespace etw::kernel {
namespace {

bool is_number(uint32_t size) { return size == 1 || size == 2 || size == 4 || size == 8; }

Member member_of(const tep_format_field& f, const Field& field) {
    Member out;
    out.name = f.name;
    out.field = field;
    const std::string_view type = f.type;
    const auto mentions = [&](std::string_view word) {
        return type.find(word) != std::string_view::npos;
    };
    out.is_signed = (f.flags & TEP_FIELD_IS_SIGNED) != 0;
    out.is_address = (f.flags & TEP_FIELD_IS_POINTER) != 0;
    out.is_truth = type == "bool" && field.size == 1;
    const bool many = field.is_dynamic || (f.flags & TEP_FIELD_IS_ARRAY) != 0;
    if (!many) {
        if (!is_number(field.size)) return out;
        out.kind = Member::Kind::kNumber;
        out.element = field.size;
        // Arguments of system calls have a register each, whatever their types.
        if (type == "int" && field.size == 8) {
            out.element = 4;
            out.is_signed = true;
            out.field.size = 4;
        }
        return out;
    }
    if (mentions("char") && !mentions("unsigned") && !out.is_address) {
        out.kind = Member::Kind::kText;
    } else if (f.elementsize > 1 && is_number(f.elementsize)) {
        out.kind = Member::Kind::kNumbers;
        out.element = f.elementsize;
    }
    return out;
}

}  // namespace

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
        const bool relative = (f->flags & TEP_FIELD_IS_RELATIVE) != 0;
        const Field field{uint32_t(f->offset), uint32_t(f->size), dynamic, relative};
        out.fields_[f->name] = field;
        out.members_.push_back(member_of(*f, field));
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
        if (field.is_relative) offset += size_t{field.offset} + field.size;
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
