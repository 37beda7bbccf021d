// From an application's call to one record for each session that wants it. Runs in signal handlers
// and in threads of any stack size.
#include "provider/deliver.h"

#include <alloca.h>

#include <algorithm>
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
    bool in_private;           // not for sessions that exclude such
};

inline bool wants_keyword(const std::atomic<uint64_t>& match_any,
                          const std::atomic<uint64_t>& match_all, uint64_t keyword) noexcept {
    if (keyword == 0) return true;
    const uint64_t any = match_any.load(std::memory_order_relaxed);
    if (any == 0) return true;
    const uint64_t all = match_all.load(std::memory_order_relaxed);
    return (keyword & any) != 0 && (keyword & all) == all;
}

inline bool wants(const EnableEntry& entry, const etw_descriptor& event) noexcept {
    const uint32_t level = entry.level.load(std::memory_order_relaxed);
    return (event.level <= level || level == 0) &&
           wants_keyword(entry.match_any, entry.match_all, event.keyword);
}

// The part of a record that is put together here, in pairs of words, which the section copies as
// pairs: a load that is wider than the store before it waits for the store to reach the cache. All
// else (traits, schema, payload) the section copies from where it is, instead of a copy being
// copied.
using Pair = ring::HeaderPart;
struct Header {
    Pair parts[sizeof(EventHeader) / sizeof(Pair)];
};
struct Head {
    Header header;
    uint64_t items[(sizeof(ExtendedItem) + sizeof(etw_guid) + sizeof(ExtendedItem)) / 8];
};
static_assert(sizeof(EventHeader) == 80 && sizeof(Pair) == 16);

inline uint64_t word_of(const void* data, size_t index) noexcept {
    uint64_t word;
    std::memcpy(&word, static_cast<const std::byte*>(data) + index * sizeof(word), sizeof(word));
    return word;
}

inline Pair pair_of(const etw_guid* id) noexcept {
    Pair pair;
    std::memcpy(&pair, id, sizeof(pair));
    return pair;
}

// The thread's own without taking its address, which costs more than a branch.
inline Pair activity_or_own(const etw_guid* activity) noexcept {
    return __builtin_expect(activity == nullptr, true) ? pair_of(&current_activity())
                                                       : pair_of(activity);
}

// In the lower half of a pair.
inline Pair own_identity() noexcept { return Pair{word_of(&t_state.identity, 0), 0}; }

inline Header make_header(uint64_t first_word, const etw_guid& provider_id,
                          const Identity& identity, const etw_descriptor& descriptor,
                          const etw_guid* activity) noexcept {
    static_assert(offsetof(EventHeader, thread_id) == 8 && offsetof(EventHeader, process_id) == 12);
    static_assert(offsetof(EventHeader, time_stamp) == 16 &&
                  offsetof(EventHeader, provider_id) == 24);
    static_assert(offsetof(EventHeader, descriptor) == 40 &&
                  offsetof(EventHeader, kernel_time) == 56 &&
                  offsetof(EventHeader, activity_id) == 64);
    static_assert(offsetof(Identity, thread_id) == 0 && offsetof(Identity, process_id) == 4);
    return {{Pair{first_word, word_of(&identity, 0)},
             Pair{0, word_of(&provider_id, 0)},  // the section adds the time
             Pair{word_of(&provider_id, 1), word_of(&descriptor, 0)},
             Pair{word_of(&descriptor, 1), 0},  // no processor times
             activity_or_own(activity)}};
}

inline uint64_t header_word(uint64_t size, bool extended) noexcept {
    static_assert(offsetof(EventHeader, header_type) == 2 && offsetof(EventHeader, marker) == 3 &&
                  offsetof(EventHeader, flags) == 4 && offsetof(EventHeader, property) == 6);
    constexpr uint32_t kTypeAndMarker =
        uint32_t{uint8_t(wire::HeaderType::kEvent64)} << 16 | uint32_t{wire::kMarkerEvent} << 24;
    static_assert(kTypeAndMarker == ETW_EVENT_TYPE_AND_MARKER &&
                  wire::kEventExtended == ETW_EVENT_EXTENDED &&
                  sizeof(EventHeader) == ETW_HEADER_SIZE && wire::kMaxRecordSize < ETW_TOO_LARGE);
    return size | kTypeAndMarker | (extended ? uint64_t{wire::kEventExtended} << 32 : 0);
}

