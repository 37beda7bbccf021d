// The connection to one host: wire/provider_protocol.h from the provider's side.
#include "provider/private_session.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

namespace etw::provider {

namespace {

using wire::PacketHeader;
using wire::ProviderMessage;

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kFirstRetryPause = 20 * kMillisecond;
constexpr int64_t kLongestRetryPause = 2000 * kMillisecond;
constexpr int64_t kRetryFor = 30'000 * kMillisecond;  // then the doorbell alone

// Packets of the agent are few and small, and those that may be many wait for room (see
// may_announce()): where even they find the socket full, the host is stuck and the connection is
// given up. The host sends everything anew after a reconnect.
bool send_packet(uint32_t host, const void* data, size_t size, int fd_to_pass = -1,
                 const void* more = nullptr, size_t more_size = 0) noexcept {
    const int fd = g_state.hosts[host].connection != 0 ? g_state.hosts[host].socket.get() : -1;
    if (fd < 0) return false;
    iovec parts[2] = {{const_cast<void*>(data), size}, {const_cast<void*>(more), more_size}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = more_size != 0 ? 2 : 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    if (fd_to_pass >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(header), &fd_to_pass, sizeof(int));
    }
    return ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

bool peer_trusted(int fd) noexcept {
    ucred peer{};
    socklen_t size = sizeof(peer);
    return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == ::geteuid());
}

void hand_back_rings(uint32_t host) noexcept {
    for (SessionSlot& slot : g_state.slots) {
        if (slot.generation.load(std::memory_order_relaxed) == 0 || slot.host != host ||
            slot.in_process || !slot.orphaned) {
            continue;
        }
        slot.orphaned = false;
        const int fd = slot.rings ? slot.fd.get() : -1;
        if (fd < 0) continue;  // the application closed it: the host has its own copies
        const wire::Rings packet = {
            {ProviderMessage::kRings, sizeof(packet)}, slot.key, slot.geometry};
        send_packet(host, &packet, sizeof(packet), fd);
    }
    // After those that took their place, the newest first: a host takes only so many of a user.
    for (uint32_t i = g_state.former_count; i-- > 0;) {
        const FormerRings& former = g_state.former[i];
        const int fd = former.host == host ? former.fd.get() : -1;
        if (fd < 0) continue;
        const wire::Rings packet = {
            {ProviderMessage::kRings, sizeof(packet)}, former.key, former.geometry};
        send_packet(host, &packet, sizeof(packet), fd);
    }
}

void on_welcome(uint32_t host, const wire::Welcome& welcome) noexcept {
    Host& link = g_state.hosts[host];
    if (welcome.version != wire::kProviderProtocolVersion) {
        disconnect_host(host);
        link.retry_at = 0;  // it would be no other
        return;
    }
    link.welcome = true;
    link.no_rings = (welcome.flags & wire::kWelcomeNoRings) != 0;
    hand_back_rings(host);
    report_private(host);
    announce_registrations(host);
}

// What the host did not name again after a reconnect is gone.
void drop_unconfirmed(uint32_t host) noexcept {
    const uint64_t connection = g_state.hosts[host].connection;
    for (uint32_t i = 0; i < g_state.registrations_end; ++i) {
        const Registration& registration = g_state.registrations[i];
        if (!registration.live()) continue;
        if (registration.hosts[host].connection != connection ||
            !registration.hosts[host].answered) {
            return;  // the host has not finished
        }
    }
    for (SessionSlot& slot : g_state.slots) {
        if (slot.generation.load(std::memory_order_relaxed) != 0 && slot.host == host &&
            slot.confirmed != connection) {
            forget_former(host, slot.key);
            detach_session(slot);
        }
    }
}

// Ids on the wire are index + 1 and some bits of the generation, so that a late answer to a former
// registration of the slot is not taken for one to its successor.
uint32_t wire_id(const Registration& registration) noexcept {
    const auto index = uint32_t(&registration - g_state.registrations);
    static_assert(ETW_MAX_REGISTRATIONS < (1u << 12));
    return registration.generation << 12 | (index + 1);
}

Registration* registration_of_wire_id(uint32_t id) noexcept {
    const uint32_t index = (id & 0xFFF) - 1;
    if (index >= g_state.registrations_end) return nullptr;
    Registration& registration = g_state.registrations[index];
    const bool live = registration.live();
    return live && wire_id(registration) == id ? &registration : nullptr;
}

bool send_register(uint32_t host, const Registration& registration) noexcept {
    wire::ExtendedItem item{};
    if (registration.source.traits_size.load(std::memory_order_relaxed) != 0) {
        std::memcpy(&item, registration.traits_item, sizeof(item));
    }
    wire::Register packet{};
    packet.header = {ProviderMessage::kRegister, uint32_t(sizeof(packet)) + item.data_size};
    packet.registration = wire_id(registration);
    packet.traits_size = item.data_size;
    const bool earlier =
        registration.known[host] || registration.born < g_state.hosts[host].connection;
    packet.flags = earlier ? uint16_t{wire::kRegisterEarlier} : uint16_t{0};
    std::memcpy(static_cast<void*>(&packet.provider), &registration.source.provider_id,
                sizeof(Guid));
    return send_packet(host, &packet, sizeof(packet), -1, registration.traits_item + sizeof(item),
                       item.data_size);
}

void on_attach(uint32_t host, const wire::Attach& packet, int fd) noexcept {
    const bool valid = packet.session.epoch != 0 && packet.session.slot < wire::kMaxSessions;
    if (!valid) {
        if (fd >= 0) ::close(fd);
        return disconnect_host(host);
    }
    attach_session(host, packet, fd);
}

void add_due_callback(uint32_t host, const Registration& registration, const wire::Enable& packet,
                      bool acknowledge) noexcept {
    DueCallback& due = g_state.due[(g_state.due_first + g_state.due_count++) % kMaxDueCallbacks];
    due.registration = uint32_t(&registration - g_state.registrations);
    due.generation = registration.generation;
    std::memcpy(&due.source, &packet.source_id, sizeof(due.source));
    due.ack_host = acknowledge ? host : kMaxHosts;
    due.ack_connection = g_state.hosts[host].connection;
    due.ack_cookie = packet.cookie;
    if (packet.action == wire::EnableAction::kCaptureState) {
        due.is_enabled = 2;
        due.level = packet.level;
        due.match_any = packet.match_any_keyword;
        due.match_all = packet.match_all_keyword;
        return;
    }
    const etw_enabled& wanted = registration.wanted;
    due.is_enabled = wanted.state != 0 ? 1 : 0;
    due.level = wanted.state != 0 ? uint8_t(wanted.state - 1) : uint8_t{0};
    due.match_any = wanted.keyword_any;
    due.match_all = wanted.keyword_all;
}

void add_disabled_callback(uint32_t host, const Registration& registration) noexcept {
    if (registration.callback == nullptr) return;
    wire::Enable disabled{};
    disabled.action = wire::EnableAction::kDisable;
    add_due_callback(host, registration, disabled, false);
}

void on_registered(uint32_t host, const wire::Registered& packet) noexcept {
    Registration* registration = registration_of_wire_id(packet.registration);
    if (registration == nullptr) return;
    const uint64_t connection = g_state.hosts[host].connection;
    registration->hosts[host].answered = true;
    bool heard_of = false;
    for (const EnableEntry& entry : registration->entry) {
        const uint64_t generation = entry.generation.load(std::memory_order_relaxed);
        if (generation == 0) continue;
        const SessionSlot& slot = g_state.slots[generation % kMaxSlots];
        if (slot.host != host || entry.confirmed == connection) continue;
        heard_of = heard_of || !slot.quiet;
        clear_entry(*registration, slot);
    }
    if (heard_of) add_disabled_callback(host, *registration);
    drop_unconfirmed(host);
}

bool filter_valid(const wire::IdFilter& filter) noexcept {
    return filter.mode <= wire::IdFilterMode::kAllBut && filter.count <= wire::IdFilter::kMaxIds;
}

void on_enable(uint32_t host, const wire::Enable& packet) noexcept {
    if (!filter_valid(packet.events) || !filter_valid(packet.stacks)) return disconnect_host(host);
    if ((packet.enable_property & kPropertyStackTrace) != 0 && !stacks_ready()) {
        // The loader's lock may be held by a thread that waits for ours, in a constructor that
        // registers. Nothing of the state is in hand here, and only this thread changes it.
        ::pthread_mutex_unlock(&g_state.lock);
        prepare_stacks();
        ::pthread_mutex_lock(&g_state.lock);
    }
    Registration* registration = registration_of_wire_id(packet.registration);
    SessionSlot* slot = find_slot(host, packet.session);
    const uint64_t connection = g_state.hosts[host].connection;
    bool capture = false;
    if (registration != nullptr && slot != nullptr) {
        slot->confirmed = connection;
        slot->quiet = packet.quiet != 0;
        switch (packet.action) {
            case wire::EnableAction::kEnable:
                set_entry(*registration, *slot, packet, connection);
                break;
            case wire::EnableAction::kDisable:
                clear_entry(*registration, *slot);
                break;
            case wire::EnableAction::kCaptureState:
                capture = true;
                break;
            default:
                return disconnect_host(host);
        }
        if (registration->callback != nullptr && (!slot->quiet || capture)) {
            add_due_callback(host, *registration, packet, capture);
            if (capture) return;  // acknowledged when the provider has written its state
        }
    }
    send_ack(host, connection, packet.cookie);
}

void on_detach(uint32_t host, const wire::Detach& packet) noexcept {
    forget_former(host, packet.session);
    if (SessionSlot* slot = find_slot(host, packet.session)) {
        end_session(host, *slot);
        settle_lost(*slot);  // the host takes it until it has the answer
    }
    send_ack(host, g_state.hosts[host].connection, packet.cookie);
}

union Packet {
    Packet() noexcept : header{} {}  // the rest is as large as a log's header
    PacketHeader header;
    wire::Welcome welcome;
    wire::Attach attach;
    wire::Registered registered;
    wire::Enable enable;
    wire::Drained drained;
    wire::Detach detach;
    wire::PrivateStart private_start;
    wire::PrivateControl private_control;
    std::byte bytes[sizeof(wire::PrivateStart) + wire::kMaxLogFront];
};

// What a packet of the type must measure, or measure at least; 0: not one that a host sends.
size_t expected_size(ProviderMessage type) noexcept {
    switch (type) {
        case ProviderMessage::kWelcome:
            return sizeof(wire::Welcome);
        case ProviderMessage::kAttach:
            return sizeof(wire::Attach);
        case ProviderMessage::kRegistered:
            return sizeof(wire::Registered);
        case ProviderMessage::kEnable:
            return sizeof(wire::Enable);
        case ProviderMessage::kDrained:
            return sizeof(wire::Drained);
        case ProviderMessage::kDetach:
            return sizeof(wire::Detach);
        case ProviderMessage::kNumbers:
            return sizeof(wire::Numbers);
        case ProviderMessage::kPrivateStart:
            return sizeof(wire::PrivateStart);
        case ProviderMessage::kPrivateControl:
            return sizeof(wire::PrivateControl);
        default:
            return 0;
    }
}

// Behind the struct stands what a log begins with.
bool takes_log(ProviderMessage type) noexcept {
    return type == ProviderMessage::kPrivateStart || type == ProviderMessage::kPrivateControl;
}

void handle_packet(uint32_t host, const Packet& packet, size_t size, int fd) noexcept {
    const ProviderMessage type = packet.header.type;
    const bool welcomed = g_state.hosts[host].welcome;
    const size_t fixed = expected_size(type);
    const bool valid = size >= sizeof(PacketHeader) && size == packet.header.size && fixed != 0 &&
                       (size == fixed || (takes_log(type) && size > fixed)) &&
                       welcomed == (type != ProviderMessage::kWelcome);
    const bool takes_fd =
        type == ProviderMessage::kAttach || type == ProviderMessage::kNumbers || takes_log(type);
    if (fd >= 0 && (!valid || !takes_fd)) {
        ::close(fd);
        return disconnect_host(host);
    }
    if (!valid) return disconnect_host(host);
    const HandedLog log = {fd, packet.bytes + fixed, size - fixed};
    switch (type) {
        case ProviderMessage::kWelcome:
            return on_welcome(host, packet.welcome);
        case ProviderMessage::kAttach:
            return on_attach(host, packet.attach, fd);
        case ProviderMessage::kRegistered:
            return on_registered(host, packet.registered);
        case ProviderMessage::kEnable:
            return on_enable(host, packet.enable);
        case ProviderMessage::kDrained:
            return forget_former(host, packet.drained);
        case ProviderMessage::kNumbers:
            return fd >= 0 ? take_numbers(g_state.hosts[host], fd) : disconnect_host(host);
        case ProviderMessage::kPrivateStart:
            return start_private(host, packet.private_start, log);
        case ProviderMessage::kPrivateControl:
            return control_private(host, packet.private_control, log);
        default:
            return on_detach(host, packet.detach);
    }
}

// The one descriptor of an Attach or of a log; any others are closed.
int received_fd(msghdr& message) noexcept {
    int first = -1;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = next_header(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
            if (first < 0) {
                first = fd;
            } else {
                ::close(fd);
            }
        }
    }
    return first;
}

void schedule_retry(Host& link) noexcept {
    const int64_t now = monotonic_ns();
    if (link.was_connected) {
        link.was_connected = false;
        link.retry_pause = kFirstRetryPause;
        link.retry_until = now + kRetryFor;
    }
    link.retry_at = now < link.retry_until ? now + link.retry_pause : 0;
    link.retry_pause =
        link.retry_pause * 2 < kLongestRetryPause ? link.retry_pause * 2 : kLongestRetryPause;
}

// A thousand registrations that come or go at once are more than a socket holds, however well the
// host is. They are told while less than a quarter of it is unread, which is what POLLOUT means
// there; the rest is for answers. A host that makes no room for so long is stuck.
bool may_announce(Host& link) noexcept {
    constexpr int64_t kPatience = 2000 * kMillisecond;
    const int fd = link.socket.get();
    pollfd room = {fd, POLLOUT, 0};
    if (fd < 0 || ::poll(&room, 1, 0) != 0) {
        link.room_by = 0;
        return true;
    }
    const int64_t now = monotonic_ns();
    if (link.room_by == 0) link.room_by = now + kPatience;
    return now >= link.room_by;
}

}  // namespace

