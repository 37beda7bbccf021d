#include "host/control/control_server.h"

#include "host/control/accept.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace etw::host {

ControlServer::ControlServer(EventLoop& loop, Handler handler, std::optional<uid_t> only_uid)
    : loop_(loop), handler_(std::move(handler)), only_uid_(only_uid) {}

ControlServer::~ControlServer() {
    accept_no_more();
    while (!connections_.empty()) close(connections_.begin()->first);
}

Status ControlServer::listen(UniqueFd socket) {
    socket_ = std::move(socket);
    return loop_.watch(socket_.get(), EPOLLIN, [this](uint32_t) { accept_some(); });
}

void ControlServer::accept_no_more() {
    if (socket_) loop_.forget(socket_.get());
    socket_.reset();
}

void ControlServer::accept_some() {
    for (int i = 0; i < 64; ++i) {
        UniqueFd fd = accept_next(socket_.get());
        if (!fd) return;
        const auto peer = peer_credentials(fd.get());
        if (!peer || (only_uid_ && peer->uid != *only_uid_ && peer->uid != 0)) continue;
        if (connections_.size() == kMaxConnections && !make_room_for(peer->uid)) continue;
        const uint64_t id = ++last_id_;
        const auto handler = [this, id](uint32_t events) { serve(id, events); };
        if (!loop_.watch(fd.get(), EPOLLIN, handler)) continue;
        Connection& connection = connections_[id];
        connection.socket = std::move(fd);
        connection.peer = *peer;
    }
}

// Whoever keeps many connections keeps nobody else out: the oldest one of the user who has most
// goes, if it has nothing to wait for or the newcomer is another user.
bool ControlServer::make_room_for(uid_t newcomer) {
    std::map<uid_t, std::vector<uint64_t>> users;
    for (const auto& [id, connection] : connections_) users[connection.peer.uid].push_back(id);
    const auto& [uid, ids] = *std::max_element(
        users.begin(), users.end(),
        [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
    const auto idle = std::find_if(ids.begin(), ids.end(), [this](uint64_t id) {
        return !connections_.at(id).answering && connections_.at(id).out.empty();
    });
    if (idle == ids.end() && uid == newcomer) return false;
    close(idle == ids.end() ? ids.front() : *idle);
    return true;
}

void ControlServer::serve(uint64_t id, uint32_t events) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    Connection& connection = found->second;
    bool alive = true;
    if ((events & EPOLLOUT) != 0) {
        alive = send_some(connection);
        if (alive) expect_progress(id, connection);
    }
    if (alive && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        alive = receive_some(id, connection);
    }
    if (!alive) close(id);
}

bool ControlServer::receive_some(uint64_t id, Connection& connection) {
    std::array<std::byte, 16 * 1024> buffer;
    std::vector<UniqueFd> received;
    const auto got = receive(connection.socket.get(), buffer, received);
    ForeignFds fds = foreign(std::move(received), connection.peer.uid);
    if (!got) return got.error().code == Code::kBusy;
    if (got->size == 0 || got->truncated || connection.answering) return false;
    const Status fed = connection.reader.feed(Bytes(buffer).first(got->size), std::move(fds));
    if (!fed && fed.error().code == Code::kRevisionMismatch) name_our_version(connection);
    if (!fed) return false;
    auto request = connection.reader.next();
    if (!request) {
        expect_progress(id, connection);
        return true;
    }
    loop_.cancel(connection.timer);
    connection.answering = true;
    // By value: the handler may answer at once, and the answer may end the connection.
    const PeerCredentials peer = connection.peer;
    handler_(std::move(*request), peer,
             [this, id](Code code, Bytes body) { answer(id, code, body); });
    return connections_.contains(id);
}

// The whole of it goes into a socket that nothing was written to yet.
void ControlServer::name_our_version(const Connection& connection) {
    const wire::ControlFrame frame{wire::ControlFrame::kMagic, wire::kControlProtocolVersion,
                                   uint32_t(Code::kRevisionMismatch), 0};
    static_cast<void>(send(connection.socket.get(), std::as_bytes(std::span(&frame, 1))));
}

void ControlServer::answer(uint64_t id, Code code, Bytes body) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;  // the controller has not waited
    Connection& connection = found->second;
    const wire::ControlFrame frame{wire::ControlFrame::kMagic, wire::kControlProtocolVersion,
                                   uint32_t(code), uint32_t(body.size())};
    const Bytes head = std::as_bytes(std::span(&frame, 1));
    connection.out.assign(head.begin(), head.end());
    connection.out.insert(connection.out.end(), body.begin(), body.end());
    connection.answering = false;
    // A failure shows again, as a hang-up, when the loop looks at the socket next.
    if (send_some(connection)) expect_progress(id, connection);
}

bool ControlServer::send_some(Connection& connection) {
    std::vector<std::byte>& out = connection.out;
    while (!out.empty()) {
        const auto sent = send(connection.socket.get(), out);
        if (!sent && sent.error().code == Code::kBusy) break;
        if (!sent) return false;
        out.erase(out.begin(), out.begin() + ptrdiff_t(*sent));
    }
    loop_.change(connection.socket.get(), out.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
    return true;
}

// A controller may keep its connection for later, but not stop in the middle of a request or leave
// an answer unread.
void ControlServer::expect_progress(uint64_t id, Connection& connection) {
    loop_.cancel(connection.timer);
    if (!connection.reader.in_the_middle() && connection.out.empty()) return;
    connection.timer = loop_.after(kPatience, [this, id] { close(id); });
}

void ControlServer::close(uint64_t id) {
    auto node = connections_.extract(id);
    if (node.empty()) return;
    loop_.cancel(node.mapped().timer);
    loop_.forget(node.mapped().socket.get());
}

}  // namespace etw::host
