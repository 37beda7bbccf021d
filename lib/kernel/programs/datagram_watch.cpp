#include "kernel/programs/datagram_watch.h"

#include "kernel/programs/socket_lengths.h"

#include <arpa/inet.h>
#include <asm/ptrace.h>
#include <asm/unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace etw::kernel {
namespace {

using Size = BpfCode::Size;

constexpr uint32_t kRingPages = 256;

#if defined(__x86_64__)
constexpr int kCallAt = offsetof(pt_regs, orig_rax);
constexpr int kSecondAt = offsetof(pt_regs, rsi);
constexpr int kFifthAt = offsetof(pt_regs, r8);
#elif defined(__aarch64__)
constexpr int kCallAt = 8 * 8;
constexpr int kSecondAt = 1 * 8;
constexpr int kFifthAt = 4 * 8;
#endif

#define AT(member) int(offsetof(Datagram, member))

// Of the datagram that a thread sends, or is about to be given: the other end. It is kept with the
// thread, which alone uses it: to make and remove it each time would cost more than all the rest.
struct Peer {
    uint16_t port;    // as on the wire
    uint16_t family;  // AF_INET, AF_INET6; 0: of none
    uint16_t zero[2];
    uint8_t address[16];  // of version 4: the first 4 bytes
};
static_assert(sizeof(Peer) == 24);
#define PEER_AT(member) int(offsetof(Peer, member))

constexpr uint32_t kMaxPeers = 16384;  // threads at a time

class Writer {
public:
    // `peers_told`: at_address() runs as a sender names one.
    Writer(const SocketCode& sockets, int output, int peers, bool peers_told)
        : sockets_(sockets), output_(output), peers_(peers), peers_told_(peers_told) {}

    // As a receiver is given the sender's address, or a sender has named one (struct
    // bpf_sock_addr), before the size is told.
    std::vector<bpf_insn> at_address(bool version_6);

    std::vector<bpf_insn> at_length(const LengthPoint& point);

private:
    void clear(int from, size_t size) {
        for (size_t i = 0; i < size; i += 8) code_.store(Size::k64, r10, from + int(i), 0);
    }
    void use_name(int record);
    void use_peer(int record);
    void forget_peer();
    // What is kept of the thread, in r0; null: nothing. `at` is 8 bytes of the stack.
    void find_peer(int at) {
        code_.call_helper(BPF_FUNC_get_current_pid_tgid);
        code_.store(Size::k64, r10, at, r0);
        code_.look_up(peers_, at);
    }

