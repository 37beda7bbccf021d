// What a provider process has still to be told: packets that its socket had no room for, or that
// wait until it has answered others. A process that is stopped may be told much meanwhile, and only
// what has become of it is to be sent when it reads again: a packet takes the place of those that
// it makes pointless. So the queue grows with what the process has registered and the sessions that
// it is in, and not with the requests of controllers.
#pragma once
#include "etw/bytes.h"
#include "host/elsewhere.h"
#include "wire/provider_protocol.h"

#include <functional>
#include <list>
#include <vector>

namespace etw::host {

// What a packet is about, as far as it matters here; 0: nothing of the kind.
struct PacketSubject {
    wire::ProviderMessage type{};
    uint64_t epoch = 0;  // of the session
    uint32_t registration = 0;
    uint32_t request = 0;  // of those that are told apart
    uint64_t cookie = 0;

    // The process answers it with an Ack, whatever else it is doing.
    bool is_acknowledged() const noexcept {
        return type == wire::ProviderMessage::kEnable || type == wire::ProviderMessage::kDetach;
    }
};
PacketSubject subject_of(Bytes packet) noexcept;  // of our own making

class SendQueue {
public:
    struct Packet {
        std::vector<std::byte> bytes;
        ForeignFd fd;
        PacketSubject subject;

        size_t charged() const noexcept;  // bytes of memory
    };
    // A cookie that will not be sent: what is sent with cookie `by` answers for it.
    using Superseded = std::function<void(uint64_t cookie, uint64_t by)>;

    // Puts the packet behind the others and takes out those that it stands for.
    void add(Packet packet, const Superseded& superseded);
    // Takes out all that is about the session (by epoch), or about the registration. Returns their
    // cookies.
    std::vector<uint64_t> forget_session(uint64_t epoch);
    std::vector<uint64_t> forget_registration(uint32_t registration);
    void clear() noexcept;

    bool empty() const noexcept { return packets_.empty(); }
    const Packet& front() const { return packets_.front(); }
    void pop_front();
    size_t charged() const noexcept { return charged_; }  // bytes of all packets

private:
    template <class Pointless>
    std::vector<uint64_t> forget(Pointless pointless);

    std::list<Packet> packets_;
    size_t charged_ = 0;
};

}  // namespace etw::host
