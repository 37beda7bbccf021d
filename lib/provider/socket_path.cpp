// Events of processes that cannot use rings: one packet each, dropped and counted when the host
// does not keep up. Slower than a ring by two orders of magnitude, and as right.
#include "provider/state.h"

#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

namespace etw::provider {

namespace {

bool send_packet(int fd, const iovec* parts, size_t count) noexcept {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts);
    message.msg_iovlen = count;
    return ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

// The connection, or -1 as long as its host does not expect events of the session from us: it would
// take them for late ones of a session that has ended.
int socket_of(const SessionSlot& slot) noexcept {
    if (slot.confirmed.load(std::memory_order_acquire) == 0) return -1;
    return g_state.hosts[slot.host].socket.get();
}

// What could not be sent before; true if nothing is left to report.
bool report_lost(SessionSlot& slot, int fd) noexcept {
    const uint64_t lost = slot.socket_lost.exchange(0, std::memory_order_relaxed);
    if (lost == 0) return true;
    wire::EventsLost packet = {
        {wire::ProviderMessage::kEventsLost, sizeof(packet)}, slot.key, lost};
    const iovec part = {&packet, sizeof(packet)};
    if (send_packet(fd, &part, 1)) return true;
    slot.socket_lost.fetch_add(lost, std::memory_order_relaxed);
    return false;
}

}  // namespace

void settle_lost(SessionSlot& slot) noexcept {
    constexpr int64_t kPatienceNs = 200'000'000;
    const int64_t until = monotonic_ns() + kPatienceNs;
    const int fd = socket_of(slot);
    while (fd >= 0 && !report_lost(slot, fd)) {
        const int64_t left = until - monotonic_ns();
        pollfd writable = {fd, POLLOUT, 0};
        if (left <= 0 || ::poll(&writable, 1, int(left / 1'000'000) + 1) <= 0 ||
            (writable.revents & (POLLERR | POLLHUP)) != 0) {
            break;
        }
    }
}

void settle_lost() noexcept {
    for (SessionSlot& slot : g_state.slots) {
        if (slot.generation.load(std::memory_order_acquire) == 0 || slot.in_process) continue;
        settle_lost(slot);
    }
}

bool has_untold_losses() noexcept {
    for (const SessionSlot& slot : g_state.slots) {
        if (slot.generation.load(std::memory_order_acquire) != 0 && !slot.in_process &&
            slot.socket_lost.load(std::memory_order_relaxed) != 0) {
            return true;
        }
    }
    return false;
}

uint32_t send_event(SessionSlot& slot, uint64_t generation, const SocketEvent& event) noexcept {
    const Unnoticed unnoticed;
    if (slot.generation.load(std::memory_order_acquire) != generation) return ETW_OK;
    // A child of a bare clone() has a copy of its parent's connection, which names the parent.
    const bool ours = g_state.agent_pid == pid_t(current_identity().process_id);
    const int fd = ours ? socket_of(slot) : -1;
    if (fd < 0 || !report_lost(slot, fd)) {
        slot.socket_lost.fetch_add(1, std::memory_order_relaxed);
        return ETW_NOT_ENOUGH_MEMORY;
    }
    wire::Event packet = {{wire::ProviderMessage::kEvent, uint32_t(sizeof(packet)) + event.size},
                          slot.key,
                          monotonic_ns(),
                          0,
                          event.time_stamp_offset};
    const int cpu = ::sched_getcpu();
    packet.cpu = cpu >= 0 ? uint32_t(cpu) : 0;
    iovec parts[kMaxPieces + 2];
    size_t count = 0;
    uint32_t left = event.size;  // exact: the padding stays behind
    const auto add = [&](const void* data, size_t size) {
        if (size > left) size = left;
        left -= uint32_t(size);
        if (size != 0) parts[count++] = {const_cast<void*>(data), size};
    };
    parts[count++] = {&packet, sizeof(packet)};
    add(event.staged, event.staged_size);
    for (uint32_t i = 0; i < event.piece_count; ++i) {
        add(event.pieces[i].data, event.pieces[i].size);
    }
    if (send_packet(fd, parts, count)) return ETW_OK;
    slot.socket_lost.fetch_add(1, std::memory_order_relaxed);
    return ETW_NOT_ENOUGH_MEMORY;
}

}  // namespace etw::provider
