// From an application's call to one record for each session that wants it. Runs in signal handlers
// and in threads of any stack size.
#include "provider/private_session.h"

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

// What an application hands over.
struct Event {
    const etw_descriptor* descriptor;
    const etw_guid* activity;  // null: the thread's
    const etw_guid* related;   // or null
    const void* schema;        // an item ready to be copied, or null
    uint32_t schema_size;      // a multiple of 8
    uint32_t count;
    const etw_data* data;
};

inline bool wants(const EnableEntry& entry, const etw_descriptor& event) noexcept {
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

// The part of a record that is put together here, in words, which the section copies as words: a
// load that is wider than the store before it waits for the store to reach the cache. All else
// (traits, schema, payload) the section copies from where it is, instead of a copy being copied.
constexpr size_t kHeadWords =
    (sizeof(EventHeader) + sizeof(ExtendedItem) + sizeof(etw_guid) + sizeof(ExtendedItem)) / 8;

inline uint64_t* append_words(uint64_t* to, const void* two_words) noexcept {
    uint64_t words[2];
    std::memcpy(words, two_words, sizeof(words));
    to[0] = words[0];
    to[1] = words[1];
    return to + 2;
}

// Without its first word, which has the size.
inline uint64_t* append_header(uint64_t* to, const Registration& registration,
                               const Event& event) noexcept {
    static_assert(offsetof(EventHeader, thread_id) == 8 && offsetof(EventHeader, process_id) == 12);
    const Identity identity = current_identity();
    *to++ = identity.thread_id | uint64_t{identity.process_id} << 32;
    *to++ = 0;  // the time, which the section adds
    to = append_words(to, &registration.id);
    to = append_words(to, event.descriptor);
    *to++ = 0;  // processor times
    return append_words(to, event.activity != nullptr ? event.activity : &current_activity());
}

inline uint64_t header_word(uint64_t size, bool extended) noexcept {
    static_assert(offsetof(EventHeader, header_type) == 2 && offsetof(EventHeader, marker) == 3 &&
                  offsetof(EventHeader, flags) == 4 && offsetof(EventHeader, property) == 6);
    return size | uint64_t{uint8_t(wire::HeaderType::kEvent64)} << 16 |
           uint64_t{wire::kMarkerEvent} << 24 |
           (extended ? uint64_t{wire::kEventExtended} << 32 : 0);
}

inline uint64_t* append_related(uint64_t* to, const etw_guid* related, bool more) noexcept {
    static_assert(offsetof(ExtendedItem, type) == 2 && offsetof(ExtendedItem, linkage) == 4 &&
                  offsetof(ExtendedItem, data_size) == 6 && sizeof(ExtendedItem) == 8);
    *to++ = (sizeof(ExtendedItem) + sizeof(etw_guid)) |
            uint64_t{uint16_t(ExtendedType::kRelatedActivityId)} << 16 | uint64_t{more} << 32 |
            uint64_t{sizeof(etw_guid)} << 48;
    return append_words(to, related);
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

// For sessions whose rings did not take the record, or that have none here.
[[gnu::noinline, gnu::cold]] uint32_t not_written(SessionSlot& slot, const Record& record,
                                                  uint32_t size, Outcome outcome) noexcept {
    if (outcome != Outcome::kNoCpu) return result_of(outcome);
    const SocketEvent event = {static_cast<const std::byte*>(record.staged),
                               record.pieces,
                               record.staged_size,
                               record.piece_count,
                               size,
                               record.time_stamp_offset};
    return slot.in_process ? append_private(slot, record.generation, event)
                           : send_event(slot, record.generation, event);
}

// Hands the finished record to every session that wants it. `size` is exact, without padding.
inline uint32_t deliver(const Registration& registration, const etw_descriptor& descriptor,
                        uint32_t size, Record& record) noexcept {
    uint32_t result = ETW_OK;
    uint32_t mask = registration.entries.load(std::memory_order_acquire);
    for (; mask != 0; mask &= mask - 1) {
        const EnableEntry& entry = registration.entry[__builtin_ctz(mask)];
    again:
        const uint64_t generation = entry.generation.load(std::memory_order_acquire);
        if (generation == 0 || !wants(entry, descriptor)) continue;
        SessionSlot& slot = g_state.slots[generation % kMaxSlots];
        record.map = &slot.map;
        record.generation = generation;
        record.switched = 0;
        const bool rings = slot.rings.load(std::memory_order_relaxed);
        const Outcome outcome =
            __builtin_expect(rings, true) ? ring::write_record(record) : Outcome::kNoCpu;
        if (__builtin_expect(outcome == Outcome::kWritten, true)) continue;
        // Detached while it got other rings: the entry names them by now.
        if (rings && outcome == Outcome::kDetached) {
            std::atomic_thread_fence(std::memory_order_acquire);
            if (entry.generation.load(std::memory_order_relaxed) != generation) goto again;
        }
        if (const uint32_t failed = not_written(slot, record, size, outcome)) result = failed;
    }
    return result;
}

// Inlined into both entry points: on a path of 20 ns a call and what it spills are seen.
[[gnu::always_inline]] inline uint32_t write_event(const Registration& registration,
                                                   const Event& event) noexcept {
    if (event.count > ETW_MAX_DATA) return ETW_INVALID_PARAMETER;
    uint64_t head[kHeadWords];
    Piece pieces[ETW_MAX_DATA + 2];  // traits, schema, data
    uint64_t* to = append_header(head + 1, registration, event);
    Piece* piece = pieces;
    // Read once: EventSetInformation may change it meanwhile.
    const uint32_t traits_size = registration.traits_item_size.load(std::memory_order_acquire);
    uint64_t size = sizeof(EventHeader) + traits_size + event.schema_size;
    if (__builtin_expect(event.related != nullptr, false)) {
        to = append_related(to, event.related, (traits_size | event.schema_size) != 0);
        size += sizeof(ExtendedItem) + sizeof(etw_guid);
    }
    const bool extended = size != sizeof(EventHeader);
    if (traits_size != 0) {
        // Its first word says whether another item follows, which differs from event to event.
        const std::byte* item = registration.traits_item;
        std::memcpy(to, item, sizeof(*to));
        if (event.schema_size != 0) *to |= uint64_t{1} << 8 * offsetof(ExtendedItem, linkage);
        ++to;
        *piece++ = {item + sizeof(*to), traits_size - sizeof(*to)};
    }
    if (event.schema_size != 0) *piece++ = {event.schema, event.schema_size};
    const etw_data* const end = event.data + event.count;
    for (const etw_data* data = event.data; data != end; ++data) {
        const uint32_t data_size = data->size;
        *piece++ = {reinterpret_cast<const void*>(uintptr_t(data->address)), data_size};
        size += data_size;
    }
    if (__builtin_expect(size > wire::kMaxRecordSize, false)) return ETW_ARITHMETIC_OVERFLOW;
    head[0] = header_word(size, extended);
    Record record = {nullptr,
                     0,
                     head,
                     pieces,
                     uint32_t(to - head) * 8,
                     uint32_t(piece - pieces),
                     align8(uint32_t(size)),
                     offsetof(EventHeader, time_stamp)};
    return deliver(registration, *event.descriptor, uint32_t(size), record);
}

}  // namespace

}  // namespace etw::provider

using namespace etw::provider;

extern "C" {

uint32_t etw_write(uint64_t handle, const etw_descriptor* descriptor, const etw_guid* activity,
                   const etw_guid* related, uint32_t count, const etw_data* data) {
    const Registration* registration = registration_of(handle);
    if (registration == nullptr) return ETW_INVALID_HANDLE;
    if (descriptor == nullptr || (count != 0 && data == nullptr)) return ETW_INVALID_PARAMETER;
    if (registration->entries.load(std::memory_order_relaxed) == 0) return ETW_OK;
    return write_event(*registration, {descriptor, activity, related, nullptr, 0, count, data});
}

uint32_t etw_write_self_describing(const etw_provider* provider, const etw_event* event,
                                   const etw_guid* activity, const etw_guid* related,
                                   uint32_t count, const etw_data* data) {
    const Registration* registration =
        registration_of(__atomic_load_n(&provider->handle, __ATOMIC_RELAXED));
    if (registration == nullptr) return ETW_INVALID_HANDLE;
    return write_event(*registration, {&event->descriptor, activity, related, event + 1,
                                       event->item_size, count, data});
}

}  // extern "C"
