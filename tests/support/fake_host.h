// A session host of one session, as far as a provider can tell: speaks wire/provider_protocol.h on
// a socket in ETW_RUNTIME_DIR, enables whatever registers, and reads the rings.
#pragma once
#include "base/unix_socket.h"
#include "etw/check.h"
#include "ring/ring_set.h"
#include "wire/provider_protocol.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace etw::provider {

inline const std::string& runtime_dir() {
    static const std::string dir = [] {
        char name[] = "/tmp/etw-provider-test-XXXXXX";
        ETW_ASSERT(::mkdtemp(name) != nullptr);
        ::setenv("ETW_RUNTIME_DIR", name, 1);
        ::setenv("ETW_REGISTER_WAIT_MS", "60000", 1);  // tests run on busy machines, too
        return std::string(name);
    }();
    return dir;
}

class FakeHost {
public:
    explicit FakeHost(bool rings = true, uint32_t blocks = 4, uint32_t block_size = 65536,
                      uint32_t flags = 0)
        : rings_(rings), set_(*ring::RingSet::create({cpus(), blocks, block_size, flags})) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string path = runtime_dir() + "/" + wire::kProviderSocketName;
        std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
        ::unlink(path.c_str());
        listener_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        ETW_ASSERT(
            ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
        ETW_ASSERT(::listen(listener_.get(), 8) == 0);
        static uint64_t last_epoch = 76;
        enable.session = {1, 0, ++last_epoch};
        enable.action = wire::EnableAction::kEnable;
        enable.level = 5;
        tails_.assign(cpus(), wire::ring_position(0, wire::kRingFirstOffset));
    }

    // Has the session of the host before it. Any other host has a session of its own: the library
    // keeps rings of those before until their session is heard of no more.
    void go_on_with(const wire::SessionKey& session) { enable.session = session; }

    // Serves packets until `done` holds. False after a minute.
    template <class Done>
    bool serve_until(Done done) {
        const int64_t end = now_ms() + 60'000;
        while (!done()) {
            pollfd fds[2] = {{listener_.get(), POLLIN, 0}, {peer_.get(), POLLIN, 0}};
            const int64_t left = end - now_ms();
            if (left <= 0) return false;
            ::poll(fds, 2, int(left < 20 ? left : 20));
            if (fds[0].revents != 0) peer_.reset(::accept(listener_.get(), nullptr, nullptr));
            if (fds[1].revents != 0) receive();
        }
        return true;
    }

    void ring_doorbell() {
        const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string name = wire::kDoorbellPrefix + std::to_string(::getpid());
        std::memcpy(address.sun_path + 1, name.data(), name.size());
        ::sendto(fd.get(), "", 0, 0, reinterpret_cast<sockaddr*>(&address),
                 socklen_t(offsetof(sockaddr_un, sun_path) + 1 + name.size()));
    }

    void send_attach() {
        const wire::Attach attach = {
            {wire::ProviderMessage::kAttach, sizeof(attach)}, enable.session, set_.geometry()};
        send(&attach, sizeof(attach), rings_ ? set_.fd().get() : -1);
    }
    const ring::RingSet& ring_set() const { return set_; }