void connect_host(uint32_t host) noexcept {
    Host& link = g_state.hosts[host];
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, link.path, sizeof(address.sun_path));
    const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {  // the process has no number left for it: that passes
        link.retry_at = monotonic_ns() + kLongestRetryPause;
        return;
    }
    const wire::Hello hello = {{ProviderMessage::kHello, sizeof(hello)},
                               wire::kProviderProtocolVersion,
                               ring::sequences_usable() ? 0u : uint32_t{wire::kHelloNoRings}};
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        !(link.trusted || peer_trusted(fd)) ||
        ::send(fd, &hello, sizeof(hello), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        ::close(fd);
        return schedule_retry(link);
    }
    link.socket.take(fd);  // threads send events from here on: after Hello
    link.connection = ++g_state.next_connection;
    link.welcome = false;
    link.was_connected = true;
}

// Rings and enable state stay in force: what is written meanwhile is there for the next host.
void disconnect_host(uint32_t host) noexcept {
    Host& link = g_state.hosts[host];
    link.socket.end_connection();
    link.connection = 0;
    link.welcome = false;
    link.room_by = 0;
    for (Registration& registration : g_state.registrations) {
        if (&registration == g_state.registrations + g_state.registrations_end) break;
        registration.hosts[host] = {};
    }
    for (SessionSlot& slot : g_state.slots) {
        if (slot.host != host) continue;
        slot.orphaned = true;
        slot.confirmed.store(0, std::memory_order_relaxed);
    }
    schedule_retry(link);
}

