// Any packets as what a host sends to the provider library, in an application that has one provider
// registered. Whatever comes, the connection goes on or ends; the library's tables keep their
// bounds, and no descriptor is left when the host has gone for good.
//
// Input: packets behind each other, u16 size and so many bytes each. An Attach comes with rings of
// the geometry that the packet begins with being its own; the packets' size fields are set right,
// but for every 16th.
#include "base/unix_socket.h"
#include "etw/check.h"
#include "provider/private_session.h"
#include "ring/ring_set.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <span>
#include <vector>

namespace {

using namespace etw;
using provider::g_state;

constexpr wire::RingGeometry kGeometry = {1, 2, 4096, 0};

size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return size_t(std::distance(begin(all), end(all)));
}

class Host {
public:
    Host() {
        int pair[2];
        ETW_ASSERT(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
        socket_.reset(pair[0]);
        g_state.host_count = 1;
        provider::Host& link = g_state.hosts[0];
        link.socket.take(pair[1]);
        link.connection = ++g_state.next_connection;
        link.welcome = false;
        const wire::Welcome welcome = {
            {wire::ProviderMessage::kWelcome, sizeof(welcome)}, wire::kProviderProtocolVersion, 0};
        send(std::as_bytes(std::span(&welcome, 1)), -1);
    }
    ~Host() {
        provider::disconnect_host(0);
        g_state.hosts[0].socket.reset();  // no other takes its place
        for (provider::SessionSlot& slot : g_state.slots) {
            if (slot.generation.load() != 0) provider::detach_session(slot);
            slot.dead = false;  // no thread writes here
        }
        provider::forget_all_former();
        g_state.due_count = 0;
    }
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    bool connected() const { return g_state.hosts[0].connection != 0; }

    void send(Bytes packet, int fd) {
        const std::span<const int> fds(&fd, fd >= 0 ? 1 : 0);
        ETW_ASSERT(bool(etw::send(socket_.get(), packet, fds)));
        provider::receive_packets(0);
        char answer[4096];
        while (::recv(socket_.get(), answer, sizeof(answer), MSG_DONTWAIT) > 0) {
        }
    }

private:
    UniqueFd socket_;
};

void register_provider() {
    provider::Registration& registration = g_state.registrations[0];
    registration.generation = 1;
    registration.callback = [](const etw_guid*, uint32_t, uint8_t, uint64_t, uint64_t, void*,
                               void*) {};
    provider::publish(registration);
    g_state.registrations_end = 1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const bool ready = [] {
        register_provider();
        g_state.unmap_works = ring::prepare_detach();
        ETW_ASSERT(::pthread_mutex_lock(&g_state.lock) == 0);  // as the agent has it
        return true;
    }();
    ETW_ASSERT(ready);
    const size_t before = open_descriptors();
    {
        const auto rings = ring::RingSet::create(kGeometry);
        ETW_ASSERT(rings);
        Host host;
        std::span<const uint8_t> rest(data, size);
        for (int n = 0; rest.size() > 2 && host.connected() && n < 64; ++n) {
            const size_t asked = rest[0] | size_t{rest[1]} << 8;
            rest = rest.subspan(2);
            const auto bytes = rest.first(std::min({rest.size(), asked, size_t{1024}}));
            rest = rest.subspan(bytes.size());
            std::vector<std::byte> packet(std::max(bytes.size(), sizeof(wire::PacketHeader)));
            std::memcpy(packet.data(), bytes.data(), bytes.size());
            wire::PacketHeader header;
            std::memcpy(&header, packet.data(), sizeof(header));
            if (n % 16 != 15) header.size = uint32_t(packet.size());
            std::memcpy(packet.data(), &header, sizeof(header));
            const bool attach = header.type == wire::ProviderMessage::kAttach;
            host.send(packet, attach ? rings->fd().get() : -1);
            ETW_ASSERT(g_state.due_count <= provider::kMaxDueCallbacks);
            ETW_ASSERT(g_state.former_count <= provider::kMaxFormerRings);
            const provider::Registration& registration = g_state.registrations[0];
            const ring::EventSource& source = registration.source;
            bool source_found = source.state == ring::EventSource::kNone;
            for (const provider::EnableEntry& entry : registration.entry) {
                const uint64_t generation = entry.generation.load();
                if (generation == 0) continue;
                const auto& slot = g_state.slots[generation % provider::kMaxSlots];
                ETW_ASSERT(slot.generation.load() == generation);
                source_found |= source.state == registration.wanted.state &&
                                source.generation == generation && source.map == &slot.map &&
                                source.rings == slot.map.rings;
            }
            ETW_ASSERT(source_found);
        }
    }
    ETW_ASSERT(g_state.registrations[0].wanted.state == 0);
    ETW_ASSERT(open_descriptors() == before);
    return 0;
}
