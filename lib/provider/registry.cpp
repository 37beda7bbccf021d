// Registrations: what the application asked for, and what all sessions together want of each.
#include "provider/state.h"

#include <stdlib.h>
#include <sys/mman.h>

#include <cstring>
#include <utility>

namespace etw::provider {

constinit State g_state{};

namespace {

constexpr uint32_t kStateNumberShift = 16;  // in etw_enabled::state

// A program that lives but a moment loses its first events where a busy machine takes longer; one
// whose host hangs, or that registers where the agent cannot go on without a lock that the program
// holds (the loader's, in a module's constructor), goes on that much later.
int64_t wait_budget_ns() noexcept {
    constexpr uint64_t kDefaultMs = 200, kMostMs = 600'000;
    uint64_t wait_ms = kDefaultMs;
    if (const char* text = ::secure_getenv("ETW_REGISTER_WAIT_MS")) {
        char* end = nullptr;
        const uint64_t asked = ::strtoul(text, &end, 10);
        const bool is_number = *text >= '0' && *text <= '9';  // strtoul() takes signs
        if (is_number && *end == '\0') wait_ms = asked < kMostMs ? asked : kMostMs;
    }
    return int64_t(wait_ms) * 1'000'000;
}

// Waits for `done`, which is asked with the lock, to hold, until `deadline_ns`. Without the lock,
// so that signal handlers run meanwhile.
template <class Done>
bool wait_until(int64_t deadline_ns, Done done) noexcept {
    for (;;) {
        uint32_t seen = 0;
        {
            const ScopedLock lock(g_state.lock);
            if (done()) return true;
            seen = g_state.changes.load(std::memory_order_relaxed);
        }
        const int64_t left = deadline_ns - monotonic_ns();
        if (left <= 0) return false;
        futex_wait(g_state.changes, seen, left);
    }
}

bool all_ready() noexcept {
    for (uint32_t i = 0; i < g_state.registrations_end; ++i) {
        const Registration& registration = g_state.registrations[i];
        if (registration.live() && !registration.ready) return false;
    }
    return true;
}

// The blob must hold what its own size field says and a NUL-terminated name.
bool traits_valid(const void* traits, size_t limit) noexcept {
    uint16_t size = 0;
    if (limit < sizeof(size) + 1) return false;
    std::memcpy(&size, traits, sizeof(size));
    return size > sizeof(size) && size <= limit && size <= ETW_MAX_TRAITS &&
           std::memchr(static_cast<const char*>(traits) + sizeof(size), 0, size - sizeof(size)) !=
               nullptr;
}

void store_traits(Registration& registration, const void* traits) noexcept {
    uint16_t size = 0;
    std::memcpy(&size, traits, sizeof(size));
    const size_t item_size = wire::align8(sizeof(wire::ExtendedItem) + size);
    const wire::ExtendedItem item = {uint16_t(item_size),
                                     uint16_t(wire::ExtendedType::kProviderTraits), 1, size};
    registration.source.traits_size.store(0, std::memory_order_relaxed);
    std::memset(registration.traits_item, 0, item_size);
    std::memcpy(registration.traits_item, &item, sizeof(item));
    std::memcpy(registration.traits_item + sizeof(item), traits, size);
    registration.source.traits_size.store(uint32_t(item_size), std::memory_order_release);
}

Registration* free_registration() noexcept {
    for (uint32_t i = 0; i < ETW_MAX_REGISTRATIONS; ++i) {
        Registration& registration = g_state.registrations[i];
        if (registration.live()) continue;
        if (registration.hosts[0].connection != 0 || registration.hosts[1].connection != 0) {
            continue;  // a host has still to hear that the former one is gone
        }
        if (registration.in_callback) continue;
        if (i >= g_state.registrations_end) g_state.registrations_end = i + 1;
        return &registration;
    }
    return nullptr;
}

}  // namespace

void announce_change() noexcept {
    g_state.changes.fetch_add(1, std::memory_order_relaxed);
    futex_wake(g_state.changes);
}

void await_hosts() noexcept {
    int64_t deadline_ns = monotonic_ns();
    {
        const ScopedLock lock(g_state.lock);
        deadline_ns += g_state.wait_budget_ns;
    }
    wait_until(deadline_ns, all_ready);
}

namespace {

// All that its entries want together.
etw_enabled combined(const Registration& registration) noexcept {
    etw_enabled sum = {0, 0, ~uint64_t{0}, &registration.source};
    for (const EnableEntry& entry : registration.entry) {
        if (entry.generation.load(std::memory_order_relaxed) == 0) continue;
        const uint32_t level = entry.level.load(std::memory_order_relaxed);
        const uint64_t level_plus1 = level == 0 ? 256 : level + 1;
        const uint64_t any = entry.match_any.load(std::memory_order_relaxed);
        if (level_plus1 > sum.state) sum.state = level_plus1;
        sum.keyword_any |= any == 0 ? ~uint64_t{0} : any;
        sum.keyword_all &= any == 0 ? 0 : entry.match_all.load(std::memory_order_relaxed);
    }
    if (sum.state == 0) sum.keyword_all = 0;
    return sum;
}

// Of trace messages: a flag is on for the levels up to the highest one that a session with that
// flag asks for.
void publish_flags(const Registration& registration) noexcept {
    constexpr uint32_t kFlags = sizeof(registration.control->level_plus1);
    for (uint32_t flag = 0; flag < kFlags; ++flag) {
        uint32_t level_plus1 = 0;
        for (const EnableEntry& entry : registration.entry) {
            if (entry.generation.load(std::memory_order_relaxed) == 0) continue;
            if ((entry.match_any.load(std::memory_order_relaxed) >> flag & 1) == 0) continue;
            const uint32_t level = entry.level.load(std::memory_order_relaxed);
            if (level + 1 > level_plus1) level_plus1 = level < UINT8_MAX ? level + 1 : UINT8_MAX;
        }
        __atomic_store_n(&registration.control->level_plus1[flag], uint8_t(level_plus1),
                         __ATOMIC_RELAXED);
    }
}

void publish_wanted(etw_enabled& to, const etw_enabled& sum) noexcept {
    __atomic_store_n(&to.source, sum.source, __ATOMIC_RELAXED);
    __atomic_store_n(&to.keyword_any, sum.keyword_any, __ATOMIC_RELAXED);
    __atomic_store_n(&to.keyword_all, sum.keyword_all, __ATOMIC_RELAXED);
    __atomic_store_n(&to.state, sum.state, __ATOMIC_RELEASE);
}

// The entry of the only session, if that takes events as they are; else null.
const EnableEntry* plain_entry(const Registration& registration) noexcept {
    const uint32_t used = registration.entries.load(std::memory_order_relaxed) & kEntryBits;
    if (used == 0 || (used & (used - 1)) != 0) return nullptr;
    const EnableEntry& entry = registration.entry[__builtin_ctz(used)];
    return entry.special.load(std::memory_order_relaxed) == 0 ? &entry : nullptr;
}

}  // namespace

// In the order that ring::EventSource asks for: an event that has passed the filter of before finds
// another state, and goes the way of few events.
void publish(Registration& registration) noexcept {
    if (registration.control != nullptr) return publish_flags(registration);
    ring::EventSource& source = registration.source;
    source.state.store(ring::EventSource::kNone, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    etw_enabled sum = combined(registration);
    if (sum.state != 0) sum.state |= ++g_state.last_state_number << kStateNumberShift;
    const EnableEntry* entry = plain_entry(registration);
    if (entry != nullptr) {
        const uint64_t generation = entry->generation.load(std::memory_order_relaxed);
        ring::WriterMap& map = g_state.slots[generation % kMaxSlots].map;
        source.rings.store(map.rings, std::memory_order_relaxed);
        source.ring_size.store(map.ring_size, std::memory_order_relaxed);
        source.map.store(&map, std::memory_order_relaxed);
        source.generation.store(generation, std::memory_order_relaxed);
    }
    publish_wanted(registration.wanted, sum);
    if (registration.enabled != nullptr) publish_wanted(*registration.enabled, sum);
    if (entry != nullptr) source.state.store(sum.state, std::memory_order_release);
}

namespace {

// False: there is no memory for the set.
bool store_filter(std::atomic<IdSet*>& held, const wire::IdFilter& filter) noexcept {
    if (filter.mode == wire::IdFilterMode::kNone) return true;
    IdSet* set = held.load(std::memory_order_relaxed);
    if (set == nullptr) {
        void* memory = ::mmap(nullptr, sizeof(IdSet), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return false;
        set = static_cast<IdSet*>(memory);
        held.store(set, std::memory_order_release);
    }
    const uint64_t others = filter.mode == wire::IdFilterMode::kAllBut ? ~uint64_t{0} : 0;
    for (auto& word : set->words) word.store(others, std::memory_order_relaxed);
    for (uint32_t i = 0; i < filter.count; ++i) {
        std::atomic<uint64_t>& word = set->words[filter.ids[i] / 64];
        const uint64_t bit = uint64_t{1} << filter.ids[i] % 64;
        const uint64_t before = word.load(std::memory_order_relaxed);
        word.store(others != 0 ? before & ~bit : before | bit, std::memory_order_relaxed);
    }
    return true;
}

uint32_t special_bits(const wire::Enable& enable) noexcept {
    uint32_t bits = enable.enable_property & kKnownProperties;
    if (!stacks_ready()) bits &= ~uint32_t{kPropertyStackTrace};
    if (enable.events.mode != wire::IdFilterMode::kNone) bits |= kSpecialEventIds;
    if (enable.stacks.mode != wire::IdFilterMode::kNone) bits |= kSpecialStackIds;
    return bits;
}

}  // namespace

bool set_entry(Registration& registration, SessionSlot& slot, const wire::Enable& enable,
               uint64_t connection) noexcept {
    EnableEntry* free_entry = nullptr;
    EnableEntry* entry = nullptr;
    const uint64_t generation = slot.generation.load(std::memory_order_relaxed);
    for (EnableEntry& candidate : registration.entry) {
        const uint64_t used = candidate.generation.load(std::memory_order_relaxed);
        if (used == generation) entry = &candidate;
        const bool for_private = &candidate == &registration.entry[kPrivateEntry];
        if (used == 0 && free_entry == nullptr && for_private == slot.in_process) {
            free_entry = &candidate;
        }
    }
    if (entry == nullptr) entry = free_entry;
    if (entry == nullptr || !store_filter(entry->events, enable.events) ||
        !store_filter(entry->stacks, enable.stacks)) {
        return false;
    }
    entry->match_any.store(enable.match_any_keyword, std::memory_order_relaxed);
    entry->match_all.store(enable.match_all_keyword, std::memory_order_relaxed);
    entry->level.store(enable.level, std::memory_order_relaxed);
    const uint32_t special = special_bits(enable);
    entry->special.store(special, std::memory_order_release);  // what it speaks of is there
    entry->room.store(slot.geometry.block_size - wire::kRingFirstOffset, std::memory_order_relaxed);
    entry->confirmed = connection;
    entry->generation.store(generation, std::memory_order_release);
    const uint32_t bit = 1u << (entry - registration.entry);
    const uint32_t others =
        registration.entries.load(std::memory_order_relaxed) & ~(bit << kFiltered);
    const bool filters = (special & kSpecialEventIds) != 0;
    registration.entries.store(others | bit | (filters ? bit << kFiltered : 0),
                               std::memory_order_release);
    publish(registration);
    return true;
}

void clear_entry(Registration& registration, const SessionSlot& slot) noexcept {
    const uint64_t generation = slot.generation.load(std::memory_order_relaxed);
    for (EnableEntry& entry : registration.entry) {
        if (generation == 0 || entry.generation.load(std::memory_order_relaxed) != generation) {
            continue;
        }
        const uint32_t bit = 1u << (&entry - registration.entry);
        const uint32_t before = registration.entries.load(std::memory_order_relaxed);
        registration.entries.store(before & ~(bit | bit << kFiltered), std::memory_order_release);
        entry.generation.store(0, std::memory_order_release);
        publish(registration);
    }
}

}  // namespace etw::provider

namespace etw::provider {
namespace {

// What is registered: with one of the two places that say what sessions want.
struct Applicant {
    const etw_guid* id;
    const void* traits;
    etw_enabled* enabled;
    etw_message_control* control;
    etw_callback callback;
    void* context;
    bool callback_of_module = false;
};

// With the lock. Null: there are too many.
Registration* add_registration(const Applicant& applicant, uint64_t* handle) noexcept {
    Registration* registration = free_registration();
    if (registration == nullptr) return nullptr;
    registration->source.map.store(&g_state.slots[0].map, std::memory_order_relaxed);
    registration->source.provider_id = *applicant.id;
    registration->source.rest = write_rest;
    registration->enabled = applicant.enabled;
    registration->control = applicant.control;
    registration->callback = applicant.callback;
    registration->callback_of_module = applicant.callback_of_module;
    registration->context = applicant.context;
    registration->ready = false;
    for (bool& known : registration->known) known = false;
    registration->born = g_state.next_connection;
    registration->first_state.store((g_state.last_state_number + 1) << kStateNumberShift,
                                    std::memory_order_relaxed);
    registration->entries.store(0, std::memory_order_relaxed);
    registration->source.traits_size.store(0, std::memory_order_relaxed);
    registration->typed.store(false, std::memory_order_relaxed);
    if (applicant.traits != nullptr) store_traits(*registration, applicant.traits);
    publish(*registration);
    ++registration->generation;
    const uint64_t index = uint64_t(registration - g_state.registrations);
    const uint64_t own = uint64_t{registration->generation} << 32 | (index + 1);
    registration->handle.store(own, std::memory_order_release);
    __atomic_store_n(handle, own, __ATOMIC_RELAXED);
    return registration;
}

// Due or running.
bool has_callbacks(const Registration& registration, uint32_t generation) noexcept {
    if (registration.generation != generation) return false;
    if (registration.in_callback) return true;
    const uint64_t index = uint64_t(&registration - g_state.registrations);
    for (uint32_t i = 0; i < g_state.due_count; ++i) {
        const DueCallback& due = g_state.due[(g_state.due_first + i) % kMaxDueCallbacks];
        if (due.registration == index && due.generation == generation) return true;
    }
    return false;
}

uint32_t enroll(Applicant applicant, uint64_t* handle) noexcept {
    const Unnoticed unnoticed;
    pin_module();
    applicant.callback_of_module = applicant.callback != nullptr && in_module(applicant.callback);
    Registration* registration = nullptr;
    uint32_t generation = 0;
    int64_t deadline_ns = 0;
    {
        const ScopedLock lock(g_state.lock);
        registration = add_registration(applicant, handle);
        if (registration == nullptr) return ETW_NO_SYSTEM_RESOURCES;
        if (!start_agent()) return ETW_OK;  // registered; nothing will ever enable it
        if (::pthread_equal(::pthread_self(), g_state.agent) != 0) return ETW_OK;  // in a callback
        if (!std::exchange(g_state.wait_budget_known, true)) {
            g_state.wait_budget_ns = wait_budget_ns();
        }
        wake_agent();
        generation = registration->generation;
        deadline_ns = monotonic_ns() + g_state.wait_budget_ns;
        registration->awaited_until = deadline_ns;
    }
    const bool answered = wait_until(
        deadline_ns, [&] { return registration->ready || registration->generation != generation; });
    if (answered && applicant.callback != nullptr) {
        // What the application itself asks before it writes (as mc.exe's code does) its callback
        // may have to say first. One that needs a lock which the caller holds comes later.
        constexpr int64_t kFirstCallbackPatienceNs = kSecond / 5;
        wait_until(monotonic_ns() + kFirstCallbackPatienceNs,
                   [&] { return !has_callbacks(*registration, generation); });
    }
    const ScopedLock lock(g_state.lock);
    registration->awaited_until = 0;
    if (answered) return ETW_OK;
    g_state.wait_budget_ns = 0;
    wake_agent();  // for the callbacks that have waited
    return ETW_OK;
}

}  // namespace
}  // namespace etw::provider

using namespace etw::provider;

extern "C" {

uint32_t etw_register(const etw_guid* id, const void* traits, etw_enabled* enabled,
                      etw_callback callback, void* context, uint64_t* handle) {
    if (id == nullptr || handle == nullptr) return ETW_INVALID_PARAMETER;
    if (traits != nullptr && !traits_valid(traits, ETW_MAX_TRAITS)) return ETW_INVALID_PARAMETER;
    return enroll({id, traits, enabled, nullptr, callback, context}, handle);
}

uint32_t etw_register_messages(etw_message_control* control) {
    if (control == nullptr) return ETW_INVALID_PARAMETER;
    if (__atomic_load_n(&control->handle, __ATOMIC_RELAXED) != 0) return ETW_OK;
    return enroll({&control->id, nullptr, nullptr, control, nullptr, nullptr}, &control->handle);
}

void etw_unregister_messages(etw_message_control* control) {
    if (control == nullptr) return;
    const uint64_t handle = __atomic_exchange_n(&control->handle, uint64_t{0}, __ATOMIC_RELAXED);
    if (handle != 0) etw_unregister(handle);
}

uint32_t etw_unregister(uint64_t handle) {
    const Unnoticed unnoticed;
    Registration* registration = nullptr;
    {
        const ScopedLock lock(g_state.lock);
        registration = registration_of(handle);
        if (registration == nullptr) return ETW_INVALID_HANDLE;
        registration->handle.store(0, std::memory_order_release);
        ++registration->generation;
        registration->entries.store(0, std::memory_order_release);
        for (EnableEntry& entry : registration->entry) {
            entry.generation.store(0, std::memory_order_relaxed);
        }
        publish(*registration);
        registration->enabled = nullptr;  // the caller's may go away now
        registration->control = nullptr;
        if (!g_state.agent_started) return ETW_OK;
        settle_lost();
        wake_agent();
        if (::pthread_equal(::pthread_self(), g_state.agent) != 0) return ETW_OK;
    }
    // A callback that needs a lock which the caller holds would never end: do not wait forever.
    constexpr int64_t kCallbackPatienceNs = 2 * kSecond;
    wait_until(monotonic_ns() + kCallbackPatienceNs, [&] { return !registration->in_callback; });
    return ETW_OK;
}

uint32_t etw_set_traits(uint64_t handle, const void* traits, uint32_t size) {
    if (traits == nullptr || !traits_valid(traits, size)) return ETW_INVALID_PARAMETER;
    const Unnoticed unnoticed;
    const ScopedLock lock(g_state.lock);
    Registration* registration = registration_of(handle);
    if (registration == nullptr) return ETW_INVALID_HANDLE;
    store_traits(*registration, traits);
    registration->typed.store(true, std::memory_order_relaxed);
    ++registration->traits_revision;
    if (g_state.agent_started) wake_agent();
    return ETW_OK;
}

uint32_t etw_set_typed(uint64_t handle, int typed) {
    const Unnoticed unnoticed;
    const ScopedLock lock(g_state.lock);
    Registration* registration = registration_of(handle);
    if (registration == nullptr) return ETW_INVALID_HANDLE;
    registration->typed.store(typed != 0, std::memory_order_relaxed);
    return ETW_OK;
}

int etw_is_enabled(uint64_t handle, uint8_t level, uint64_t keyword) {
    const Registration* registration = registration_of(handle);
    if (registration == nullptr) return 0;
    const etw_enabled& wanted = registration->wanted;
    return etw_is_wanted(&wanted, etw_state_of(&wanted), level, keyword);
}

}  // extern "C"
