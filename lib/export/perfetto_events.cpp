// Moments and slices in a Perfetto trace, and their arguments.
#include "export/event_fields.h"
#include "export/perfetto.h"
#include "export/perfetto_numbers.h"
#include "export/value_text.h"
#include "render/values.h"

#include <algorithm>

namespace etw::exports {
namespace {

using decode::Format;
using decode::Item;

constexpr size_t kMaxOpenTracks = 1 << 16;
constexpr size_t kMaxDepth = 512;  // slices in slices on one track
constexpr uint8_t kOpcodeStart = 1;
constexpr uint8_t kOpcodeStop = 2;

// What the names of a start and its stop have in common.
std::string_view stem_of(std::string_view name) {
    for (const std::string_view end : {"Start", "Stop", "Begin", "End"}) {
        if (name.size() > end.size() && name.ends_with(end)) {
            name.remove_suffix(end.size());
            break;
        }
    }
    while (name.size() > 1 && (name.ends_with('/') || name.ends_with('_') || name.ends_with('.'))) {
        name.remove_suffix(1);
    }
    return name;
}

// The .NET runtime writes some starts in two versions, for readers old and new.
bool is_told_again(const etl::Record& record, const Guid& provider,
                   const wire::EventDescriptor& before) {
    const wire::EventDescriptor& now = record.descriptor;
    return now.id != 0 && now.id == before.id && now.version != before.version &&
           record.provider == provider;
}

}  // namespace

// A start without a stop stays open to the end of the trace; a stop without a start is a moment.
Status Perfetto::add_track_event(const ExportEvent& in) {
    ETW_TRY(const uint64_t own, track_of(in));
    const uint8_t opcode = in.record.descriptor.opcode;
    const bool paired = !is_kernel(in.event) && !in.event.name.empty() &&
                        (opcode == kOpcodeStart || opcode == kOpcodeStop);
    if (!paired) return put_event(in, Phase::kInstant, own);

    const std::string_view stem = stem_of(in.event.name);
    const bool has_activity = in.record.activity != Guid{};
    uint64_t track = own;
    if (has_activity) {  // may go on on other threads, and overlap with others: a track of its own
        uint64_t half[2];
        std::memcpy(half, &in.record.activity, sizeof(half));
        track = track_id(TrackKind::kActivity, half[0], half[1]);
    }
    if (opcode == kOpcodeStart) {
        const bool known = slices_.contains(track);
        if ((!known && slices_.size() >= kMaxOpenTracks) || slices_[track].size() >= kMaxDepth) {
            return put_event(in, Phase::kInstant, own);
        }
        if (has_activity && !known) {
            ETW_TRY(const uint64_t parent, process_track(in.record.process_id, in.time));
            ETW_CHECK(describe_track(track, parent, stem, in.time));
        }
        std::vector<Open>& open = slices_[track];
        if (!open.empty() &&
            is_told_again(in.record, open.back().provider, open.back().descriptor)) {
            return put_event(in, Phase::kInstant, own);
        }
        open.push_back({in.record.provider, in.record.descriptor, std::string(stem)});
        ++slice_count_;
        return put_event(in, Phase::kBegin, track);
    }
    const auto at = slices_.find(track);
    if (at == slices_.end()) {
        ++unmatched_;
        return put_event(in, Phase::kInstant, own);
    }
    std::vector<Open>& open = at->second;
    const auto match = std::find_if(open.rbegin(), open.rend(), [&](const Open& start) {
        if (start.provider != in.record.provider) return false;
        const uint16_t task = in.record.descriptor.task;
        return start.stem == stem || (task != 0 && start.descriptor.task == task) || has_activity;
    });
    if (match == open.rend()) {
        ++unmatched_;
        return put_event(in, Phase::kInstant, own);
    }
    const auto keep = size_t(open.rend() - match);
    ETW_CHECK(close_above(open, keep, track, in.time));
    open.pop_back();
    if (open.empty()) {
        slices_.erase(at);
        if (has_activity) tracks_.erase(track);
    }
    return put_event(in, Phase::kEnd, track);
}

// Slices nest: what was begun inside of one that stops, and did not stop itself, ends with it.
Status Perfetto::close_above(std::vector<Open>& open, size_t keep, uint64_t track, int64_t time) {
    for (; open.size() > keep; open.pop_back()) {
        ++unmatched_;
        const size_t begun = begin_packet(time);
        const size_t event = packet_.begin(packet::kTrackEvent);
        packet_.number(event::kType, uint64_t(Phase::kEnd));
        packet_.number(event::kTrack, track);
        packet_.end(event);
        end_packet(begun, false);
        ETW_CHECK(write_packet());
    }
    return Ok{};
}

Status Perfetto::put_event(const ExportEvent& in, Phase phase, uint64_t track) {
    const size_t begun = begin_packet(in.time);
    const size_t event = packet_.begin(packet::kTrackEvent);
    packet_.number(event::kType, uint64_t(phase));
    packet_.number(event::kTrack, track);
    if (phase != Phase::kEnd) {  // which ends what was begun last, whatever its own name is
        name_.clear();
        append_provider(name_, in.record, in.event);
        put_name(categories_, fresh_categories_, event::kCategoryIid, event::kCategory, name_);
        name_.clear();
        if (phase == Phase::kInstant) append_name(name_, in.record, in.event);
        if (phase == Phase::kBegin) name_ += stem_of(in.event.name);
        put_name(event_names_, fresh_events_, event::kNameIid, event::kName, name_);
    }
    put_fields(in);
    packet_.end(event);
    end_packet(begun, true);
    return write_packet();
}

void Perfetto::put_fields(const ExportEvent& in) {
    // Annotations that are begun and not ended, and what their parts are.
    std::vector<std::pair<size_t, uint32_t>> open;
    const auto begin = [&](std::string_view name) {
        const uint32_t part = open.empty() ? event::kAnnotation : open.back().second;
        const size_t begun = packet_.begin(part);
        if (part != annotation::kElement) {
            put_name(field_names_, fresh_fields_, annotation::kNameIid, annotation::kName, name);
        }
        return begun;
    };
    for (const Item& item : in.event.items) {
        switch (item.kind) {
            case Item::Kind::kValue: {
                const size_t one = begin(item.field->name);
                put_value(item, 0, item.bytes.size());
                packet_.end(one);
                break;
            }
            case Item::Kind::kValues: {
                const size_t all = begin(item.field->name);
                for (size_t i = 0; i < item.count; ++i) {
                    const size_t one = packet_.begin(annotation::kElement);
                    put_value(item, i * item.field->size, item.field->size);
                    packet_.end(one);
                }
                packet_.end(all);
                break;
            }
            case Item::Kind::kArrayBegin:
                open.emplace_back(begin(item.field->name), annotation::kElement);
                break;
            case Item::Kind::kStructBegin:
                open.emplace_back(begin(item.field->name), annotation::kMember);
                break;
            case Item::Kind::kArrayEnd:
            case Item::Kind::kStructEnd:
                packet_.end(open.back().first);
                open.pop_back();
                break;
        }
    }
    if (in.event.message != nullptr) {
        const size_t one = begin("message");
        packet_.text(annotation::kText, message_text(in.record, in.event));
        packet_.end(one);
    }
    const auto put_text = [&](std::string_view name, const auto& append) {
        text_.clear();
        append(text_);
        const size_t one = begin(name);
        packet_.text(annotation::kText, text_.view());
        packet_.end(one);
    };
    if (in.event.outcome != decode::Outcome::kDecoded) {
        put_text("payload", [&](auto& out) { render::append_hex_bytes(out, in.event.rest); });
    }
    if (in.record.activity != Guid{}) {
        put_text("activity", [&](auto& out) { render::append_guid(out, in.record.activity); });
    }
}

void Perfetto::put_value(const Item& item, size_t at, size_t size) {
    const Item one{Item::Kind::kValue, 1, item.field, item.bytes.subspan(at, size)};
    const auto number = item.field->map == nullptr ? number_of(one) : std::nullopt;
    switch (number ? item.field->format : Format::kBinary) {
        case Format::kUnsigned:
        case Format::kWin32Error:
            return packet_.number(annotation::kUnsigned, uint64_t(*number));
        case Format::kSigned:
            return packet_.signed_number(annotation::kSigned, *number);
        case Format::kHex:
            return packet_.number(annotation::kPointer, uint64_t(*number));
        case Format::kBool:
            return packet_.number(annotation::kBool, *number != 0 ? 1 : 0);
        case Format::kFloat:
            if (size == sizeof(double)) {
                return packet_.real(annotation::kReal, std::bit_cast<double>(*number));
            }
            if (size == sizeof(float)) {
                return packet_.real(annotation::kReal,
                                    double(std::bit_cast<float>(uint32_t(*number))));
            }
            break;
        default:
            break;
    }
    packet_.text(annotation::kText, value_text(*item.field, one.bytes));
}

}  // namespace etw::exports
