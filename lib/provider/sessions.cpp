// The rings that hosts hand to this process, from Attach to Detach.
#include "provider/private_state.h"

#include <sys/mman.h>

namespace etw::provider {

namespace {

// The same checks as the host's on adoption: nobody may cut the file short under our writers.
bool sealed_file(int fd, uint64_t size, struct stat& status) noexcept {
    const int seals = ::fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && ::fstat(fd, &status) == 0 &&
           status.st_size >= 0 && uint64_t(status.st_size) == size;
}

bool ring_file_valid(int fd, const wire::RingGeometry& geometry) noexcept {
    struct stat status {};
    return geometry.valid() && sealed_file(fd, geometry.set_size(), status);
}

// Where the session's messages take their numbers from; null: they have none.
std::atomic<uint32_t>* numbers_of(const Host& host, const wire::Attach& attach) noexcept {
    if (host.numbers == nullptr) return nullptr;
    if ((attach.geometry.flags & wire::kRingGlobalNumbers) != 0) return &host.numbers->global.last;
    if ((attach.geometry.flags & wire::kRingLocalNumbers) == 0) return nullptr;
    return &host.numbers->local[attach.session.slot % wire::kMaxSessions].last;
}

SessionSlot* free_slot() noexcept {
    for (SessionSlot& slot : g_state.slots) {
        if (slot.generation.load(std::memory_order_relaxed) == 0 && !slot.dead) return &slot;
    }
    return nullptr;
}

uint64_t next_generation(const SessionSlot& slot) noexcept {
    return ++g_state.next_generation * kMaxSlots + uint64_t(&slot - g_state.slots);
}

// What was enabled by `from` is so by `to`, at once for each registration: a writer sees the one or
// the other, and who meets the old rings detached looks again (write.cpp).
void move_entries(const SessionSlot& from, const SessionSlot& to) noexcept {
    const uint64_t before = from.generation.load(std::memory_order_relaxed);
    const uint64_t after = to.generation.load(std::memory_order_relaxed);
    for (uint32_t i = 0; i < g_state.registrations_end; ++i) {
        Registration& registration = g_state.registrations[i];
        for (EnableEntry& entry : registration.entry) {
            if (entry.generation.load(std::memory_order_relaxed) != before) continue;
            entry.generation.store(after, std::memory_order_release);
            publish(registration);
        }
    }
}

void forget_former_at(uint32_t index) noexcept {
    g_state.former[index].fd.reset();
    --g_state.former_count;
    for (uint32_t i = index; i < g_state.former_count; ++i) {
        FormerRings& next = g_state.former[i + 1];
        g_state.former[i].host = next.host;
        g_state.former[i].key = next.key;
        g_state.former[i].geometry = next.geometry;
        next.fd.move_to(g_state.former[i].fd);
    }
}

// The slot is about to be detached for rings that take its place.
void keep_former(SessionSlot& slot) noexcept {
    if (!slot.rings || !slot.fd.taken()) return;
    if (g_state.former_count == kMaxFormerRings) forget_former_at(0);
    FormerRings& former = g_state.former[g_state.former_count++];
    former.host = slot.host;
    former.key = slot.key;
    former.geometry = slot.geometry;
    slot.fd.move_to(former.fd);
}

}  // namespace

void forget_former(uint32_t host, const wire::SessionKey& key) noexcept {
    for (uint32_t i = g_state.former_count; i-- > 0;) {
        const FormerRings& former = g_state.former[i];
        if (former.host == host && former.key == key) forget_former_at(i);
    }
}

void forget_former(uint32_t host, const wire::Drained& drained) noexcept {
    for (uint32_t i = g_state.former_count; i-- > 0;) {
        const FormerRings& former = g_state.former[i];
        if (former.host == host && former.key == drained.session &&
            former.fd.device() == drained.device && former.fd.inode() == drained.inode) {
            forget_former_at(i);
        }
    }
}

void forget_all_former() noexcept {
    while (g_state.former_count > 0) forget_former_at(g_state.former_count - 1);
}

SessionSlot* find_slot(uint32_t host, const wire::SessionKey& key) noexcept {
    for (SessionSlot& slot : g_state.slots) {
        if (slot.generation.load(std::memory_order_relaxed) != 0 && slot.host == host &&
            slot.key == key) {
            return &slot;
        }
    }
    return nullptr;
}

// Writers may be about to take a number at any time: what was mapped once stays.
void take_numbers(Host& host, int fd) noexcept {
    struct stat status {};
    if (sealed_file(fd, sizeof(wire::MessageNumbers), status) &&
        (host.numbers == nullptr || status.st_dev != host.numbers_device ||
         status.st_ino != host.numbers_inode)) {
        void* memory = ::mmap(nullptr, sizeof(wire::MessageNumbers), PROT_READ | PROT_WRITE,
                              MAP_SHARED, fd, 0);
        if (memory != MAP_FAILED) {
            host.numbers = static_cast<wire::MessageNumbers*>(memory);
            host.numbers_device = status.st_dev;
            host.numbers_inode = status.st_ino;
        }
    }
    ::close(fd);
}

SessionSlot* attach_session(uint32_t host, const wire::Attach& attach, int fd) noexcept {
    std::atomic<uint32_t>* const numbers = numbers_of(g_state.hosts[host], attach);
    SessionSlot* const held = find_slot(host, attach.session);
    if (held != nullptr) {
        // Handed back and returned, inherited from the parent process, or by socket now as before,
        // with what has been lost meanwhile: go on with what we have.
        const bool same_rings =
            held->rings && fd >= 0 && held->geometry == attach.geometry && held->fd.is_same(fd);
        if (same_rings || (!held->rings && fd < 0)) {
            if (fd >= 0) ::close(fd);
            held->geometry = attach.geometry;
            held->numbers.store(numbers, std::memory_order_relaxed);
            held->confirmed = g_state.hosts[host].connection;
            held->orphaned = false;
            return held;
        }
    }
    SessionSlot* slot = free_slot();
    if (slot == nullptr && held != nullptr) {
        keep_former(*held);
        detach_session(*held);
        slot = free_slot();
    }
    if (slot == nullptr) {
        if (fd >= 0) ::close(fd);
        return nullptr;
    }
    slot->host = host;
    slot->key = attach.session;
    slot->geometry = attach.geometry;
    slot->confirmed = g_state.hosts[host].connection;
    slot->quiet = false;
    slot->orphaned = false;
    slot->rings = false;
    slot->numbers.store(numbers, std::memory_order_relaxed);
    slot->socket_lost.store(0, std::memory_order_relaxed);
    const uint64_t generation = next_generation(*slot);
    if (fd >= 0 && ring_file_valid(fd, attach.geometry)) {
        void* memory =
            ::mmap(nullptr, attach.geometry.set_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (memory != MAP_FAILED) {
            slot->mapping = static_cast<std::byte*>(memory);
            slot->map.describe(slot->mapping, attach.geometry);
            slot->pages.begin(slot->map, slot->mapping, attach.geometry, wake_agent);
            slot->map.generation.store(generation, std::memory_order_release);
            slot->rings = true;
        }
    }
    if (slot->rings) {
        slot->fd.take(fd);
    } else if (fd >= 0) {
        ::close(fd);
    }
    slot->generation.store(generation, std::memory_order_release);
    if (held != nullptr && held != slot) {
        move_entries(*held, *slot);
        keep_former(*held);
        detach_session(*held);
        slot->socket_lost.fetch_add(held->socket_lost.exchange(0, std::memory_order_relaxed),
                                    std::memory_order_relaxed);
    }
    return slot;
}

SessionSlot* attach_private(uint32_t host, const wire::SessionKey& key,
                            const wire::RingGeometry& geometry, std::byte* set) noexcept {
    SessionSlot* slot = free_slot();
    if (slot == nullptr) return nullptr;
    slot->host = host;
    slot->key = key;
    slot->geometry = geometry;
    slot->confirmed = g_state.hosts[host].connection;
    slot->orphaned = false;
    slot->socket_lost.store(0, std::memory_order_relaxed);
    const uint64_t generation = next_generation(*slot);
    if (set != nullptr) {
        slot->map.describe(set, geometry);
        slot->map.generation.store(generation, std::memory_order_release);
    }
    constexpr uint32_t kNumbered = wire::kRingLocalNumbers | wire::kRingGlobalNumbers;
    slot->numbers.store((geometry.flags & kNumbered) != 0 ? &g_private.numbers : nullptr,
                        std::memory_order_relaxed);
    slot->rings = set != nullptr;
    slot->in_process = true;
    slot->generation.store(generation, std::memory_order_release);
    return slot;
}

void detach_session(SessionSlot& slot) noexcept {
    for (uint32_t i = 0; i < g_state.registrations_end; ++i) {
        clear_entry(g_state.registrations[i], slot);
    }
    if (slot.in_process) return detach_private(slot);
    if (slot.rings) {
        slot.pages.end(slot.map);
        if (ring::detach(slot.map) && g_state.unmap_works) {
            ::munmap(slot.mapping, slot.geometry.set_size());
        } else {
            slot.dead = true;  // a writer may still be in the mapping, now or later
        }
        slot.mapping = nullptr;
        slot.fd.reset();
    }
    slot.generation.store(0, std::memory_order_release);
}

}  // namespace etw::provider
