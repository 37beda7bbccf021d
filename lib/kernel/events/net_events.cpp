#include "kernel/events/net_events.h"

#include <fmt/format.h>

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace etw::kernel {
namespace {

constexpr uint8_t kTcpGroup = 0x06;
constexpr uint8_t kUdpGroup = 0x08;
constexpr uint8_t kSend = 0x0A;
constexpr uint8_t kReceive = 0x0B;
constexpr uint8_t kConnect = 0x0C;
constexpr uint8_t kDisconnect = 0x0D;
constexpr uint8_t kRetransmit = 0x0E;
constexpr uint8_t kAccept = 0x0F;
constexpr uint8_t kVersion6 = 0x10;  // on top of those

constexpr uint64_t kFamily4 = 2;  // AF_INET
constexpr uint64_t kFamily6 = 10;
constexpr uint64_t kTcp = 6;
constexpr uint64_t kUdp = 17;
constexpr uint64_t kMultipathTcp = 262;
// Nothing that has arrived: MSG_PEEK, which will be received once more, and MSG_ERRQUEUE, what was
// sent and comes back with an error or a time.
constexpr uint64_t kNoReceipt = 0x02 | 0x2000;
constexpr size_t kMaxConnections = 1u << 20;
constexpr size_t kMaxClosed = 16384;
constexpr size_t kMaxThreads = 65536;

enum TcpState : uint64_t {  // of the kernel's net/tcp_states.h
    kEstablished = 1,
    kSynSent = 2,
    kSynReceived = 3,
    kClosed = 7,
    kListening = 10,
    kNewSynReceived = 12,
};

// "   0: 0100007F:1F90 00000000:0000 0A ... inode": the local port and the inode of a listener.
bool parse_listener(const std::string& line, uint16_t& port, uint64_t& inode) {
    unsigned port_read = 0;
    unsigned state = 0;
    unsigned long long inode_read = 0;
    const int n = std::sscanf(line.c_str(),
                              " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*[0-9A-F]:%*[0-9A-F] "
                              "%*x:%*x %*x %*u %*u %llu",
                              &port_read, &state, &inode_read);
    port = uint16_t(port_read);
    inode = inode_read;
    return n == 3 && state == kListening;
}

}  // namespace

std::vector<Listener> find_listeners() {
    std::unordered_map<std::string, uint16_t> ports;  // by what their descriptors link to
    for (const char* file : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        std::ifstream in(file);
        for (std::string line; std::getline(in, line);) {
            uint16_t port = 0;
            uint64_t inode = 0;
            if (parse_listener(line, port, inode)) ports[fmt::format("socket:[{}]", inode)] = port;
        }
    }
    std::vector<Listener> out;
    if (ports.empty()) return out;
    namespace fs = std::filesystem;
    std::error_code error;
    for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        std::error_code ignored;
        for (fs::directory_iterator fd(it->path() / "fd", ignored); !ignored && fd != end;
             fd.increment(ignored)) {
            std::error_code gone;
            const auto found = ports.find(fs::read_symlink(fd->path(), gone).string());
            if (found != ports.end()) {
                out.push_back({found->second, uint32_t(std::strtoul(name.c_str(), nullptr, 10))});
            }
        }
    }
    return out;
}

NetEvents::EndFields NetEvents::end_fields(const Format& f) {
    return {f.field("skaddr"), f.field("sport"), f.field("dport"),    f.field("family"),
            f.field("saddr"),  f.field("daddr"), f.field("saddr_v6"), f.field("daddr_v6")};
}