inline uint64_t* append_related(uint64_t* to, const etw_guid* related, bool more) noexcept {
    static_assert(offsetof(ExtendedItem, type) == 2 && offsetof(ExtendedItem, linkage) == 4 &&
                  offsetof(ExtendedItem, data_size) == 6 && sizeof(ExtendedItem) == 8);
    *to++ = (sizeof(ExtendedItem) + sizeof(etw_guid)) |
            uint64_t{uint16_t(ExtendedType::kRelatedActivityId)} << 16 | uint64_t{more} << 32 |
            uint64_t{sizeof(etw_guid)} << 48;
    to[0] = word_of(related, 0);
    to[1] = word_of(related, 1);
    return to + 2;
}

// --- for few sessions ------------------------------------------------------------------------

// `plain` with the items that the session has asked for, behind the related activity.
[[gnu::noinline]] uint32_t write_extended(const EnableEntry& entry, uint64_t generation,
                                          uint32_t properties, const Event& event, Record record,
                                          uint32_t size, uint64_t& event_key,
                                          const void* caller) noexcept {
    properties = without_stack_for_want_of_room(properties);
    const bool few = (properties & kPropertyStackTrace) == 0;
    const size_t words = sizeof(Head) / 8 + (few ? kFewItemWords : kMaxItemWords);
    auto* const staged = static_cast<uint64_t*>(::alloca(words * sizeof(uint64_t)));
    const auto* from = static_cast<const std::byte*>(record.staged);
    constexpr uint32_t kRelated = sizeof(ExtendedItem) + sizeof(etw_guid);
    const uint32_t before = sizeof(EventHeader) + (event.related != nullptr ? kRelated : 0);
    AddedItems items = {staged + before / 8};
    const uint32_t room = entry.room.load(std::memory_order_relaxed);
    const uint32_t limit = room < wire::kMaxRecordSize ? room : uint32_t{wire::kMaxRecordSize};
    if (record.size < limit) add_items(items, properties, event_key, caller, limit - record.size);
    auto* to = reinterpret_cast<std::byte*>(staged);
    std::memcpy(to, from, before);
    std::memcpy(to + before + items.size, from + before, record.staged_size - before);
    if (items.size != 0) {
        constexpr uint64_t kLinked = uint64_t{1} << 8 * offsetof(ExtendedItem, linkage);
        staged[0] = header_word(size + items.size, true);
        if (event.related != nullptr) staged[sizeof(EventHeader) / 8] |= kLinked;
        const bool more = record.pieces[0].size + record.pieces[1].size != 0;  // traits, schema
        if (!more) staged[(before + items.last) / 8] &= ~kLinked;
    }
    record.staged = staged;
    record.staged_size += items.size;
    record.size += items.size;
    for (;;) {
        SessionSlot& slot = g_state.slots[generation % kMaxSlots];
        record.map = &slot.map;
        record.generation = generation;
        const bool rings = slot.rings.load(std::memory_order_relaxed);
        const Outcome outcome = rings ? ring::write_record(record) : Outcome::kNoCpu;
        if (outcome == Outcome::kWritten) return ETW_OK;
        if (!moved(entry, generation, rings, outcome)) {
            return not_written(slot, record, size + items.size, outcome);
        }
        generation = entry.generation.load(std::memory_order_acquire);
    }
}

