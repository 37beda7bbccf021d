#include "host/keeper_link.h"

#include "host/journal.h"
#include "host/socket_io.h"

#include <algorithm>
#include <vector>

namespace etw::host {

Status send_to_peer(int socket, KeeperOp op, std::string_view name, int fd) {
    KeeperPacket packet{};
    packet.op = op;
    ETW_ASSERT(name.size() < sizeof(packet.name));
    std::copy(name.begin(), name.end(), packet.name);
    const std::span<const int> fds(&fd, fd >= 0 ? 1 : 0);
    ETW_TRY(const size_t sent, send(socket, std::as_bytes(std::span(&packet, 1)), fds));
    if (sent != sizeof(packet)) return Error{Code::kInvalidData, "keeper: short send", sent};
    return Ok{};
}

Result<KeeperMessage> receive_from_peer(int socket) {
    KeeperPacket packet{};
    std::vector<UniqueFd> fds;
    ETW_TRY(const auto got, receive(socket, std::as_writable_bytes(std::span(&packet, 1)), fds));
    if (got.size == 0) return Error{Code::kNoMoreItems, "keeper: closed", 0};
    if (got.size != sizeof(packet) || got.truncated || packet.name[sizeof(packet.name) - 1] != 0) {
        return Error{Code::kInvalidData, "keeper: packet", got.size};
    }
    KeeperMessage message{packet.op, packet.name, {}};
    if (!fds.empty()) message.fd = std::move(fds.front());
    return message;
}

Result<KeptDescriptors> KeeperLink::fetch() {
    KeptDescriptors kept;
    while (socket_) {
        ETW_TRY(auto message, receive_from_peer(socket_.get()));
        if (message.op == KeeperOp::kEnd) break;
        if (message.op == KeeperOp::kStore && message.fd) {
            kept[message.name] = std::move(message.fd);
        }
    }
    return kept;
}

void KeeperLink::tell(KeeperOp op, const std::string& name, int fd) const {
    if (!socket_) return;
    if (auto sent = send_to_peer(socket_.get(), op, name, fd); !sent) {
        journal("cannot reach the keeper", sent.error());
    }
}

void KeeperLink::store(const std::string& name, const UniqueFd& fd) const {
    tell(KeeperOp::kStore, name, fd.get());
}
void KeeperLink::remove(const std::string& name) const { tell(KeeperOp::kRemove, name, -1); }
void KeeperLink::ready() const { tell(KeeperOp::kReady, "", -1); }

}  // namespace etw::host
