// From an application's call to one record for each session that wants it. Runs in signal handlers
// and in threads of any stack size.
#include "provider/state.h"

#include <cstring>

namespace etw::provider {

namespace {

using ring::Outcome;
using ring::Piece;
using ring::Record;
using wire::align8;
using wire::EventHeader;
using wire::ExtendedItem;
using wire::ExtendedType;

// Events up to this size are put together on the stack; of larger ones only the header and items.
constexpr size_t kStageSize = 768;
constexpr size_t kCopySlack = 16;

// Copies with moves of fixed size, which the compiler expands; may write kCopySlack bytes too many.
inline std::byte* append(std::byte* to, const void* from, size_t size) noexcept {
    const auto* source = static_cast<const std::byte*>(from);
    if (size <= 16) {
        if (size >= 8) {
            uint64_t first, last;
            std::memcpy(&first, source, 8);
            std::memcpy(&last, source + size - 8, 8);
            std::memcpy(to, &first, 8);
            std::memcpy(to + size - 8, &last, 8);
        } else if (size >= 4) {
            uint32_t first, last;
            std::memcpy(&first, source, 4);
            std::memcpy(&last, source + size - 4, 4);
            std::memcpy(to, &first, 4);
            std::memcpy(to + size - 4, &last, 4);
        } else if (size != 0) {
            to[0] = source[0];
            to[size / 2] = source[size / 2];
            to[size - 1] = source[size - 1];
        }
        return to + size;
    }
    std::memcpy(to, source, size);
    return to + size;
}

// For blocks whose size is a multiple of 8, on 8-byte boundaries: headers and items.
inline std::byte* append_words(std::byte* to, const void* from, size_t size) noexcept {
    const auto* source = static_cast<const std::byte*>(from);
    size_t at = 0;
    for (; at + 16 <= size; at += 16) std::memcpy(to + at, source + at, 16);
    if (at < size) std::memcpy(to + at, source + at, 8);
    return to + size;
}

// An event on its way, parts in the order they have in the record.
struct Draft {
    const Registration* registration;
    const etw_descriptor* descriptor;
    const etw_guid* activity;
    const etw_guid* related;
    const void* schema;  // an item ready to be copied, or null
    uint32_t schema_size;
    uint32_t traits_size;  // of the item, read once: EventSetInformation may change it meanwhile
    uint32_t items_size;
    uint32_t size;  // of the record, exact
    uint32_t count;
    const etw_data* data;
};

bool wants(const EnableEntry& entry, const etw_descriptor& event) noexcept {
    const uint32_t level = entry.level.load(std::memory_order_relaxed);
    if (event.level > level && level != 0) return false;
    constexpr uint32_t kIgnoreKeyword0 = 0x10;  // EVENT_ENABLE_PROPERTY_IGNORE_KEYWORD_0
    if (event.keyword == 0) {
        return (entry.property.load(std::memory_order_relaxed) & kIgnoreKeyword0) == 0;
    }
    const uint64_t any = entry.match_any.load(std::memory_order_relaxed);
    if (any == 0) return true;
    const uint64_t all = entry.match_all.load(std::memory_order_relaxed);
    return (event.keyword & any) != 0 && (event.keyword & all) == all;
}

// Header and items; returns where the payload goes.
inline std::byte* stage_head(std::byte* to, const Draft& draft) noexcept {
    const Identity identity = current_identity();
    EventHeader header;
    header.size = uint16_t(draft.size);
    header.header_type = uint8_t(wire::HeaderType::kEvent64);
    header.marker = wire::kMarkerEvent;
    header.flags = draft.items_size != 0 ? wire::kEventExtended : uint16_t{0};
    header.property = 0;
    header.thread_id = identity.thread_id;
    header.process_id = identity.process_id;
    header.time_stamp = 0;
    std::memcpy(static_cast<void*>(&header.provider_id), &draft.registration->id, sizeof(Guid));
    std::memcpy(static_cast<void*>(&header.descriptor), draft.descriptor, sizeof(etw_descriptor));
    header.kernel_time = 0;
    header.user_time = 0;
    if (draft.activity != nullptr) {
        std::memcpy(static_cast<void*>(&header.activity_id), draft.activity, sizeof(Guid));
    } else {
        etw_guid current;
        etw_activity_get(&current);
        std::memcpy(static_cast<void*>(&header.activity_id), &current, sizeof(Guid));
    }
    to = append_words(to, &header, sizeof(header));
    const auto more = [](bool follows) { return uint16_t(follows ? 1 : 0); };
    if (draft.related != nullptr) {
        const ExtendedItem item = {
            sizeof(ExtendedItem) + sizeof(etw_guid), uint16_t(ExtendedType::kRelatedActivityId),
            more(draft.traits_size != 0 || draft.schema_size != 0), sizeof(etw_guid)};
        to = append_words(to, &item, sizeof(item));
        to = append_words(to, draft.related, sizeof(etw_guid));
    }
    if (draft.traits_size != 0) {
        std::byte* item = to;
        to = append_words(to, draft.registration->traits_item, draft.traits_size);
        const uint16_t linkage = more(draft.schema_size != 0);
        std::memcpy(item + offsetof(ExtendedItem, linkage), &linkage, sizeof(linkage));
    }
    if (draft.schema_size != 0) to = append_words(to, draft.schema, draft.schema_size);
    return to;
}

uint32_t result_of(Outcome outcome) noexcept {
    switch (outcome) {
        case Outcome::kWritten:
        case Outcome::kDetached:  // the session has just gone: as if it had never been
            return ETW_OK;
        case Outcome::kTooBig:
            return ETW_MORE_DATA;
        case Outcome::kFull:
        case Outcome::kNoCpu:
            break;
    }
    return ETW_NOT_ENOUGH_MEMORY;
}

// Hands the finished record to every session that wants it.
uint32_t deliver(Registration& registration, const Draft& draft, Record& record) noexcept {
    uint32_t result = ETW_OK;
    uint32_t mask = registration.entries.load(std::memory_order_acquire);
    for (; mask != 0; mask &= mask - 1) {
        const EnableEntry& entry = registration.entry[__builtin_ctz(mask)];
    again:
        const uint64_t generation = entry.generation.load(std::memory_order_acquire);
        if (generation == 0 || !wants(entry, *draft.descriptor)) continue;
        SessionSlot& slot = g_state.slots[generation % kMaxSlots];
        record.map = &slot.map;
        record.generation = generation;
        record.switched = 0;
        Outcome outcome = Outcome::kDetached;
        const bool by_socket = !slot.rings.load(std::memory_order_relaxed);
        if (!by_socket) outcome = ring::write_record(record);
        if (__builtin_expect(outcome == Outcome::kWritten, true)) continue;
        // Detached while it got other rings: the entry names them by now.
        if (!by_socket && outcome == Outcome::kDetached) {
            std::atomic_thread_fence(std::memory_order_acquire);
            if (entry.generation.load(std::memory_order_relaxed) != generation) goto again;
        }
        if (by_socket || outcome == Outcome::kNoCpu) {
            const SocketEvent event = {static_cast<const std::byte*>(record.staged),
                                       record.pieces,
                                       record.staged_size,
                                       record.piece_count,
                                       draft.size,
                                       record.time_stamp_offset};
            if (const uint32_t failed = send_event(slot, generation, event)) result = failed;
        } else if (const uint32_t failed = result_of(outcome)) {
            result = failed;
        }
    }
    return result;
}

[[gnu::noinline]] uint32_t write_staged(Registration& registration, const Draft& draft) noexcept {
    alignas(16) std::byte stage[kStageSize + kCopySlack];
    std::byte* to = stage_head(stage, draft);
    for (uint32_t i = 0; i < draft.count; ++i) {
        to = append(to, reinterpret_cast<const void*>(uintptr_t(draft.data[i].address)),
                    draft.data[i].size);
    }
    const uint64_t zeros = 0;
    std::memcpy(to, &zeros, sizeof(zeros));  // up to the next multiple of 8, in the slack
    const uint32_t size = align8(draft.size);
    Record record = {nullptr, 0, stage, nullptr, size, 0, size, offsetof(EventHeader, time_stamp)};
    return deliver(registration, draft, record);
}

// Too big for the stack: the section copies the payload from where the application has it.
[[gnu::noinline]] uint32_t write_gathered(Registration& registration, const Draft& draft) noexcept {
    constexpr size_t kHeadSize = sizeof(EventHeader) + 2 * sizeof(ExtendedItem) + sizeof(etw_guid);
    alignas(16) std::byte stage[kHeadSize];
    Piece pieces[ETW_MAX_DATA + 3];  // traits, schema, data, padding
    uint32_t count = 0;
    Draft head = draft;
    head.traits_size = 0;
    head.schema_size = 0;
    std::byte* to = stage_head(stage, head);
    if (draft.related != nullptr && (draft.traits_size != 0 || draft.schema_size != 0)) {
        const uint16_t linkage = 1;
        std::memcpy(stage + sizeof(EventHeader) + offsetof(ExtendedItem, linkage), &linkage,
                    sizeof(linkage));
    }
    if (draft.traits_size != 0) {
        ExtendedItem item;
        std::memcpy(&item, registration.traits_item, sizeof(item));
        item.linkage = draft.schema_size != 0 ? 1 : 0;
        to = append_words(to, &item, sizeof(item));
        pieces[count++] = {registration.traits_item + sizeof(item),
                           draft.traits_size - sizeof(item)};
    }
    if (draft.schema_size != 0) pieces[count++] = {draft.schema, draft.schema_size};
    for (uint32_t i = 0; i < draft.count; ++i) {
        if (draft.data[i].size == 0) continue;
        pieces[count++] = {reinterpret_cast<const void*>(uintptr_t(draft.data[i].address)),
                           draft.data[i].size};
    }
    const uint64_t zeros = 0;
    const uint32_t size = align8(draft.size);
    if (size != draft.size) pieces[count++] = {&zeros, size - draft.size};
    Record record = {nullptr,
                     0,
                     stage,
                     pieces,
                     uint32_t(to - stage),
                     count,
                     size,
                     offsetof(EventHeader, time_stamp)};
    return deliver(registration, draft, record);
}

inline uint32_t write_event(Registration& registration, const etw_descriptor* descriptor,
                            const etw_guid* activity, const etw_guid* related, const void* schema,
                            uint32_t schema_size, uint32_t count, const etw_data* data) noexcept {
    if (count > ETW_MAX_DATA) return ETW_INVALID_PARAMETER;
    Draft draft = {&registration, descriptor, activity, related, schema, schema_size, 0, 0, 0,
                   count,         data};
    draft.traits_size = registration.traits_item_size.load(std::memory_order_acquire);
    draft.items_size = draft.traits_size + schema_size;
    if (related != nullptr) draft.items_size += uint32_t(sizeof(ExtendedItem) + sizeof(etw_guid));
    uint64_t size = sizeof(EventHeader) + draft.items_size;
    for (uint32_t i = 0; i < count; ++i) size += data[i].size;
    if (__builtin_expect(size > wire::kMaxRecordSize, false)) return ETW_ARITHMETIC_OVERFLOW;
    draft.size = uint32_t(size);
    return __builtin_expect(size <= kStageSize, true) ? write_staged(registration, draft)
                                                      : write_gathered(registration, draft);
}

}  // namespace

}  // namespace etw::provider

using namespace etw::provider;

extern "C" {

uint32_t etw_write(uint64_t handle, const etw_descriptor* descriptor, const etw_guid* activity,
                   const etw_guid* related, uint32_t count, const etw_data* data) {
    Registration* registration = registration_of(handle);
    if (registration == nullptr) return ETW_INVALID_HANDLE;
    if (descriptor == nullptr || (count != 0 && data == nullptr)) return ETW_INVALID_PARAMETER;
    if (registration->entries.load(std::memory_order_relaxed) == 0) return ETW_OK;
    return write_event(*registration, descriptor, activity, related, nullptr, 0, count, data);
}

uint32_t etw_write_self_describing(const etw_provider* provider, const etw_event* event,
                                   const etw_guid* activity, const etw_guid* related,
                                   uint32_t count, const etw_data* data) {
    Registration* registration =
        registration_of(__atomic_load_n(&provider->handle, __ATOMIC_RELAXED));
    if (registration == nullptr) return ETW_INVALID_HANDLE;
    return write_event(*registration, &event->descriptor, activity, related, event + 1,
                       event->item_size, count, data);
}

}  // extern "C"