bool NetEvents::bind(Dispatch& dispatch) {
    if (!context_.has(kKernelNetwork)) return true;
    bool all =
        dispatch.on("sock", "inet_sock_set_state", [this](const Format& f) -> Dispatch::Handler {
            return [this, fields = StateFields{end_fields(f), f.field("oldstate"),
                                               f.field("newstate"), f.field("protocol")}](
                       const RawEvent& e) { on_state(e, fields); };
        });
    all &= dispatch.on("tcp", "tcp_retransmit_skb", [this](const Format& f) -> Dispatch::Handler {
        // New kernels tell of those, too, that did not come about.
        return [this, ends = end_fields(f), error = f.field("err")](const RawEvent& e) {
            Connection& c = connection(e.number(ends.socket));
            set_ends(c, e, ends);
            if (e.number(error) != 0) return;
            send(kTcpGroup, kRetransmit, c, c.process, 0, {e.time, e.cpu});
        };
    });
    // Tells what splice() has read, and the ends of connections that are older than the trace,
    // right before what they receive: where they could not be listed.
    dispatch.on("tcp", "tcp_rcv_space_adjust", [this](const Format& f) -> Dispatch::Handler {
        return [this, ends = end_fields(f)](const RawEvent& e) {
            set_ends(connection(e.number(ends.socket)), e, ends);
            on_part_read(e, e.number(ends.socket));
        };
    });
    // Tracepoints since Linux 6.3; before, programs stand in for them where they can.
    for (const bool sent : {true, false}) {
        dispatch.on(
            "sock", sent ? "sock_send_length" : "sock_recv_length",
            [this, sent](const Format& f) -> Dispatch::Handler {
                return [this, sent,
                        fields = LengthFields{f.field("sk"), f.field("family"), f.field("protocol"),
                                              f.field("ret"), f.field("flags")}](
                           const RawEvent& e) { on_length(e, fields, sent); };
            },
            "family == 2 || family == 10");
    }
    return all;
}

NetEvents::Connection& NetEvents::connection(uint64_t socket) {
    if (connections_.size() >= kMaxConnections) connections_.clear();  // their ends were lost
    Connection& out = connections_[socket];
    if (out.id == 0) out.id = ++last_id_;
    return out;
}

// The kernel is done with it before the program where both ends have said that they send no more.
void NetEvents::close(uint64_t socket, Connection& c) {
    c.closed = true;
    closed_.push_back(socket);
    if (closed_.size() <= kMaxClosed) return;
    const auto oldest = connections_.find(closed_.front());
    closed_.pop_front();
    if (oldest != connections_.end() && oldest->second.closed) connections_.erase(oldest);
}

void NetEvents::set_ends(Connection& c, const RawEvent& event, const EndFields& fields) {
    c.is_v6 = event.number(fields.family) == kFamily6;
    const auto copy = [&](Address& to, const Field& v4, const Field& v6) {
        const Bytes from = event.bytes(c.is_v6 ? v6 : v4);
        std::memcpy(to.data(), from.data(), std::min(from.size(), to.size()));
    };
    copy(c.local, fields.local, fields.local_v6);
    copy(c.remote, fields.remote, fields.remote_v6);
    c.local_port = uint16_t(event.number(fields.local_port));
    c.remote_port = uint16_t(event.number(fields.remote_port));
}

void NetEvents::set_ends(Connection& c, const SocketEnds& ends) {
    c.local = ends.local;
    c.remote = ends.remote;
    c.local_port = ends.local_port;
    c.remote_port = uint16_t(ends.remote_port << 8 | ends.remote_port >> 8);
}

void NetEvents::on_state(const RawEvent& event, const StateFields& fields) {
    const uint64_t protocol = event.number(fields.protocol);
    if (protocol == kMultipathTcp) on_multipath_state(event, fields);
    if (protocol != kTcp) return;
    const uint64_t socket = event.number(fields.ends.socket);
    const uint64_t from = event.number(fields.old_state);
    const uint64_t to = event.number(fields.new_state);
    if (to == kListening) {
        listeners_[uint16_t(event.number(fields.ends.local_port))] =
            context_.tasks.process_of(event.thread());
        return;
    }
    if (from == kListening && to == kClosed) return;
    const bool comes_in = from == kSynReceived || from == kNewSynReceived;
    // A new one, whatever has become of the last that had its place. (Ends that connect to each
    // other at the same time go from the one to the other.)
    const bool begins = to == kSynSent || (to == kSynReceived && from != kSynSent);
    if (begins) connections_.erase(socket);
    Connection& c = connection(socket);
    if (c.closed) return;
    const bool is_new = c.local_port == 0;
    set_ends(c, event, fields.ends);
    if (to == kSynSent) {
        // What follows happens wherever the answer arrives.
        c.process = context_.tasks.process_of(event.thread());
    } else if (is_new && (to == kSynReceived || comes_in)) {
        c.incoming = true;
        const auto listener = listeners_.find(c.local_port);
        if (listener != listeners_.end()) c.process = listener->second;
    }
    const Moment now{event.time, event.cpu};
    if (to == kEstablished) {
        c.established = true;
        if (!c.incoming) send(kTcpGroup, kConnect, c, c.process, 0, now);
        if (!accepts_watched_) accept(c, c.process, now);
    }
    if (to != kClosed) return;
    if (c.established) {
        accept(c, c.process, now);
        send(kTcpGroup, kDisconnect, c, c.process, 0, now);
    }
    close(socket, c);
}

