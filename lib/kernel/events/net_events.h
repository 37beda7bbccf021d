// TcpIp and UdpIp: what programs send and receive and how connections come and go.
#pragma once
#include "kernel/dispatch.h"
#include "kernel/events/pending_records.h"
#include "kernel/programs/accept_watch.h"
#include "kernel/programs/connection_list.h"
#include "kernel/programs/datagram_watch.h"
#include "kernel/programs/splice_watch.h"

#include <array>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <unordered_map>

namespace etw::kernel {

// A socket that listens when the trace begins: the process that stands for what comes to its port
// and nobody is known to have accepted.
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
    // The ends of a datagram, before its size is told. What one thread does may be found in another
    // order, where it has gone from processor to processor.
    void found(const Datagram& datagram, const ProbeRecord& record);
    // What splice() has read, before the event that it belongs to.
    void found(const Splice& splice, const ProbeRecord& record);

    // Whether found() tells who takes connections. Else they are told as they come in.
    void set_accepts_watched(bool are_watched) { accepts_watched_ = are_watched; }
    // It is told in its turn: by hand_out_accept() where nothing else has told it before.
    void found(const Acceptance& acceptance, const ProbeRecord& record);
    // Of the first one that was found; kNever: there is none.
    static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
    int64_t next_accept() const noexcept {
        return acceptances_.empty() ? kNever : acceptances_.begin()->first;
    }
    // Who has made it, and how; there is one.
    const Caller& next_acceptor() const { return acceptances_.begin()->second.caller; }
    // Tells the first one. Returns its time where the sink has no room for it.
    std::optional<int64_t> hand_out_accept();
    uint64_t count_accepts() const noexcept { return acceptances_.size(); }
    // What was found from this time (counter) on and waits for its event, or its turn. What is
    // older waits in vain: its event was lost.
    uint64_t count_found_since(int64_t time) const noexcept;
    // What is found from now on is not told as earlier.
    void handed_out(int64_t until) noexcept { handed_out_ = std::max(handed_out_, until); }

private:
    using Address = std::array<uint8_t, 16>;
    struct Connection {
        uint64_t id = 0;       // what records call it; no address of the kernel leaves it
        uint32_t process = 0;  // 0: not known
        bool is_v6 = false;
        bool established = false;
        bool incoming = false;  // and so of whoever uses it: servers hand connections on
        bool accepted = false;  // and told to be
        bool closed = false;    // what has arrived before may still be received
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
    void close(uint64_t socket, Connection& connection);
    void set_ends(Connection& connection, const RawEvent& event, const EndFields& fields);
    static void set_ends(Connection& connection, const SocketEnds& ends);

    struct StateFields {
        EndFields ends;
        Field old_state, new_state, protocol;
    };
    void on_state(const RawEvent& event, const StateFields& fields);
    void on_multipath_state(const RawEvent& event, const StateFields& fields);
    struct LengthFields {
        Field socket, family, protocol, result, flags;
    };
    void on_length(const RawEvent& event, const LengthFields& fields, bool sent);
    void on_part_read(const RawEvent& event, uint64_t socket);
    void on_transfer(Connection& connection, uint8_t type, uint32_t size, const RawEvent& event);
    struct Moment {
        int64_t time;
        uint32_t cpu;
    };
    void accept(Connection& connection, uint32_t process, Moment when);
    Connection* part_of(const Connection& whole);
    void set_datagram_ends(Connection& connection, uint32_t thread, uint64_t socket, uint32_t size,
                           bool sent);
    void send(uint8_t group, uint8_t type, const Connection& connection, uint32_t process,
              uint32_t size, Moment when);

    Context& context_;
    std::unordered_map<uint64_t, Connection> connections_;  // by the kernel's socket
    std::deque<uint64_t> closed_;                           // those of them, the oldest first
    std::unordered_map<uint16_t, uint32_t> listeners_;      // process by port
    struct Taken {
        Acceptance acceptance;
        Caller caller;
        uint32_t cpu;
    };
    std::multimap<int64_t, Taken> acceptances_;  // by time
    template <class T>
    struct Timed {
        int64_t time;
        T what;
    };
    // In the order of time, by thread.
    template <class T>
    using OfThreads = std::unordered_map<uint32_t, std::deque<Timed<T>>>;
    template <class T>
    static void add(OfThreads<T>& to, const T& what, const ProbeRecord& record);
    OfThreads<Datagram> datagrams_;
    OfThreads<Splice> splices_;
    int64_t handed_out_ = 0;
    bool accepts_watched_ = false;
    uint64_t last_id_ = 0;
};

}  // namespace etw::kernel