// For sessions with a filter of event ids or with enable properties.
[[gnu::noinline, gnu::cold]] uint32_t deliver_special(const EnableEntry& entry, uint64_t generation,
                                                      uint32_t special, const Event& event,
                                                      const Record& record, uint32_t size,
                                                      uint64_t& event_key,
                                                      const void* caller) noexcept {
    const etw_descriptor& descriptor = *event.descriptor;
    if (descriptor.keyword == 0 && (special & kPropertyIgnoreKeyword0) != 0) return ETW_OK;
    if (event.in_private && (special & kPropertyExcludeInPrivate) != 0) return ETW_OK;
    if (event.schema_size == 0) {  // self-describing events have no ids
        const auto leaves_out = [&](uint32_t bit, const std::atomic<IdSet*>& ids) {
            return (special & bit) != 0 && !ids.load(std::memory_order_relaxed)->has(descriptor.id);
        };
        if (leaves_out(kSpecialEventIds, entry.events)) return ETW_OK;
        if (leaves_out(kSpecialStackIds, entry.stacks)) special &= ~uint32_t{kPropertyStackTrace};
    }
    return write_extended(entry, generation, special & kKnownProperties, event, record, size,
                          event_key, caller);
}

// Does any session take events of the id? With the registration's entry bits, some of which filter.
[[gnu::noinline]] bool id_wanted(const Registration& registration, uint32_t entries,
                                 uint16_t id) noexcept {
    for (uint32_t mask = entries & kEntryBits; mask != 0; mask &= mask - 1) {
        const auto index = uint32_t(__builtin_ctz(mask));
        if ((entries >> (kFiltered + index) & 1) == 0) return true;
        if (registration.entry[index].events.load(std::memory_order_acquire)->has(id)) return true;
    }
    return false;
}

// --- for all ---------------------------------------------------------------------------------

// Hands the finished record to every session that wants it. `size` is exact, without padding.
uint32_t deliver(const Registration& registration, const Event& event, uint32_t size,
                 Record& record, const void* caller) noexcept {
    uint64_t event_key = 0;
    uint32_t result = ETW_OK;
    uint32_t mask = registration.entries.load(std::memory_order_acquire) & kEntryBits;
    for (; mask != 0; mask &= mask - 1) {
        const EnableEntry& entry = registration.entry[__builtin_ctz(mask)];
    again:
        const uint64_t generation = entry.generation.load(std::memory_order_acquire);
        if (generation == 0 || !wants(entry, *event.descriptor)) continue;
        const uint32_t special = entry.special.load(std::memory_order_acquire);
        if (__builtin_expect(special != 0, false)) {
            if (const uint32_t failed = deliver_special(entry, generation, special, event, record,
                                                        size, event_key, caller)) {
                result = failed;
            }
            continue;
        }
        SessionSlot& slot = g_state.slots[generation % kMaxSlots];
        record.map = &slot.map;
        record.generation = generation;
        const bool rings = slot.rings.load(std::memory_order_relaxed);
        const Outcome outcome =
            __builtin_expect(rings, true) ? ring::write_record(record) : Outcome::kNoCpu;
        if (__builtin_expect(outcome == Outcome::kWritten, true)) continue;
        if (moved(entry, generation, rings, outcome)) goto again;
        if (const uint32_t failed = not_written(slot, record, size, outcome)) result = failed;
    }
    return result;
}