// Its parts are connections and come and go as such. What is sent and received is told of the
// whole, of which this tells the ends; those of one that has come in are known as it is accepted.
void NetEvents::on_multipath_state(const RawEvent& event, const StateFields& fields) {
    const uint64_t socket = event.number(fields.ends.socket);
    const uint64_t to = event.number(fields.new_state);
    if (to == kSynSent || event.number(fields.old_state) == kListening) connections_.erase(socket);
    Connection& whole = connection(socket);
    if (to == kClosed) {
        if (!whole.closed) close(socket, whole);
    } else if (event.number(fields.ends.remote_port) != 0) {
        set_ends(whole, event, fields.ends);
        if (const Connection* part = part_of(whole)) whole.id = part->id;
    }
}

// The first of its parts has the same ends.
NetEvents::Connection* NetEvents::part_of(const Connection& whole) {
    for (auto& [socket, c] : connections_) {
        if (!c.closed && c.local_port == whole.local_port && c.remote_port == whole.remote_port &&
            c.local == whole.local && c.remote == whole.remote && &c != &whole) {
            return &c;
        }
    }
    return nullptr;
}

// Where it has come in and was not told yet.
void NetEvents::accept(Connection& c, uint32_t process, Moment when) {
    if (!c.incoming || c.accepted) return;
    c.accepted = c.established = true;
    c.process = process;
    send(kTcpGroup, kAccept, c, process, 0, when);
}

void NetEvents::found(const Acceptance& acceptance, const ProbeRecord& record) {
    acceptances_.emplace(
        std::max(record.time, handed_out_),
        Taken{acceptance, {{record.thread, record.process}, record.stack}, record.cpu});
}

std::optional<int64_t> NetEvents::hand_out_accept() {
    const auto& [time, taken] = *acceptances_.begin();
    if (!context_.sink.has_room(taken.cpu)) return time;
    const SocketEnds& ends = taken.acceptance.ends;
    Connection& c = connection(taken.acceptance.socket);
    c.is_v6 = ends.family == kFamily6;
    set_ends(c, ends);
    const Moment when{time, taken.cpu};
    const uint32_t process = taken.caller.ids.process;
    if (taken.acceptance.protocol == kMultipathTcp) {
        Connection* part = part_of(c);
        if (part != nullptr) accept(*part, process, when);
        if (part != nullptr) c.id = part->id;
    } else {
        c.incoming = true;  // before the trace, or a moment ago on another clock
        accept(c, process, when);
    }
    acceptances_.erase(acceptances_.begin());
    return std::nullopt;
}

void NetEvents::on_length(const RawEvent& event, const LengthFields& fields, bool sent) {
    const auto size = int32_t(event.number(fields.result));
    if (size < 0 || (!sent && (event.number(fields.flags) & kNoReceipt) != 0)) return;
    const uint64_t protocol = event.number(fields.protocol);
    if (size == 0 && protocol != kUdp) return;  // a datagram may be empty
    const uint64_t family = event.number(fields.family);
    const bool is_tcp = protocol == kTcp || protocol == kMultipathTcp;
    if ((!is_tcp && protocol != kUdp) || (family != kFamily4 && family != kFamily6)) {
        return;
    }
    const uint32_t process = context_.tasks.process_of(event.thread());
    const uint8_t type = sent ? kSend : kReceive;
    if (protocol == kUdp) {
        // Nothing tells when such a socket is closed.
        Connection udp;
        udp.is_v6 = family == kFamily6;
        set_datagram_ends(udp, event.thread(), event.number(fields.socket), uint32_t(size), sent);
        return this->send(kUdpGroup, type, udp, process, uint32_t(size), {event.time, event.cpu});
    }
    Connection& c = connection(event.number(fields.socket));
    if (c.local_port == 0) c.is_v6 = family == kFamily6;
    on_transfer(c, type, uint32_t(size), event);
}

