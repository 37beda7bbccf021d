#include "host/providers/send_queue.h"

#include <algorithm>
#include <cstring>

namespace etw::host {
namespace {

using wire::ProviderMessage;

// What the allocator and the list's node take beside the packet.
constexpr size_t kAllocation = 64;

template <class T>
T packet_as(Bytes packet) noexcept {
    ETW_ASSERT(packet.size() >= sizeof(T));
    T out;
    std::memcpy(static_cast<void*>(&out), packet.data(), sizeof(T));
    return out;
}

// Whether a process that is told `later` need not have been told `earlier`.
bool stands_for(const SendQueue::Packet& later, const SendQueue::Packet& earlier) noexcept {
    const PacketSubject& now = later.subject;
    const PacketSubject& was = earlier.subject;
    if (now.type != was.type || now.epoch != was.epoch || now.request != was.request) return false;
    if (now.type == ProviderMessage::kEnable) return now.registration == was.registration;
    return now.type == ProviderMessage::kPrivateControl && !later.fd && !earlier.fd;
}

}  // namespace

PacketSubject subject_of(Bytes packet) noexcept {
    const ProviderMessage type = packet_as<wire::PacketHeader>(packet).type;
    switch (type) {
        case ProviderMessage::kRegistered:
            return {type, 0, packet_as<wire::Registered>(packet).registration, 0, 0};
        case ProviderMessage::kAttach:
            return {type, packet_as<wire::Attach>(packet).session.epoch, 0, 0, 0};
        case ProviderMessage::kDrained:
            return {type, packet_as<wire::Drained>(packet).session.epoch, 0, 0, 0};
        case ProviderMessage::kEnable: {
            const auto enable = packet_as<wire::Enable>(packet);
            // To be asked for its state is one thing, to be enabled or disabled another.
            const bool captures = enable.action == wire::EnableAction::kCaptureState;
            return {type, enable.session.epoch, enable.registration, captures ? 1u : 0u,
                    enable.cookie};
        }
        case ProviderMessage::kDetach: {
            const auto detach = packet_as<wire::Detach>(packet);
            return {type, detach.session.epoch, 0, 0, detach.cookie};
        }
        case ProviderMessage::kPrivateControl: {
            const auto control = packet_as<wire::PrivateControl>(packet);
            return {type, control.session.epoch, 0, uint32_t(control.action), control.cookie};
        }
        default:
            return {type, 0, 0, 0, 0};
    }
}

size_t SendQueue::Packet::charged() const noexcept {
    return sizeof(*this) + bytes.size() + kAllocation;
}

void SendQueue::add(Packet packet, const Superseded& superseded) {
    if (packet.subject.type == ProviderMessage::kAttach) {
        // In the place of another for the session: what enables providers there comes after it.
        const auto same = std::find_if(packets_.begin(), packets_.end(), [&](const Packet& p) {
            return p.subject.type == ProviderMessage::kAttach &&
                   p.subject.epoch == packet.subject.epoch;
        });
        if (same != packets_.end()) {
            *same = std::move(packet);  // of the same size
            return;
        }
    }
    for (const uint64_t cookie : forget([&](const Packet& p) { return stands_for(packet, p); })) {
        superseded(cookie, packet.subject.cookie);
    }
    charged_ += packet.charged();
    packets_.push_back(std::move(packet));
}

std::vector<uint64_t> SendQueue::forget_session(uint64_t epoch) {
    return forget([&](const Packet& p) { return p.subject.epoch == epoch; });
}

std::vector<uint64_t> SendQueue::forget_registration(uint32_t registration) {
    return forget([&](const Packet& p) { return p.subject.registration == registration; });
}

template <class Pointless>
std::vector<uint64_t> SendQueue::forget(Pointless pointless) {
    std::vector<uint64_t> cookies;
    for (auto it = packets_.begin(); it != packets_.end();) {
        if (!pointless(*it)) {
            ++it;
            continue;
        }
        if (it->subject.cookie != 0) cookies.push_back(it->subject.cookie);
        charged_ -= it->charged();
        it = packets_.erase(it);
    }
    return cookies;
}

void SendQueue::pop_front() {
    charged_ -= packets_.front().charged();
    packets_.pop_front();
}

void SendQueue::clear() noexcept {
    packets_.clear();
    charged_ = 0;
}

}  // namespace etw::host
