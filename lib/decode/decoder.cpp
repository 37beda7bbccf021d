#include "etw/decoder.h"

#include "decode/decoder_impl.h"
#include "decode/layout.h"
#include "decode/log_descriptions.h"
#include "decode/walk.h"
#include "etw/check.h"

#include <algorithm>

namespace etw::decode {
namespace {

constexpr size_t kHookCount = kGroupCount * 256;

constexpr std::string_view kManifestChunk =
    "Format:u8 MajorVersion:u8 MinorVersion:u8 Magic:u8 TotalChunks:u16 ChunkNumber:u16 "
    "Data:restchars";

bool is_classic(wire::HeaderType type) {
    switch (type) {
        case wire::HeaderType::kFull32:
        case wire::HeaderType::kFull64:
        case wire::HeaderType::kInstance32:
        case wire::HeaderType::kInstance64:
            return true;
        default:
            return false;
    }
}

bool has_hook(wire::HeaderType type) {
    switch (type) {
        case wire::HeaderType::kSystem32:
        case wire::HeaderType::kSystem64:
        case wire::HeaderType::kCompact32:
        case wire::HeaderType::kCompact64:
        case wire::HeaderType::kPerfInfo32:
        case wire::HeaderType::kPerfInfo64:
            return true;
        default:
            return false;
    }
}

bool is_event(wire::HeaderType type) {
    return type == wire::HeaderType::kEvent32 || type == wire::HeaderType::kEvent64;
}

void leave_undecoded(const char* reason, Outcome outcome, Bytes payload, Event& event) {
    event.items.clear();
    event.rest = payload;
    event.outcome = outcome;
    event.reason = reason;
}

}  // namespace

DecoderImpl::DecoderImpl(std::shared_ptr<const Catalog> catalog)
    : catalog_(std::move(catalog)),
      layouts_(size_t(Family::kEmpty) + 1),
      hooks_(kHookCount),
      classes_(kGroupCount),
      manifest_chunk_(compile_layout(kManifestChunk, true)) {
    for (const KernelClass& c : kernel_classes()) {
        classes_[c.group] = &c;
        groups_[c.guid] = c.group;
    }
    for (const KernelHook& hook : kernel_hooks()) hooks_[hook.id] = &hook;
    for (const KernelLayout& layout : kernel_layouts()) {
        auto& versions = layouts_[size_t(layout.family)];
        ETW_ASSERT(versions.empty() || versions.front().version < layout.version);
        versions.insert(versions.begin(), {layout.version, compile_layout(layout.fields, false),
                                           compile_layout(layout.fields, true)});
    }
    for (const KernelEvent& e : kernel_events()) {
        auto& versions = own_layouts_[e.id];
        ETW_ASSERT(versions.empty() || versions.front().version < e.version);
        versions.insert(versions.begin(), {e.version, compile_layout(e.fields, false),
                                           compile_layout(e.fields, true)});
        if (hooks_[e.id] == nullptr) own_names_.try_emplace(e.id, e.name);
    }
}

namespace {

// What stands between header and payload.
Bytes header_counters(const etl::Record& record) {
    const bool has_flags = record.type == wire::HeaderType::kPerfInfo32 ||
                           record.type == wire::HeaderType::kPerfInfo64;
    if (!has_flags || record.raw.size() < sizeof(wire::PerfInfoHeader)) return {};
    constexpr uint8_t kCount = 0x07, kPebsIndex = 0x80;
    const auto flags = uint8_t(record.raw[offsetof(wire::PerfInfoHeader, flags)]);
    Bytes rest = record.raw.subspan(sizeof(wire::PerfInfoHeader));
    const size_t before = (flags & kPebsIndex) != 0 ? sizeof(uint64_t) : 0;
    const size_t size = (flags & kCount) * sizeof(uint64_t);
    return before + size <= rest.size() ? rest.subspan(before, size) : Bytes();
}

}  // namespace

void DecoderImpl::decode(const etl::Record& record, Event& event) {
    event.provider = event.name = event.opcode = {};
    event.group = event.related = nullptr;
    event.message = nullptr;
    event.tag = 0;
    event.names = nullptr;
    event.added = {};
    const Extended extended = find_items(record.extended, event.added);
    if (extended.related.size() == sizeof(Guid)) {
        std::memcpy(&related_, extended.related.data(), sizeof(Guid));
        event.related = &related_;
    }
    event.added.process = record.process_id;
    if (event.added.counters.empty()) event.added.counters = header_counters(record);
    if (!extended.traits.empty()) set_provider(extended.traits, event);
    if (catalog_ != nullptr) add_stack(record, event);
    if (!extended.schema.empty()) return decode_described(record, extended.schema, event);
    if (record.type == wire::HeaderType::kMessage) {
        if (!decode_message(record, record.descriptor.id, event)) {
            decode_unknown_message(record, event);
        }
        return;
    }
    if (decode_kernel(record, event)) return;
    if (decode_from_manifest(record, event)) return;
    // Classic events have formats, too: the number is the event type.
    if (is_classic(record.type) && decode_message(record, record.descriptor.opcode, event)) return;
    decode_undescribed(record, event);
}

namespace {

// An item that says something of the event as a whole, if it has the size that it must have.
void find_added(wire::ExtendedType type, Bytes data, Added& out) {
    const auto sized = [&](size_t size) { return data.size() == size ? data : Bytes(); };
    switch (type) {
        case wire::ExtendedType::kSid:
            out.user = data;
            break;
        case wire::ExtendedType::kTsId:
            out.login_session = sized(sizeof(uint32_t));
            break;
        case wire::ExtendedType::kProcessStartKey:
            out.process_key = sized(sizeof(uint64_t));
            break;
        case wire::ExtendedType::kEventKey:
            out.event_key = sized(sizeof(uint64_t));
            break;
        case wire::ExtendedType::kPmcCounters:
            out.counters = data.first(data.size() / sizeof(uint64_t) * sizeof(uint64_t));
            break;
        case wire::ExtendedType::kStackTrace32:
        case wire::ExtendedType::kStackTrace64: {
            constexpr size_t kMatchId = sizeof(uint64_t);
            if (data.size() <= kMatchId || !out.stack.empty()) break;
            out.address_size = type == wire::ExtendedType::kStackTrace32 ? 4 : 8;
            const size_t size = (data.size() - kMatchId) / out.address_size * out.address_size;
            out.stack = data.subspan(kMatchId, size);
            break;
        }
        default:
            break;
    }
}

}  // namespace

DecoderImpl::Extended DecoderImpl::find_items(Bytes chain, Added& added) {
    Extended out;
    wire::ExtendedItem item;
    while (chain.size() >= sizeof(item)) {
        std::memcpy(&item, chain.data(), sizeof(item));
        if (item.data_size > chain.size() - sizeof(item)) break;
        const Bytes data = chain.subspan(sizeof(item), item.data_size);
        switch (wire::ExtendedType(item.type)) {
            case wire::ExtendedType::kEventSchemaTl:
                out.schema = data;
                break;
            case wire::ExtendedType::kProviderTraits:
                out.traits = data;
                break;
            case wire::ExtendedType::kRelatedActivityId:
                out.related = data;
                break;
            default:
                find_added(wire::ExtendedType(item.type), data, added);
                break;
        }
        const size_t size = std::max<size_t>(wire::align8(uint32_t{item.size}), sizeof(item));
        if ((item.linkage & 1) == 0 || size > chain.size()) break;
        chain = chain.subspan(size);
    }
    return out;
}

void DecoderImpl::set_provider(Bytes traits, Event& event) {
    const Provider& provider = providers_.get(traits, [](Bytes blob) {
        auto parsed = parse_traits(blob);
        return parsed ? *std::move(parsed) : Provider{};
    });
    event.provider = provider.name;
    event.group = provider.group ? &*provider.group : nullptr;
}

void DecoderImpl::decode_described(const etl::Record& record, Bytes blob, Event& event) {
    auto& schemas = record.is_64_bit ? schemas_64_ : schemas_32_;
    const Schema& schema = schemas.get(blob, [&](Bytes bytes) {
        Schema out;
        auto program = compile_schema(bytes, record.is_64_bit);
        if (program) {
            out.program = *std::move(program);
        } else {
            out.error = program.error().what;
        }
        return out;
    });
    if (schema.error != nullptr) {
        return leave_undecoded(schema.error, Outcome::kMalformed, record.payload, event);
    }
    event.name = schema.program.name;
    event.tag = schema.program.tag;
    walk(schema.program, record.payload, record.is_64_bit, event);
}

bool DecoderImpl::decode_kernel(const etl::Record& record, Event& event) {
    uint8_t group = 0;
    uint8_t opcode = record.descriptor.opcode;
    if (has_hook(record.type)) {
        group = uint8_t(record.hook_id >> 8);
        opcode = uint8_t(record.hook_id);
        // The kernel logs image loads with the group of processes.
        if (record.hook_id == 0x030A) group = kGroupImage;
    } else if (is_classic(record.type)) {
        const auto known = groups_.find(record.provider);
        if (known == groups_.end()) return false;
        group = known->second;
    } else {
        return false;
    }
    if (group >= kGroupCount || classes_[group] == nullptr) return false;
    event.provider = event.name = classes_[group]->name;
    const auto hook_id = uint16_t(group << 8 | opcode);
    const KernelHook* const hook = hooks_[hook_id];
    const auto own_name = hook == nullptr ? own_names_.find(hook_id) : own_names_.end();
    if (hook != nullptr) {
        event.opcode = hook->name;
    } else if (own_name != own_names_.end()) {
        event.opcode = own_name->second;
    } else {
        opcode_text_ = "Opcode(" + std::to_string(opcode) + ")";
        event.opcode = opcode_text_;
    }
    decode_layout(record, find_layout(hook, hook_id, record.descriptor.version), event);
    return true;
}

void DecoderImpl::decode_layout(const etl::Record& record, const Layout* layout, Event& event) {
    if (layout == nullptr && !record.payload.empty()) {
        return leave_undecoded("no layout for this event and version", Outcome::kUnknown,
                               record.payload, event);
    }
    if (layout == nullptr) {
        leave_undecoded("", Outcome::kDecoded, {}, event);
        return;
    }
    const auto& program = record.is_64_bit ? layout->program_64 : layout->program_32;
    walk(program, record.payload, record.is_64_bit, event);
    // A classic event may pass on a payload of the other pointer size: the header names the bitness
    // of the process that wrote it. The layout that fits to the byte is the right one.
    if (event.outcome == Outcome::kDecoded || !is_classic(record.type)) return;
    const auto& other = record.is_64_bit ? layout->program_32 : layout->program_64;
    walk(other, record.payload, !record.is_64_bit, event);
    if (event.outcome != Outcome::kDecoded) {
        walk(program, record.payload, record.is_64_bit, event);
    }
}

// What a log keeps in records of its own; a stack in the event itself is the event's.
void DecoderImpl::add_stack(const etl::Record& record, Event& event) {
    const StackTable& stacks = catalog_->impl().stacks;
    if (stacks.empty() || !event.added.stack.empty() || is_stack_record(record)) return;
    const Stack stack = stacks.find(record, stack_hint_);
    if (stack.addresses.empty()) return;
    event.added.stack = stack.addresses;
    event.added.address_size = stack.address_size;
    event.added.process = stack.process;
}

// Manifests that were given or are in the log count before those that come with Windows.
ProviderSet::Found DecoderImpl::find_described(const etl::Record& record) {
    const wire::EventDescriptor& d = record.descriptor;
    const ProviderSet& known = catalog_->impl().providers;
    if (is_classic(record.type)) return known.find(record.provider, d.opcode, d.version, true);
    const auto found = known.find(record.provider, d.id, d.version, false);
    if (found.event != nullptr) return found;
    const auto windows = windows_.find(record.provider, d.id, d.version);
    return found.provider != nullptr && windows.event == nullptr ? found : windows;
}

bool DecoderImpl::decode_from_manifest(const etl::Record& record, Event& event) {
    if (catalog_ == nullptr) return false;
    if (!is_classic(record.type) && !is_event(record.type)) return false;
    const auto found = find_described(record);
    if (found.provider != nullptr && event.provider.empty()) event.provider = *found.provider;
    if (found.event == nullptr) return false;
    const CompiledEvent& described = compiled(*found.event, record.is_64_bit);
    event.name = described.name;
    event.opcode = described.opcode;
    event.names = &described.names;
    if (!described.message.parts.empty()) event.message = &described.message;
    if (described.error != nullptr) {
        leave_undecoded(described.error, Outcome::kMalformed, record.payload, event);
        return true;
    }
    walk(described.program, record.payload, record.is_64_bit, event);
    // Writers append to an event without telling its manifest: the fields are right all the same.
    if (event.outcome == Outcome::kMalformed && event.reason == kBytesLeft) {
        event.outcome = Outcome::kDecoded;
    }
    return true;
}

const CompiledEvent& DecoderImpl::compiled(const EventModel& model, bool is_64_bit) {
    auto& events = is_64_bit ? events_64_ : events_32_;
    const auto known = events.find(&model);
    if (known != events.end()) return known->second;
    return events.emplace(&model, compile_event(model, is_64_bit)).first->second;
}

void DecoderImpl::decode_undescribed(const etl::Record& record, Event& event) {
    if (is_event(record.type) && record.descriptor.id == kManifestEventId &&
        record.payload.size() > kManifestMagicOffset &&
        record.payload[kManifestMagicOffset] == kManifestMagic) {
        event.name = "ManifestData";
        return walk(manifest_chunk_, record.payload, true, event);
    }
    leave_undecoded("No Format Information found", Outcome::kUnknown, record.payload, event);
}

// The highest version up to the event's, of its family's layouts and its own.
const DecoderImpl::Layout* DecoderImpl::find_layout(const KernelHook* hook, uint16_t hook_id,
                                                    uint16_t version) const {
    const auto find = [&](const std::vector<Layout>& versions) -> const Layout* {
        for (const Layout& layout : versions) {
            if (layout.version <= version) return &layout;
        }
        return nullptr;
    };
    const Layout* const common = hook != nullptr ? find(layouts_[size_t(hook->family)]) : nullptr;
    if (common != nullptr) return common;
    const auto own = own_layouts_.find(hook_id);
    return own != own_layouts_.end() ? find(own->second) : nullptr;
}

Decoder::Decoder(std::shared_ptr<const Catalog> catalog)
    : impl_(std::make_unique<DecoderImpl>(std::move(catalog))) {}
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

void Decoder::decode(const etl::Record& record, Event& event) { impl_->decode(record, event); }

}  // namespace etw::decode