    const SocketCode& sockets_;
    int output_;
    int peers_;
    bool peers_told_;
    BpfCode code_;
};

constexpr int kRecordAt = -int(sizeof(Datagram));
constexpr int kValueAt = kRecordAt - 8;
constexpr int kNameAt = kRecordAt - 40;  // struct sockaddr_in or _in6

// The address that the call names, if it does: it goes before the one the socket is connected to.
// Where use_peer() does not have it, as it does of calls that send many messages, which are not
// seen from here.
void Writer::use_name(int record) {
    const auto none = code_.label(), message = code_.label(), named = code_.label();
    const auto version_6 = code_.label();
    code_.call_helper(BPF_FUNC_get_current_task_btf);
    code_.set(r1, r0);
    code_.call_helper(BPF_FUNC_task_pt_regs);
    code_.set(r9, r0);
    code_.fetch(kValueAt, r9, kCallAt, 8);
    code_.load(Size::k64, r1, r10, kValueAt);
    code_.jump_if(BPF_JEQ, r1, __NR_sendmsg, message);
    code_.jump_if(BPF_JNE, r1, __NR_sendto, none);
    code_.fetch(kValueAt, r9, kFifthAt, 8);
    code_.jump(named);
    code_.place(message);
    code_.fetch(kValueAt, r9, kSecondAt, 8);
    code_.load(Size::k64, r9, r10, kValueAt);
    code_.fetch(kValueAt, r9, int32_t(offsetof(msghdr, msg_name)), 8, BPF_FUNC_probe_read_user);
    code_.place(named);
    code_.load(Size::k64, r9, r10, kValueAt);
    code_.jump_if(BPF_JEQ, r9, 0, none);
    clear(kNameAt, 32);
    code_.fetch(kNameAt, r9, 0, int32_t(sizeof(sockaddr_in)), BPF_FUNC_probe_read_user);
    code_.load(Size::k16, r1, r10, kNameAt + int(offsetof(sockaddr_in6, sin6_port)));
    code_.jump_if(BPF_JEQ, r1, 0, none);
    code_.store(Size::k16, r10, record + AT(ends.remote_port), r1);
    code_.load(Size::k16, r1, r10, kNameAt);
    code_.jump_if(BPF_JEQ, r1, AF_INET6, version_6);
    code_.load(Size::k32, r1, r10, kNameAt + int(offsetof(sockaddr_in, sin_addr)));
    code_.store(Size::k32, r10, record + AT(ends.remote), r1);
    code_.jump(none);
    code_.place(version_6);
    code_.fetch(record + AT(ends.remote), r9, int32_t(offsetof(sockaddr_in6, sin6_addr)), 16,
                BPF_FUNC_probe_read_user);
    code_.place(none);
}

std::vector<bpf_insn> Writer::at_address(bool version_6) {
    constexpr int kPeer = -int(sizeof(Peer)), kThread = kPeer - 8;
    code_.set(r6, r1);
    clear(kPeer, sizeof(Peer));
    code_.load(Size::k32, r1, r6, int(offsetof(bpf_sock_addr, user_port)));
    code_.store(Size::k16, r10, kPeer + PEER_AT(port), r1);
    code_.store(Size::k16, r10, kPeer + PEER_AT(family), version_6 ? AF_INET6 : AF_INET);
    const int words = version_6 ? 4 : 1;
    const auto from =
        int(version_6 ? offsetof(bpf_sock_addr, user_ip6) : offsetof(bpf_sock_addr, user_ip4));
    for (int i = 0; i < words * 4; i += 4) {
        code_.load(Size::k32, r1, r6, from + i);
        code_.store(Size::k32, r10, kPeer + PEER_AT(address) + i, r1);
    }
    const auto is_first = code_.label(), end = code_.label();
    find_peer(kThread);
    code_.jump_if(BPF_JEQ, r0, 0, is_first);
    for (int i = 0; i < int(sizeof(Peer)); i += 8) {
        code_.load(Size::k64, r1, r10, kPeer + i);
        code_.store(Size::k64, r0, i, r1);
    }
    code_.jump(end);
    code_.place(is_first);
    code_.keep(peers_, kThread, kPeer);
    code_.place(end);
    code_.leave(1);  // to go on
    return code_.finish();
}

void Writer::use_peer(int record) {
    const auto none = code_.label(), as_it_is = code_.label();
    find_peer(kNameAt);
    code_.jump_if(BPF_JEQ, r0, 0, none);
    code_.load(Size::k16, r3, r0, PEER_AT(family));
    code_.jump_if(BPF_JEQ, r3, 0, none);
    code_.store(Size::k16, r0, PEER_AT(family), 0);
    code_.load(Size::k16, r1, r0, PEER_AT(port));
    code_.store(Size::k16, r10, record + AT(ends.remote_port), r1);
    const auto copy = [&](int to, int size) {
        for (int i = 0; i < size; i += 4) {
            code_.load(Size::k32, r1, r0, PEER_AT(address) + i);
            code_.store(Size::k32, r10, record + AT(ends.remote) + to + i, r1);
        }
    };
    code_.load(Size::k16, r2, r10, record + AT(ends.family));
    code_.jump_if(BPF_JEQ, r3, r2, as_it_is);
    // What a socket of version 6 sends by version 4: ::ffff:a.b.c.d.
    code_.store(Size::k64, r10, record + AT(ends.remote), 0);
    code_.store(Size::k32, r10, record + AT(ends.remote) + 8, int32_t(htonl(0xFFFF)));
    copy(12, 4);
    code_.jump(none);
    code_.place(as_it_is);
    copy(0, 16);
    code_.place(none);
}

// So that the next datagram, which nobody may name the other end of, does not get this one's.
void Writer::forget_peer() {
    const auto none = code_.label();
    find_peer(kNameAt);
    code_.jump_if(BPF_JEQ, r0, 0, none);
    code_.store(Size::k16, r0, PEER_AT(family), 0);
    code_.place(none);
}

std::vector<bpf_insn> Writer::at_length(const LengthPoint& point) {
    const auto end = code_.label(), done = code_.label();
    code_.set(r6, r1);
    point.put_arguments(code_);
    clear(kValueAt, 8);
    sockets_.put_protocol(code_, r7, kValueAt);
    code_.load(Size::k64, r1, r10, kValueAt);
    code_.jump_if(BPF_JNE, r1, IPPROTO_UDP, end);
    code_.jump_if(BPF_JGT, r8, INT32_MAX, done);  // an error
    code_.calculate(BPF_AND, r9, MSG_PEEK | MSG_ERRQUEUE);
    code_.jump_if(BPF_JNE, r9, 0, done);
    clear(kRecordAt, sizeof(Datagram));
    code_.store(Size::k64, r10, kRecordAt + AT(socket), r7);
    code_.store(Size::k32, r10, kRecordAt + AT(size), r8);
    code_.store(Size::k8, r10, kRecordAt + AT(sent), point.sent() ? 1 : 0);
    sockets_.put_ends(code_, r7, kRecordAt + AT(ends), done);
    if (point.sent() && !peers_told_) use_name(kRecordAt);
    use_peer(kRecordAt);
    code_.put_out(r6, output_, kRecordAt, sizeof(Datagram));
    code_.jump(end);
    code_.place(done);
    forget_peer();
    code_.place(end);
    code_.leave(0);
    return code_.finish();
}

}  // namespace

