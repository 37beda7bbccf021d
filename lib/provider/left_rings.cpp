// A program that ends while neither host nor keeper lives may be the last to have its rings. Where
// its rights allow it, which they do for its user's own host, it leaves them as a file in the state
// folder of the session; the next host that goes on with the session takes it up
// (host/survival/left_rings.h). The file is laid out as the ring set; what was read already is a
// hole.
#include "provider/state.h"
#include "ring/ring_view.h"
#include "wire/control_protocol.h"

#include <poll.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstring>

namespace etw::provider {

namespace {

bool lives(const Host& host) noexcept {
    const int fd = host.socket.get();
    if (host.connection == 0 || fd < 0) return false;
    pollfd socket = {fd, 0, 0};
    return ::poll(&socket, 1, 0) == 0;
}

bool copy(int fd, const std::byte* set, size_t offset, size_t size) noexcept {
    while (size != 0) {
        const ssize_t n = ::pwrite(fd, set + offset, size, off_t(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        offset += size_t(n);
        size -= size_t(n);
    }
    return true;
}

bool holds_anything(const ring::RingView& rings, const wire::RingGeometry& geometry) noexcept {
    for (uint32_t cpu = 0; cpu < geometry.cpus; ++cpu) {
        const auto tail = rings.control(cpu).tail.load(std::memory_order_acquire);
        if (rings.head(cpu) != tail || rings.lost(cpu) != 0) return true;
    }
    return false;
}

// Other processes and threads may go on writing: what is copied ends where `head` was first seen.
bool copy_ring(int fd, std::byte* set, const wire::RingGeometry& geometry, uint32_t cpu) noexcept {
    const ring::RingView rings(set, geometry);
    const wire::RingPosition head = rings.head(cpu);
    const uint64_t last = wire::block_of(head);
    uint64_t first = wire::block_of(rings.control(cpu).tail.load(std::memory_order_acquire));
    const uint64_t oldest = last < geometry.blocks ? 0 : last - geometry.blocks + 1;
    if (first < oldest || first > last) first = oldest;
    for (uint64_t block = first; block <= last; ++block) {
        const auto offset = size_t(rings.block(cpu, block) - set);
        if (!copy(fd, set, offset, geometry.block_size)) return false;
    }
    const size_t control = geometry.ring_offset(cpu);
    static_assert(offsetof(wire::RingControl, head) == 0);
    return copy(fd, set, control, geometry.control_size()) &&
           ::pwrite(fd, &head, sizeof(head), off_t(control)) == ssize_t(sizeof(head));
}

bool copy_set(int fd, std::byte* set, const wire::RingGeometry& geometry) noexcept {
    if (::ftruncate(fd, off_t(geometry.set_size())) != 0) return false;
    if (!copy(fd, set, 0, wire::kRingSetHeaderSize)) return false;
    for (uint32_t cpu = 0; cpu < geometry.cpus; ++cpu) {
        if (!copy_ring(fd, set, geometry, cpu)) return false;
    }
    return true;
}

// Written beside and renamed over what another process may have left of the same rings earlier.
void leave(const Host& host, const wire::SessionKey& key, const wire::RingGeometry& geometry,
           const GuardedFd& file, std::byte* set) noexcept {
    if (!holds_anything(ring::RingView(set, geometry), geometry)) return;
    const size_t folder = std::strlen(host.path) - std::strlen(wire::kProviderSocketName);
    char path[256];
    char temporary[sizeof(path)];
    const int size = std::snprintf(path, sizeof(path), "%.*s%s/%u/%s%llu-%llu-%u", int(folder),
                                   host.path, wire::kSavedSessionsFolder, key.slot,
                                   wire::kLeftRingsPrefix, (unsigned long long)(file.device()),
                                   (unsigned long long)(file.inode()), geometry.blocks);
    const int more = std::snprintf(temporary, sizeof(temporary), "%.*s%s/%u/new-%d", int(folder),
                                   host.path, wire::kSavedSessionsFolder, key.slot, ::getpid());
    if (size >= int(sizeof(path)) || more >= int(sizeof(temporary))) return;
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
    const int fd = ::open(temporary, flags, 0600);
    if (fd < 0) return;
    const bool done = copy_set(fd, set, geometry);
    ::close(fd);
    if (!done || ::rename(temporary, path) != 0) ::unlink(temporary);
}

void leave_former(const FormerRings& former) noexcept {
    const int fd = former.fd.get();
    const size_t size = former.geometry.set_size();
    void* set =
        fd < 0 ? MAP_FAILED : ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (set == MAP_FAILED) return;
    leave(g_state.hosts[former.host], former.key, former.geometry, former.fd,
          static_cast<std::byte*>(set));
    ::munmap(set, size);
}

}  // namespace

void leave_rings() noexcept {
    for (const SessionSlot& slot : g_state.slots) {
        if (slot.generation.load(std::memory_order_relaxed) == 0 || !slot.rings ||
            slot.in_process || lives(g_state.hosts[slot.host])) {
            continue;
        }
        leave(g_state.hosts[slot.host], slot.key, slot.geometry, slot.fd, slot.mapping);
    }
    for (uint32_t i = 0; i < g_state.former_count; ++i) {
        if (!lives(g_state.hosts[g_state.former[i].host])) leave_former(g_state.former[i]);
    }
}

}  // namespace etw::provider
