// TcpIp and UdpIp: what programs send and receive and how connections come and go.
#pragma once
#include "kernel/connection_list.h"
#include "kernel/datagram_watch.h"
#include "kernel/dispatch.h"
#include "kernel/splice_watch.h"

#include <array>
#include <deque>
#include <unordered_map>

namespace etw::kernel {

// A socket that listens when the trace begins: which process accepts what comes to its port.
struct Listener {
    uint16_t port = 0;
    uint32_t process = 0;
};
// From /proc.
std::vector<Listener> find_listeners();

class NetEvents {
public:
    explicit NetEvents(Context& context) : context_(context) {}

    // False where the kernel lacks what the flags need.
    bool bind(Dispatch& dispatch);
    void add_listener(const Listener& listener) { listeners_[listener.port] = listener.process; }
    // Of a connection that is older than the trace. What events have told of it goes before.
    void add_connection(const OpenConnection& connection);
    // The ends of a datagram of a thread, before its size is told.
    void found_datagram(uint32_t thread, const Datagram& datagram);
    // What a thread has read by splice(), before the event that it belongs to.
    void found_splice(uint32_t thread, const Splice& splice, int64_t time);

private:
    using Address = std::array<uint8_t, 16>;
    struct Connection {
        uint64_t id = 0;       // what records call it; no address of the kernel leaves it
        uint32_t process = 0;  // 0: not known
        bool is_v6 = false;
        bool established = false;
        bool accepted = false;  // and so of whoever uses it: servers hand connections on
        Address local{};        // of version 4: the first 4 bytes
        Address remote{};
        uint16_t local_port = 0;
        uint16_t remote_port = 0;
    };
    struct EndFields {
        Field socket, local_port, remote_port, family, local, remote, local_v6, remote_v6;
    };
    static EndFields end_fields(const Format& format);
    Connection& connection(uint64_t socket);
    void set_ends(Connection& connection, const RawEvent& event, const EndFields& fields);
    static void set_ends(Connection& connection, const SocketEnds& ends);

    struct StateFields {
        EndFields ends;
        Field old_state, new_state, protocol;
    };
    void on_state(const RawEvent& event, const StateFields& fields);
    struct LengthFields {
        Field socket, family, protocol, result, flags;
    };
    void on_length(const RawEvent& event, const LengthFields& fields, bool sent);
    void on_part_read(const RawEvent& event, uint64_t socket);
    void on_transfer(Connection& connection, uint8_t type, uint32_t size, const RawEvent& event);
    void set_datagram_ends(Connection& connection, uint32_t thread, uint64_t socket, uint32_t size,
                           bool sent);
    void send(uint8_t group, uint8_t type, const Connection& connection, uint32_t process,
              uint32_t size, const RawEvent& event);

    Context& context_;
    std::unordered_map<uint64_t, Connection> connections_;          // by the kernel's socket
    std::unordered_map<uint16_t, uint32_t> listeners_;              // process by port
    std::unordered_map<uint32_t, std::deque<Datagram>> datagrams_;  // by thread
    struct TimedSplice {
        int64_t time;
        Splice splice;
    };
    std::unordered_map<uint32_t, std::deque<TimedSplice>> splices_;  // by thread
    uint64_t last_id_ = 0;
};

}  // namespace etw::kernel
