// One provider process as the host knows it. Packets are checked here; what they mean is the
// listener's business.
#pragma once
#include "base/unix_socket.h"
#include "etw/guid.h"
#include "host/event_loop.h"
#include "host/process.h"
#include "host/providers/provider_packet.h"
#include "host/providers/send_queue.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace etw::host {

class ProviderConnection;

class ProviderListener {
public:
    virtual ~ProviderListener() = default;
    virtual void on_rings(ProviderConnection& from, const wire::Rings& packet, UniqueFd fd) = 0;
    virtual void on_register(ProviderConnection& from, uint32_t registration) = 0;
    virtual void on_ack(ProviderConnection& from, uint64_t cookie) = 0;
    // A packet will not be sent: what acknowledges `by` acknowledges `cookie`, too; by 0: what it
    // was about is gone. From within send().
    virtual void on_superseded(ProviderConnection& to, uint64_t cookie, uint64_t by) = 0;
    virtual void on_event(ProviderConnection& from, const EventPacket& packet) = 0;
    virtual void on_events_lost(ProviderConnection& from, const wire::EventsLost& packet) = 0;
    virtual void on_private_status(ProviderConnection& from, const wire::PrivateStatus& packet) = 0;
    // The last call for this connection, from the table's loop, never from within send().
    virtual void on_closed(ProviderConnection& from) = 0;
};

// Memory that the host spends on the processes of one user: what they have registered, and packets
// that they do not read.
class UserShare {
public:
    static constexpr size_t kMaxBytes = 16 << 20;

    // False: that would be too much.
    bool take(size_t bytes) noexcept {
        if (bytes > kMaxBytes - bytes_) return false;
        bytes_ += bytes;
        return true;
    }
    void give_back(size_t bytes) noexcept { bytes_ -= bytes; }

private:
    size_t bytes_ = 0;
};

class ProviderConnection {
public:
    struct Registration {
        Guid guid;
        std::string name;
        std::set<uint64_t> enabled_by;  // sessions (by epoch) that have enabled it
        bool earlier = false;           // as the process says: see wire::kRegisterEarlier
        bool held = false;              // see hold()
    };
    static constexpr size_t kMaxRegistrations = 1024;
    static constexpr size_t kMaxBytes = 2 << 20;  // of its user's share

    // Acks that a process may owe: so many find room in its socket, however long the host does not
    // read it.
    static constexpr size_t kMaxUnanswered = 128;
    // Sessions that a process may know of: more than it can be in and keep rings of.
    static constexpr size_t kMaxTold = 1024;

    ProviderConnection(EventLoop& loop, ProviderListener& listener, UniqueFd socket,
                       PeerCredentials peer, std::shared_ptr<UserShare> share, uint64_t id,
                       bool counter_usable);
    ProviderConnection(const ProviderConnection&) = delete;
    ProviderConnection& operator=(const ProviderConnection&) = delete;
    ~ProviderConnection();

    uint64_t id() const noexcept { return id_; }
    const PeerCredentials& peer() const noexcept { return peer_; }
    const ProcessKey& process() const noexcept { return process_; }
    const std::string& executable() const noexcept { return executable_; }
    bool uses_rings() const noexcept { return uses_rings_; }
    std::map<uint32_t, Registration>& registrations() noexcept { return registrations_; }
    const std::map<uint32_t, Registration>& registrations() const noexcept {
        return registrations_;
    }
    // For a listener that has more to tell the process before it goes on: it is told that it has
    // registered by confirm(), for which it waits a while.
    void hold(uint32_t registration);
    bool holds(uint32_t registration) const;
    void confirm(uint32_t registration);
    // Sessions (by epoch) that this process has been attached to.
    std::set<uint64_t>& attached() noexcept { return attached_; }
    // Whether it has been sent what it numbers trace messages with.
    bool has_numbers() const noexcept { return has_numbers_; }
    void set_has_numbers() noexcept { has_numbers_ = true; }

    // Queues what does not fit into the socket, or would be more to answer than the peer's socket
    // holds. `fd` is borrowed. A peer for which there is no memory left is disconnected.
    template <class T>
    void send(T packet, wire::ProviderMessage type, int fd = -1) {
        packet.header = {type, uint32_t(sizeof(T))};
        send_bytes(std::as_bytes(std::span(&packet, 1)), fd);
    }
    // The same with bytes behind the struct.
    template <class T>
    void send_with(Bytes more, T packet, wire::ProviderMessage type, int fd) {
        packet.header = {type, uint32_t(sizeof(T) + more.size())};
        const Bytes fixed = std::as_bytes(std::span(&packet, 1));
        std::vector<std::byte> bytes(fixed.begin(), fixed.end());
        bytes.insert(bytes.end(), more.begin(), more.end());
        send_bytes(bytes, fd);
    }

    // The socket is ready. False: the connection is over.
    bool serve(uint32_t events);
    bool failed() const noexcept { return failed_; }
    // Of the protocol, where the process speaks another than ours: then the connection is over.
    std::optional<uint32_t> other_version() const noexcept { return other_version_; }

private:
    bool charge(size_t bytes) noexcept;
    void give_back(size_t bytes) noexcept;
    void send_bytes(Bytes bytes, int fd);
    bool send_now(Bytes bytes, int fd, const PacketSubject& subject);
    void queue(Bytes bytes, int fd, const PacketSubject& subject);
    void send_queued();
    bool may_send(const PacketSubject& subject) const noexcept;
    void watch_for_room();
    // Adapts the charge to the queue's size, which was `before`.
    void recharge(size_t before);
    void drop(const std::vector<uint64_t>& cookies);
    bool receive_some();
    bool handle(const ProviderPacket& packet, UniqueFd fd);
    void greet(const wire::Hello& hello);
    bool add_registration(const RegisterPacket& packet);
    bool remove_registration(uint32_t id);

    EventLoop& loop_;
    ProviderListener& listener_;
    UniqueFd socket_;
    PeerCredentials peer_;
    // Of the process that connected. Its descriptor does not outlive an exec, so that what it
    // executes does not change while it is connected.
    ProcessKey process_;
    std::string executable_;
    uint64_t id_;
    bool counter_usable_;
    bool greeted_ = false;
    std::optional<uint32_t> other_version_;
    bool uses_rings_ = true;
    bool failed_ = false;
    bool has_numbers_ = false;
    bool deaf_ = false;  // the process has ended; what it sent is still to be read
    std::shared_ptr<UserShare> share_;
    size_t charged_ = 0;  // bytes of it
    std::map<uint32_t, Registration> registrations_;
    std::set<uint64_t> attached_;
    std::set<uint64_t> told_;  // sessions (by epoch) that the process knows of
    SendQueue queue_;
    bool watches_ = false;   // for room in the socket
    size_t unanswered_ = 0;  // packets
};

}  // namespace etw::host