void receive_packets(uint32_t host) noexcept {
    Host& link = g_state.hosts[host];
    constexpr int kBatch = 64;  // then the other host and the application get their turn
    for (int i = 0; i < kBatch && has_room_for_callbacks(); ++i) {
        const int socket = link.socket.get();
        if (socket < 0) return disconnect_host(host);
        Packet packet;
        iovec part = {&packet, sizeof(packet)};
        alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        const ssize_t size = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (size <= 0) return disconnect_host(host);
        const int fd = received_fd(message);
        // Cut off are descriptors that the process has no number for, too: a log that comes without
        // is refused, all else begins anew with the connection.
        const bool cut = (message.msg_flags & MSG_TRUNC) != 0 ||
                         ((message.msg_flags & MSG_CTRUNC) != 0 && !takes_log(packet.header.type));
        if (cut) {
            if (fd >= 0) ::close(fd);
            return disconnect_host(host);
        }
        handle_packet(host, packet, size_t(size), fd);
        if (link.connection == 0) return;
    }
}

void announce_registrations(uint32_t host) noexcept {
    Host& link = g_state.hosts[host];
    if (!link.welcome) return;
    for (uint32_t i = 0; i < g_state.registrations_end; ++i) {
        Registration& registration = g_state.registrations[i];
        HostView& view = registration.hosts[host];
        const uint32_t generation = registration.generation;
        const bool live = registration.live();
        const bool told = view.connection != 0;
        const bool outdated =
            told && (!live || view.traits_revision != registration.traits_revision);
        if (!outdated && (told || !live)) continue;
        if (!may_announce(link)) return;
        if (outdated) {
            // The slot is not used again before this, so that generation - 1 was announced.
            const uint32_t id = live ? wire_id(registration) : (generation - 1) << 12 | (i + 1);
            const wire::Unregister packet = {{ProviderMessage::kUnregister, sizeof(packet)}, id, 0};
            view = {};
            if (!send_packet(host, &packet, sizeof(packet))) return disconnect_host(host);
        }
        if (live) {
            view = {link.connection, false, registration.traits_revision};
            if (!send_register(host, registration)) return disconnect_host(host);
            registration.known[host] = true;
        }
    }
    link.room_by = 0;
}

