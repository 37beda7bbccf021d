#include "host/provider_connection.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <array>
#include <cerrno>

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

ProviderConnection::ProviderConnection(EventLoop& loop, UniqueFd socket, PeerCredentials peer,
                                       std::shared_ptr<UserShare> share, uint64_t id,
                                       bool counter_usable)
    : loop_(loop),
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

size_t ProviderConnection::Queued::charged() const noexcept {
    return sizeof(*this) + bytes.size() + kAllocation;
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
    if (queue_.empty()) {
        const auto sent = etw::send(socket_.get(), bytes, {&fd, size_t(fd >= 0)});
        if (sent) return;
        if (sent.error().code != Code::kBusy) {
            deaf_ = true;
            return;
        }
        loop_.change(socket_.get(), EPOLLIN | EPOLLOUT);
    }
    UniqueFd copy(fd >= 0 ? ::fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1);
    Queued queued{{bytes.begin(), bytes.end()}, std::move(copy)};
    if ((fd >= 0 && !queued.fd) || !charge(queued.charged())) {
        failed_ = true;
        return;
    }
    queue_.push_back(std::move(queued));
}

void ProviderConnection::send_queued() {
    while (!queue_.empty()) {
        const Queued& first = queue_.front();
        const int fd = first.fd.get();
        const auto sent = etw::send(socket_.get(), first.bytes, {&fd, size_t(fd >= 0)});
        if (!sent && sent.error().code == Code::kBusy) return;
        if (!sent) {
            deaf_ = true;
            for (const Queued& queued : queue_) give_back(queued.charged());
            queue_.clear();
            break;
        }
        give_back(first.charged());
        queue_.pop_front();
    }
    loop_.change(socket_.get(), EPOLLIN);
}

bool ProviderConnection::serve(uint32_t events, ProviderListener& listener) {
    if ((events & EPOLLOUT) != 0) send_queued();
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !receive_some(listener)) return false;
    return !failed_;
}

bool ProviderConnection::receive_some(ProviderListener& listener) {
    static thread_local std::array<std::byte, wire::kMaxPacketSize> buffer;
    for (int i = 0; i < kPacketsPerTurn && !failed_; ++i) {
        std::vector<UniqueFd> fds;
        const auto got = receive(socket_.get(), buffer, fds);
        if (!got) return got.error().code == Code::kBusy;
        if (got->size == 0 || got->truncated || fds.size() > 1) return false;
        const auto packet = parse_provider_packet(Bytes(buffer).first(got->size));
        if (!packet) return false;
        UniqueFd fd = fds.empty() ? UniqueFd() : std::move(fds.front());
        if (!handle(*packet, std::move(fd), listener)) return false;
    }
    return true;
}

// False: the peer does not keep to the protocol.
bool ProviderConnection::handle(const ProviderPacket& packet, UniqueFd fd,
                                ProviderListener& listener) {
    const bool is_hello = std::holds_alternative<wire::Hello>(packet);
    if (is_hello == greeted_) return false;  // it comes first and once
    return std::visit(
        Overloaded{[&](const wire::Hello& hello) {
                       greet(hello);
                       return !other_version_;
                   },
                   [&](const wire::Rings& rings) {
                       if (!fd) return false;
                       listener.on_rings(*this, rings, std::move(fd));
                       return true;
                   },
                   [&](const RegisterPacket& p) {
                       if (!add_registration(p)) return false;
                       listener.on_register(*this, p.fixed.registration);
                       send(wire::Registered{{}, p.fixed.registration, 0},
                            wire::ProviderMessage::kRegistered);
                       return true;
                   },
                   [&](const wire::Unregister& p) { return remove_registration(p.registration); },
                   [&](const wire::Ack& ack) {
                       listener.on_ack(*this, ack.cookie);
                       return true;
                   },
                   [&](const EventPacket& event) {
                       listener.on_event(*this, event);
                       return true;
                   },
                   [&](const wire::EventsLost& lost) {
                       listener.on_events_lost(*this, lost);
                       return true;
                   },
                   [&](const wire::PrivateStatus& status) {
                       listener.on_private_status(*this, status);
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

bool ProviderConnection::remove_registration(uint32_t id) {
    const auto node = registrations_.extract(id);
    if (node.empty()) return false;
    give_back(charge_of(node.mapped()));
    return true;
}

}  // namespace etw::host