// `pieces`: two free ones, then the event's `count`.
[[gnu::noinline]] uint32_t write_event(const Registration& registration, const Event& event,
                                       Piece* pieces, uint32_t count, const void* caller) noexcept {
    Head head;
    uint64_t* to = head.items;
    // Read once: EventSetInformation may change it meanwhile.
    const uint32_t traits_size = registration.source.traits_size.load(std::memory_order_acquire);
    uint64_t size = sizeof(EventHeader) + traits_size + event.schema_size;
    if (__builtin_expect(event.related != nullptr, false)) {
        to = append_related(to, event.related, (traits_size | event.schema_size) != 0);
        size += sizeof(ExtendedItem) + sizeof(etw_guid);
    }
    const bool extended = size != sizeof(EventHeader);
    pieces[0] = {registration.traits_item, traits_size, 0};
    pieces[1] = {event.schema, event.schema_size, 0};
    if (event.schema_size == 0 && traits_size != 0) {
        // The item says that another one follows, as it does in self-describing events.
        std::memcpy(to, registration.traits_item, sizeof(*to));
        *to++ ^= uint64_t{1} << 8 * offsetof(ExtendedItem, linkage);
        pieces[0] = {registration.traits_item + sizeof(*to), traits_size - uint32_t{sizeof(*to)},
                     0};
    }
    for (uint32_t i = 2; i < count + 2; ++i) size += pieces[i].size;
    if (__builtin_expect(size > wire::kMaxRecordSize, false)) return ETW_ARITHMETIC_OVERFLOW;
    head.header = make_header(header_word(size, extended), registration.source.provider_id,
                              current_identity(), *event.descriptor, event.activity);
    Record record = {
        nullptr,
        0,
        &head,
        pieces,
        uint32_t(reinterpret_cast<std::byte*>(to) - reinterpret_cast<std::byte*>(&head)),
        count + 2,
        align8(uint32_t(size)),
        offsetof(EventHeader, time_stamp)};
    return deliver(registration, event, uint32_t(size), record, caller);
}

// --- self-describing, put together at run time -------------------------------------------------

// With an extended item for the metadata of each kind, of which the record copies the bytes from
// where they are. Without metadata of the event it is one like any other.
[[gnu::noinline, gnu::cold]] uint32_t write_typed(const Registration& registration, Event event,
                                                  const etw_data* data, uint32_t count,
                                                  const void* caller) noexcept {
    uint64_t bytes[ETW_DATA_PROVIDER_METADATA + 1] = {};
    for (uint32_t i = 0; i < count; ++i) {
        const auto type = uint8_t(data[i].reserved);
        if (type == ETW_DATA_TIME_STAMP) return ETW_NOT_SUPPORTED;
        if (type > ETW_DATA_PROVIDER_METADATA) return ETW_INVALID_PARAMETER;
        bytes[type] += data[i].size;
    }
    constexpr uint32_t kHead = sizeof(ExtendedItem);
    if (bytes[ETW_DATA_PAYLOAD] + bytes[ETW_DATA_EVENT_METADATA] +
            bytes[ETW_DATA_PROVIDER_METADATA] >
        wire::kMaxRecordSize - 2 * kHead) {
        return ETW_ARITHMETIC_OVERFLOW;
    }
    Piece pieces[kMaxPieces];
    uint32_t used = 1;  // the first is write_event's
    const auto add_pieces = [&](uint8_t type) {
        for (uint32_t i = 0; i < count; ++i) {
            if (uint8_t(data[i].reserved) != type) continue;
            pieces[used++] = {reinterpret_cast<const void*>(data[i].address), data[i].size, 0};
        }
    };
    static constexpr uint64_t kZeros = 0;
    const auto add_item = [&](ExtendedItem& head, uint8_t type, ExtendedType item, bool more) {
        const auto size = uint32_t(bytes[type]);
        const auto padded = uint32_t(align8(size));
        head = {uint16_t(kHead + padded), uint16_t(item), uint16_t(more), uint16_t(size)};
        pieces[used++] = {&head, kHead, 0};
        add_pieces(type);
        pieces[used++] = {&kZeros, padded - size, 0};
    };
    ExtendedItem traits, schema;
    if (bytes[ETW_DATA_EVENT_METADATA] != 0) {
        const bool own = registration.source.traits_size.load(std::memory_order_acquire) == 0;
        if (own && bytes[ETW_DATA_PROVIDER_METADATA] != 0) {
            add_item(traits, ETW_DATA_PROVIDER_METADATA, ExtendedType::kProviderTraits, true);
        }
        add_item(schema, ETW_DATA_EVENT_METADATA, ExtendedType::kEventSchemaTl, false);
        event.schema = pieces[1].data;
        event.schema_size = kHead;  // all else counts as payload does
    } else {
        ++used;
    }
    add_pieces(ETW_DATA_PAYLOAD);
    return write_event(registration, event, pieces, used - 2, caller);
}