void NetEvents::on_transfer(Connection& c, uint8_t type, uint32_t size, const RawEvent& event) {
    const uint32_t process = context_.tasks.process_of(event.thread());
    // Of a connection that is older than the trace: its end is worth telling too.
    c.established = true;
    accept(c, process, {event.time, event.cpu});
    if (c.process == 0 || c.incoming) c.process = process;
    send(kTcpGroup, type, c, process, size, {event.time, event.cpu});
}

template <class T>
void NetEvents::add(OfThreads<T>& to, const T& what, const ProbeRecord& record) {
    if (to.size() >= kMaxThreads) to.clear();  // the events that they belong to were lost
    auto& waiting = to[record.thread];
    auto before = waiting.end();
    while (before != waiting.begin() && std::prev(before)->time > record.time) --before;
    waiting.insert(before, {record.time, what});
}

void NetEvents::found(const Splice& splice, const ProbeRecord& record) {
    add(splices_, splice, record);
}

// Of the parts that a thread reads, others are read by other calls. What splice() has read was seen
// right before its event, on another clock.
void NetEvents::on_part_read(const RawEvent& event, uint64_t socket) {
    const auto found = splices_.find(event.thread());
    if (found == splices_.end()) return;
    auto& waiting = found->second;
    const auto apart = int64_t(context_.counter_hz / 500'000);
    while (!waiting.empty() && waiting.front().time <= event.time + apart) {
        const Splice splice = waiting.front().what;
        waiting.pop_front();
        // The event of another one was lost.
        if (splice.socket == socket) on_transfer(connection(socket), kReceive, splice.size, event);
    }
    if (waiting.empty()) splices_.erase(found);
}

void NetEvents::add_connection(const OpenConnection& found) {
    Connection& c = connection(found.socket);
    if (c.local_port != 0) return;
    c.process = found.process;
    c.is_v6 = found.ends.family == kFamily6;
    c.established = true;
    set_ends(c, found.ends);
}

void NetEvents::found(const Datagram& datagram, const ProbeRecord& record) {
    add(datagrams_, datagram, record);
}

void NetEvents::set_datagram_ends(Connection& c, uint32_t thread, uint64_t socket, uint32_t size,
                                  bool sent) {
    const auto found = datagrams_.find(thread);
    if (found == datagrams_.end()) return;
    auto& waiting = found->second;
    // Those before it belong to sizes that were lost.
    while (!waiting.empty()) {
        const Datagram first = waiting.front().what;
        waiting.pop_front();
        if (first.socket != socket || first.size != size || (first.sent != 0) != sent) continue;
        set_ends(c, first.ends);
        break;
    }
    if (waiting.empty()) datagrams_.erase(found);
}

uint64_t NetEvents::count_found_since(int64_t time) const noexcept {
    uint64_t count = 0;
    const auto add = [&](const auto& of_threads) {
        for (const auto& [thread, waiting] : of_threads) {
            for (auto it = waiting.rbegin(); it != waiting.rend() && it->time >= time; ++it)
                ++count;
        }
    };
    add(datagrams_);
    add(splices_);
    return count + acceptances_.size();
}

void NetEvents::send(uint8_t group, uint8_t type, const Connection& c, uint32_t process,
                     uint32_t size, Moment when) {
    const auto hook = uint16_t(group << 8 | (type + (c.is_v6 ? kVersion6 : 0)));
    const auto big_endian = [](uint16_t port) { return uint16_t(port << 8 | port >> 8); };
    const size_t length = c.is_v6 ? 16 : 4;
    RecordBuilder out(hook, 2, when.time);
    out.put(process).put(size);
    out.append(std::as_bytes(std::span(c.remote)).first(length));
    out.append(std::as_bytes(std::span(c.local)).first(length));
    out.put(big_endian(c.remote_port)).put(big_endian(c.local_port));
    if (group == kTcpGroup && type == kSend) {
        const uint32_t now = context_.milliseconds(when.time) / 10;
        out.put(now).put(now);  // start and end of the call, in units of 10 ms
    }
    if (type == kConnect || type == kAccept) {
        struct Options {  // of the handshake, which no tracepoint tells
            uint16_t segment_size, selective_acks, time_stamps, window_scaling;
            uint32_t window;
            int16_t receive_scale, send_scale;
        };
        out.put(Options{});
    }
    out.put(uint32_t{0});  // sequence number: not told
    out.put(c.id);
    out.send(context_.sink, when.cpu);
}

}  // namespace etw::kernel