    // Gives the provider rings of that many blocks in place of those it had, which are returned.
    ring::RingSet replace_rings(uint32_t blocks) {
        wire::RingGeometry geometry = set_.geometry();
        geometry.blocks = blocks;
        ring::RingSet former = std::exchange(set_, *ring::RingSet::create(geometry));
        tails_.assign(cpus(), wire::ring_position(0, wire::kRingFirstOffset));
        send_attach();
        return former;
    }
    void send_drained(const ring::RingSet& former) {
        struct stat status {};
        ETW_ASSERT(::fstat(former.fd().get(), &status) == 0);
        const wire::Drained packet = {{wire::ProviderMessage::kDrained, sizeof(packet)},
                                      enable.session,
                                      status.st_dev,
                                      status.st_ino};
        send(&packet, sizeof(packet));
    }
    // As before the Attach to a session that numbers trace messages.
    void send_numbers() {
        const UniqueFd fd(::memfd_create("numbers", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        ETW_ASSERT(::ftruncate(fd.get(), sizeof(wire::MessageNumbers)) == 0);
        ETW_ASSERT(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK) == 0);
        const wire::Numbers packet = {{wire::ProviderMessage::kNumbers, sizeof(packet)}};
        send(&packet, sizeof(packet), fd.get());
    }
    void send_enable(uint32_t registration) {
        wire::Enable packet = enable;
        packet.header = {wire::ProviderMessage::kEnable, sizeof(packet)};
        packet.registration = registration;
        packet.cookie = ++cookie;
        send(&packet, sizeof(packet));
    }
    void send_registered(uint32_t registration) {
        const wire::Registered packet = {
            {wire::ProviderMessage::kRegistered, sizeof(packet)}, registration, 0};
        send(&packet, sizeof(packet));
    }
    void send_detach() {
        wire::Detach packet = {
            {wire::ProviderMessage::kDetach, sizeof(packet)}, enable.session, ++cookie};
        send(&packet, sizeof(packet));
    }
    void send_private_start(wire::PrivateStart start, int fd) {
        start.header.type = wire::ProviderMessage::kPrivateStart;
        start.cookie = ++cookie;
        send_with_log(start, fd);
    }
    void send_private_control(const wire::SessionKey& key, wire::PrivateAction action,
                              int fd = -1) {
        wire::PrivateControl packet{};
        packet.header.type = wire::ProviderMessage::kPrivateControl;
        packet.session = key;
        packet.cookie = ++cookie;
        packet.action = action;
        send_with_log(packet, fd);
    }
    // What a log begins with, where a packet brings one.
    std::vector<std::byte> log_front;
    void die() {
        peer_.reset();
        listener_.reset();
    }

    // Whole records of all rings since the last call.
    std::vector<std::vector<std::byte>> take_records() {
        std::vector<std::vector<std::byte>> out;
        for (uint32_t cpu = 0; cpu < tails_.size(); ++cpu) {
            ring::Run run;
            bool damaged = false;
            while (set_.next(cpu, tails_[cpu], run, &damaged)) {
                ETW_ASSERT(!damaged);
                Bytes bytes = run.records;
                while (!bytes.empty()) {
                    uint16_t size = 0;
                    std::memcpy(&size, bytes.data(), sizeof(size));
                    out.emplace_back(bytes.begin(), bytes.begin() + size);
                    bytes = bytes.subspan(wire::align8(size_t{size}));
                }
                tails_[cpu] = run.end;
                set_.release(cpu, run.end);
            }
        }
        return out;
    }

    wire::Enable enable{};
    uint64_t cookie = 0;
    std::vector<uint64_t> acks;
    std::vector<wire::Register> registered;
    std::vector<std::vector<std::byte>> packets;  // Event
    std::vector<wire::Rings> handed_back;
    uint64_t lost = 0;  // as EventsLost tells
    std::vector<wire::PrivateStatus> statuses;
    uint32_t unregistered = 0;
    bool enable_at_registration = true;
    bool answer_at_registration = true;
    uint32_t version = wire::kProviderProtocolVersion;  // that it claims to speak
    bool with_numbers = false;

private:
    static uint32_t cpus() { return uint32_t(::sysconf(_SC_NPROCESSORS_CONF)); }
    static int64_t now_ms() {
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
    }

    void send(const void* data, size_t size, int fd = -1) {
        const std::span<const int> fds(&fd, fd >= 0 ? 1 : 0);
        (void)etw::send(peer_.get(), Bytes(static_cast<const std::byte*>(data), size), fds);
    }

    template <class T>
    void send_with_log(T packet, int fd) {
        const size_t more = fd >= 0 ? log_front.size() : 0;
        packet.header.size = uint32_t(sizeof(packet) + more);
        std::vector<std::byte> bytes(sizeof(packet));
        std::memcpy(bytes.data(), &packet, sizeof(packet));
        bytes.insert(bytes.end(), log_front.begin(), log_front.begin() + ptrdiff_t(more));
        send(bytes.data(), bytes.size(), fd);
    }

    void receive() {
        static char buffer[wire::kMaxPacketSize];
        const ssize_t size = ::recv(peer_.get(), buffer, sizeof(buffer), 0);
        if (size <= 0) return peer_.reset();
        wire::PacketHeader header;
        std::memcpy(&header, buffer, sizeof(header));
        ETW_ASSERT(header.size == size_t(size));
        if (header.type == wire::ProviderMessage::kHello) {
            const wire::Welcome welcome = {{wire::ProviderMessage::kWelcome, sizeof(welcome)},
                                           version,
                                           rings_ ? 0u : uint32_t{wire::kWelcomeNoRings}};
            send(&welcome, sizeof(welcome));
        } else if (header.type == wire::ProviderMessage::kRegister) {
            wire::Register packet;
            std::memcpy(&packet, buffer, sizeof(packet));
            registered.push_back(packet);
            if (enable_at_registration) {
                if (registered.size() == 1 && with_numbers) send_numbers();
                send_attach();
                send_enable(packet.registration);
            }
            if (answer_at_registration) send_registered(packet.registration);
        } else if (header.type == wire::ProviderMessage::kAck) {
            wire::Ack ack;
            std::memcpy(&ack, buffer, sizeof(ack));
            acks.push_back(ack.cookie);
        } else if (header.type == wire::ProviderMessage::kUnregister) {
            ++unregistered;
        } else if (header.type == wire::ProviderMessage::kRings) {
            wire::Rings rings;
            std::memcpy(&rings, buffer, sizeof(rings));
            handed_back.push_back(rings);
        } else if (header.type == wire::ProviderMessage::kEventsLost) {
            wire::EventsLost packet;
            std::memcpy(&packet, buffer, sizeof(packet));
            lost += packet.count;
        } else if (header.type == wire::ProviderMessage::kPrivateStatus) {
            statuses.emplace_back();
            std::memcpy(&statuses.back(), buffer, sizeof(wire::PrivateStatus));
        } else if (header.type == wire::ProviderMessage::kEvent) {
            const auto* bytes = reinterpret_cast<const std::byte*>(buffer);
            packets.emplace_back(bytes + sizeof(wire::Event), bytes + size);
        }
    }

    bool rings_;
    ring::RingSet set_;
    UniqueFd listener_, peer_;
    std::vector<wire::RingPosition> tails_;
};

}  // namespace etw::provider