void end_session(uint32_t host, SessionSlot& slot) noexcept {
    uint32_t enabled_by[ETW_MAX_REGISTRATIONS / 32] = {};
    const uint64_t generation = slot.generation.load(std::memory_order_relaxed);
    for (uint32_t i = 0; i < g_state.registrations_end; ++i) {
        for (const EnableEntry& entry : g_state.registrations[i].entry) {
            if (entry.generation.load(std::memory_order_relaxed) == generation) {
                enabled_by[i / 32] |= 1u << (i % 32);
            }
        }
    }
    const bool quiet = slot.quiet;
    detach_session(slot);
    if (quiet) return;
    for (uint32_t i = 0; i < g_state.registrations_end; ++i) {
        if ((enabled_by[i / 32] >> (i % 32) & 1) != 0) {
            add_disabled_callback(host, g_state.registrations[i]);
        }
    }
}

bool has_room_for_callbacks() noexcept {
    return kMaxDueCallbacks - g_state.due_count >= ETW_MAX_REGISTRATIONS;
}

void send_private_status(uint32_t host, const wire::PrivateStatus& status) noexcept {
    const Host& link = g_state.hosts[host];
    if (!link.welcome) return;  // whoever comes next is told when it comes
    if (!send_packet(host, &status, sizeof(status))) disconnect_host(host);
}

void send_ack(uint32_t host, uint64_t connection, uint64_t cookie) noexcept {
    if (g_state.hosts[host].connection != connection || connection == 0) return;
    const wire::Ack packet = {{ProviderMessage::kAck, sizeof(packet)}, cookie};
    if (!send_packet(host, &packet, sizeof(packet))) disconnect_host(host);
}

void release_waiters() noexcept {
    bool released = false;
    for (uint32_t i = 0; i < g_state.registrations_end; ++i) {
        Registration& registration = g_state.registrations[i];
        if (registration.ready) continue;
        bool pending = false;
        for (uint32_t host = 0; host < g_state.host_count; ++host) {
            pending |= g_state.hosts[host].connection != 0 && !registration.hosts[host].answered;
        }
        if (pending) continue;
        registration.ready = true;
        released = true;
    }
    if (released) announce_change();
}

}  // namespace etw::provider