Result<BpfProbe> watch_datagrams(uint32_t cpus, const CounterSource& counter) {
    ETW_TRY(KernelTypes types, KernelTypes::load());
    const SocketCode sockets(types, SocketCode::Reach::kTyped);
    ETW_TRY(const auto points, LengthPoint::find(types));
    if (!types.complete()) {
        return Error{Code::kNotSupported, "the kernel's structures are others", 0};
    }
    ETW_TRY(BpfProbe probe, BpfProbe::make(cpus, {kRingPages}, counter));
    ETW_TRY(UniqueFd peers, make_map({BPF_MAP_TYPE_LRU_HASH, "etw_peers", sizeof(uint64_t),
                                      sizeof(Peer), kMaxPeers}));
    // Where there are no control groups of version 2, senders are not told, nor whom sendmmsg sends
    // to.
    bool peers_told = true;
    const auto writer = [&] {
        return Writer(sockets, probe.output().get(), peers.get(), peers_told);
    };
    for (const auto& [type, version_6] :
         {std::pair(BPF_CGROUP_UDP4_RECVMSG, false), std::pair(BPF_CGROUP_UDP6_RECVMSG, true),
          std::pair(BPF_CGROUP_UDP4_SENDMSG, false), std::pair(BPF_CGROUP_UDP6_SENDMSG, true)}) {
        if (!probe.attach_to_groups(type, writer().at_address(version_6))) peers_told = false;
    }
    for (const LengthPoint& point : points) {
        ETW_TRY(UniqueFd link, point.attach(writer().at_length(point)));
        probe.keep(std::move(link));
    }
    probe.keep("peers", std::move(peers));
    return probe;
}

}  // namespace etw::kernel
