// The control socket: takes requests from controllers, hands each to the handler, sends its answer.
#pragma once
#include "base/unix_socket.h"
#include "etw/error_code.h"
#include "host/control/control_frame.h"
#include "host/event_loop.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>

namespace etw::host {

class ControlServer {
public:
    static constexpr size_t kMaxConnections = 256;
    static constexpr std::chrono::seconds kPatience{10};  // for half a request or an unread answer

    // Called once for each request, any time later, from the loop's thread.
    using Reply = std::function<void(Code code, Bytes body)>;
    using Handler =
        std::function<void(ControlRequest request, const PeerCredentials& peer, Reply reply)>;

    ControlServer(EventLoop& loop, Handler handler, std::optional<uid_t> only_uid);
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;
    ~ControlServer();

    Status listen(UniqueFd socket);
    void accept_no_more();  // who is connected is still served
    bool empty() const noexcept { return connections_.empty(); }

private:
    struct Connection {
        UniqueFd socket;
        PeerCredentials peer;
        ControlFrameReader reader;
        std::vector<std::byte> out;  // of the answer, what has not been sent
        bool answering = false;      // a request is with the handler
        EventLoop::TimerId timer = 0;
    };
    void accept_some();
    bool make_room_for(uid_t newcomer);
    void serve(uint64_t id, uint32_t events);
    bool receive_some(uint64_t id, Connection& connection);
    static void name_our_version(const Connection& connection);
    bool send_some(Connection& connection);
    void answer(uint64_t id, Code code, Bytes body);
    void close(uint64_t id);
    void expect_progress(uint64_t id, Connection& connection);

    EventLoop& loop_;
    Handler handler_;
    std::optional<uid_t> only_uid_;
    UniqueFd socket_;
    uint64_t last_id_ = 0;
    std::map<uint64_t, Connection> connections_;
};

}  // namespace etw::host