// --- for one session -------------------------------------------------------------------------

// For all other sessions.
[[gnu::noinline]] uint32_t write_copied(const Registration& registration, const Event& event,
                                        const Piece* data, uint32_t count,
                                        const void* caller) noexcept {
    if (count > ETW_MAX_DATA) return ETW_INVALID_PARAMETER;
    auto* const pieces = static_cast<Piece*>(::alloca((count + 2) * sizeof(Piece)));
    if (count != 0) std::memcpy(pieces + 2, data, count * sizeof(*data));
    return write_event(registration, event, pieces, count, caller);
}

inline Event described_event(const etw_event& event, const etw_guid* activity,
                             const etw_guid* related) noexcept {
    return {&event.descriptor, activity, related, &event + 1, event.item_size, false};
}

inline etw_guid guid_of(Pair pair) noexcept {
    etw_guid id;
    std::memcpy(&id, &pair, sizeof(id));
    return id;
}

inline const Registration* registration_at(const void* source) noexcept {
    return reinterpret_cast<const Registration*>(static_cast<const std::byte*>(source) -
                                                 offsetof(Registration, source));
}

// Is it for a quick section? Only the section knows for certain, but from there the caller cannot
// be told, whose address a session may want that takes no event as it is.
inline bool is_quick(const ring::EventSource& source, uint64_t state) noexcept {
    return identity_known() && source.state.load(std::memory_order_relaxed) == state;
}

// Where the event was found to be wanted has become another's registration since then.
inline bool is_stale(const Registration& registration, uint64_t state) noexcept {
    return state < registration.first_state.load(std::memory_order_relaxed);
}

inline const Piece* pieces_of(const etw_data* data) noexcept {
    return reinterpret_cast<const Piece*>(data);
}

// A self-describing one. The activity by value: its address would cost those that do not come here.
[[gnu::noinline]] uint32_t write_described(const ring::EventSource* source, const etw_event& event,
                                           uint64_t state, const Piece* pieces, uint64_t extent,
                                           Pair activity, const void* caller) noexcept {
    const Registration& registration = *registration_at(source);
    if (is_stale(registration, state)) return ETW_INVALID_HANDLE;
    const etw_guid given = guid_of(activity);
    return write_copied(registration, described_event(event, &given, nullptr), pieces,
                        uint32_t(extent >> 32), caller);
}

}  // namespace

// One that a full ring refuses is counted when it has been refused a second time.
uint32_t write_rest(const ring::EventSource* source, const void* head, uint64_t state,
                    const Piece* pieces, uint64_t extent, uint32_t described,
                    Pair activity) noexcept {
    const void* const caller = __builtin_return_address(0);
    if (described != 0) {
        return write_described(source, *static_cast<const etw_event*>(head), state, pieces, extent,
                               activity, caller);
    }
    const Registration& registration = *registration_at(source);
    if (is_stale(registration, state)) return ETW_INVALID_HANDLE;
    const etw_guid given = guid_of(activity);
    const auto* const descriptor = static_cast<const etw_descriptor*>(head);
    return write_copied(registration, {descriptor, &given, nullptr, nullptr, 0, false}, pieces,
                        uint32_t(extent >> 32), caller);
}

