#include "host/providers/provider_connection.h"

#include "host/elsewhere.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <utility>

namespace etw::host {
namespace {

constexpr int kPacketsPerTurn = 64;  // of one connection, so that a flood leaves the others room

// What the allocator and a container's node take beside the value.
constexpr size_t kAllocation = 64;

// With the sessions that enable it.
size_t charge_of(const ProviderConnection::Registration& registration) {
    return sizeof(registration) + registration.name.size() +
           kAllocation * (2 + wire::kMaxSessionsPerProvider);
}

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

ProviderConnection::ProviderConnection(EventLoop& loop, ProviderListener& listener, UniqueFd socket,
                                       PeerCredentials peer, std::shared_ptr<UserShare> share,
                                       uint64_t id, bool counter_usable)
    : loop_(loop),
      listener_(listener),
      socket_(std::move(socket)),
      peer_(peer),
      process_(find_process(uint32_t(peer.pid)).value_or(ProcessKey{uint32_t(peer.pid), 0, 0})),
      executable_(executable_of(uint32_t(peer.pid))),
      id_(id),
      counter_usable_(counter_usable),
      share_(std::move(share)) {}

ProviderConnection::~ProviderConnection() {
    loop_.forget(socket_.get());
    share_->give_back(charged_);
}

bool ProviderConnection::charge(size_t bytes) noexcept {
    if (bytes > kMaxBytes - charged_ || !share_->take(bytes)) return false;
    charged_ += bytes;
    return true;
}

void ProviderConnection::give_back(size_t bytes) noexcept {
    share_->give_back(bytes);
    charged_ -= bytes;
}

void ProviderConnection::send_bytes(Bytes bytes, int fd) {
    if (failed_ || deaf_) return;
    const PacketSubject subject = subject_of(bytes);
    const size_t before = queue_.charged();
    if (subject.type == wire::ProviderMessage::kDetach) {
        drop(queue_.forget_session(subject.epoch));
        recharge(before);
        if (told_.erase(subject.epoch) == 0)
            return listener_.on_superseded(*this, subject.cookie, 0);
    }
    if (!queue_.empty() || !may_send(subject) || !send_now(bytes, fd, subject)) {
        queue(bytes, fd, subject);
    }
}

// Every packet that the process acknowledges takes room in its own socket then.
bool ProviderConnection::may_send(const PacketSubject& subject) const noexcept {
    return !subject.is_acknowledged() || unanswered_ < kMaxUnanswered;
}

// False: the socket is full.
bool ProviderConnection::send_now(Bytes bytes, int fd, const PacketSubject& subject) {
    const auto sent = etw::send(socket_.get(), bytes, {&fd, size_t(fd >= 0)});
    if (!sent && sent.error().code == Code::kBusy) return false;
    if (!sent) {
        deaf_ = true;
        return true;
    }
    if (subject.is_acknowledged()) ++unanswered_;
    if (subject.type == wire::ProviderMessage::kAttach) told_.insert(subject.epoch);
    return true;
}

void ProviderConnection::queue(Bytes bytes, int fd, const PacketSubject& subject) {
    if (deaf_) return;
    ForeignFd copy(UniqueFd(fd >= 0 ? ::fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1), peer_.uid);
    if (fd >= 0 && !copy) {
        failed_ = true;
        return;
    }
    const size_t before = queue_.charged();
    queue_.add(
        {{bytes.begin(), bytes.end()}, std::move(copy), subject},
        [this](uint64_t cookie, uint64_t by) { listener_.on_superseded(*this, cookie, by); });
    recharge(before);
    watch_for_room();
}

void ProviderConnection::send_queued() {
    const size_t before = queue_.charged();
    while (!queue_.empty() && may_send(queue_.front().subject)) {
        const SendQueue::Packet& first = queue_.front();
        if (!send_now(first.bytes, first.fd.get(), first.subject)) break;
        queue_.pop_front();
        if (deaf_) queue_.clear();
    }
    recharge(before);
    watch_for_room();
}

void ProviderConnection::watch_for_room() {
    const bool waits = !queue_.empty() && may_send(queue_.front().subject);
    if (std::exchange(watches_, waits) == waits) return;
    loop_.change(socket_.get(), waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void ProviderConnection::recharge(size_t before) {
    const size_t now = queue_.charged();
    if (now <= before) return give_back(before - now);
    if (charge(now - before)) return;
    failed_ = true;
    queue_.clear();
    give_back(before);
}

// What they were about is gone.
void ProviderConnection::drop(const std::vector<uint64_t>& cookies) {
    for (const uint64_t cookie : cookies) listener_.on_superseded(*this, cookie, 0);
}

bool ProviderConnection::serve(uint32_t events) {
    if ((events & EPOLLOUT) != 0) send_queued();
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !receive_some()) return false;
    return !failed_;
}

bool ProviderConnection::receive_some() {
    static thread_local std::array<std::byte, wire::kMaxPacketSize> buffer;
    for (int i = 0; i < kPacketsPerTurn && !failed_; ++i) {
        std::vector<UniqueFd> received;
        const auto got = receive(socket_.get(), buffer, received);
        ForeignFds fds = foreign(std::move(received), peer_.uid);
        if (!got) return got.error().code == Code::kBusy;
        if (got->size == 0 || got->truncated || fds.size() > 1) return false;
        // Before anything is asked of it: a file may be of a file system that answers nothing.
        if (!fds.empty() && !is_of_memory(fds.front().fd())) return false;
        const auto packet = parse_provider_packet(Bytes(buffer).first(got->size));
        if (!packet) return false;
        UniqueFd fd = fds.empty() ? UniqueFd() : fds.front().take();
        if (!handle(*packet, std::move(fd))) return false;
    }
    return true;
}

// False: the peer does not keep to the protocol.
bool ProviderConnection::handle(const ProviderPacket& packet, UniqueFd fd) {
    const bool is_hello = std::holds_alternative<wire::Hello>(packet);
    if (is_hello == greeted_) return false;  // it comes first and once
    return std::visit(
        Overloaded{[&](const wire::Hello& hello) {
                       greet(hello);
                       return !other_version_;
                   },
                   [&](const wire::Rings& rings) {
                       if (!fd || told_.size() >= kMaxTold) return false;
                       told_.insert(rings.session.epoch);
                       listener_.on_rings(*this, rings, std::move(fd));
                       return true;
                   },
                   [&](const RegisterPacket& p) {
                       if (!add_registration(p)) return false;
                       listener_.on_register(*this, p.fixed.registration);
                       if (!holds(p.fixed.registration)) confirm(p.fixed.registration);
                       return true;
                   },
                   [&](const wire::Unregister& p) { return remove_registration(p.registration); },
                   [&](const wire::Ack& ack) {
                       if (unanswered_ > 0) --unanswered_;
                       listener_.on_ack(*this, ack.cookie);
                       if (!queue_.empty()) send_queued();
                       return true;
                   },
                   [&](const EventPacket& event) {
                       listener_.on_event(*this, event);
                       return true;
                   },
                   [&](const wire::EventsLost& lost) {
                       listener_.on_events_lost(*this, lost);
                       return true;
                   },
                   [&](const wire::PrivateStatus& status) {
                       listener_.on_private_status(*this, status);
                       return true;
                   }},
        packet);
}

void ProviderConnection::greet(const wire::Hello& hello) {
    greeted_ = true;
    uses_rings_ = counter_usable_ && (hello.flags & wire::kHelloNoRings) == 0;
    send(wire::Welcome{{},
                       wire::kProviderProtocolVersion,
                       counter_usable_ ? 0u : uint32_t{wire::kWelcomeNoRings}},
         wire::ProviderMessage::kWelcome);
    if (hello.version != wire::kProviderProtocolVersion) other_version_ = hello.version;
}

bool ProviderConnection::add_registration(const RegisterPacket& packet) {
    if (registrations_.size() == kMaxRegistrations) return false;
    const Registration registration{packet.fixed.provider,
                                    traits_name(packet.traits),
                                    {},
                                    (packet.fixed.flags & wire::kRegisterEarlier) != 0};
    return charge(charge_of(registration)) &&
           registrations_.emplace(packet.fixed.registration, registration).second;
}

void ProviderConnection::hold(uint32_t id) { registrations_.at(id).held = true; }

// False, too, for one that has been taken back meanwhile.
bool ProviderConnection::holds(uint32_t id) const {
    const auto found = registrations_.find(id);
    return found != registrations_.end() && found->second.held;
}

void ProviderConnection::confirm(uint32_t id) {
    registrations_.at(id).held = false;
    send(wire::Registered{{}, id, 0}, wire::ProviderMessage::kRegistered);
}

bool ProviderConnection::remove_registration(uint32_t id) {
    const auto node = registrations_.extract(id);
    if (node.empty()) return false;
    give_back(charge_of(node.mapped()));
    const size_t before = queue_.charged();
    drop(queue_.forget_registration(id));
    recharge(before);
    return true;
}

}  // namespace etw::host