namespace {

[[gnu::always_inline]] inline uint32_t write_any(uint64_t handle, const etw_descriptor* descriptor,
                                                 const etw_guid* activity, const etw_guid* related,
                                                 uint32_t count, const etw_data* data,
                                                 bool in_private, const void* caller) noexcept {
    const Registration* registration = registration_of(handle);
    if (registration == nullptr) return ETW_INVALID_HANDLE;
    if (descriptor == nullptr || (count != 0 && data == nullptr)) return ETW_INVALID_PARAMETER;
    const uint32_t entries = registration->entries.load(std::memory_order_acquire);
    if (entries == 0) return ETW_OK;
    if (count > ETW_MAX_DATA) return ETW_INVALID_PARAMETER;
    const Event event = {descriptor, activity, related, nullptr, 0, in_private};
    if (__builtin_expect(registration->typed.load(std::memory_order_relaxed), false)) {
        for (uint32_t i = 0; i < count; ++i) {
            if (uint8_t(data[i].reserved) == ETW_DATA_PAYLOAD) continue;
            return write_typed(*registration, event, data, count, caller);
        }
    }
    if (__builtin_expect(entries >> kFiltered != 0, false) &&
        !id_wanted(*registration, entries, descriptor->id)) {
        return ETW_OK;
    }
    // What is private is not told to a section, which could not tell it when it goes on elsewhere.
    const bool bare = registration->source.traits_size.load(std::memory_order_acquire) == 0;
    if (__builtin_expect(bare && related == nullptr && !in_private, true)) {
        const uint64_t state = etw_state_of(&registration->wanted);
        if (!etw_is_wanted(&registration->wanted, state, descriptor->level, descriptor->keyword)) {
            return ETW_OK;
        }
        if (__builtin_expect(is_quick(registration->source, state), true)) {
            uint64_t size = sizeof(EventHeader);
            for (uint32_t i = 0; i < count; ++i) size += data[i].size;
            const uint64_t extent = std::min(size, uint64_t{ETW_TOO_LARGE}) | uint64_t{count} << 32;
            return ring::etw_ring_write_event(&registration->source, descriptor, state,
                                              pieces_of(data), extent, t_state.rseq,
                                              activity_or_own(activity), own_identity());
        }
    }
    return write_copied(*registration, event, pieces_of(data), count, caller);
}

}  // namespace

}  // namespace etw::provider

using namespace etw::provider;

extern "C" {

uint32_t etw_write(uint64_t handle, const etw_descriptor* descriptor, const etw_guid* activity,
                   const etw_guid* related, uint32_t count, const etw_data* data) {
    return write_any(handle, descriptor, activity, related, count, data, false,
                     __builtin_return_address(0));
}

uint32_t etw_write_in_private(uint64_t handle, const etw_descriptor* descriptor,
                              const etw_guid* activity, const etw_guid* related, uint32_t count,
                              const etw_data* data) {
    return write_any(handle, descriptor, activity, related, count, data, true,
                     __builtin_return_address(0));
}

uint32_t etw_write_self_describing(const etw_provider* provider, const etw_event* event,
                                   uint64_t state, const etw_data* data, uint64_t extent,
                                   const etw_guid* activity) {
    const auto* source = static_cast<const etw::ring::EventSource*>(
        __atomic_load_n(&provider->enabled.source, __ATOMIC_RELAXED));
    if (__builtin_expect(source == nullptr, false)) return ETW_INVALID_HANDLE;
    const Pair of = activity_or_own(activity);
    if (__builtin_expect(!is_quick(*source, state), false)) {
        return write_described(source, *event, state, pieces_of(data), extent, of,
                               __builtin_return_address(0));
    }
    return etw::ring::etw_ring_write_described(source, event, state, pieces_of(data), extent,
                                               t_state.rseq, of, own_identity());
}

uint32_t etw_write_related(const etw_provider* provider, const etw_event* event, uint64_t state,
                           const etw_data* data, uint64_t extent, const etw_guid* activity,
                           const etw_guid* related) {
    const void* source = __atomic_load_n(&provider->enabled.source, __ATOMIC_RELAXED);
    if (source == nullptr) return ETW_INVALID_HANDLE;
    const Registration& registration = *registration_at(source);
    if (is_stale(registration, state)) return ETW_INVALID_HANDLE;
    return write_copied(registration, described_event(*event, activity, related), pieces_of(data),
                        uint32_t(extent >> 32), __builtin_return_address(0));
}

}  // extern "C"
