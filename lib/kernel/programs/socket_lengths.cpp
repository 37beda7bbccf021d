#include "kernel/programs/socket_lengths.h"

#include "kernel/programs/bpf_probe.h"
#include "kernel/programs/socket_ends.h"

#include <fmt/format.h>

#include <netinet/in.h>

namespace etw::kernel {
namespace {

using Size = BpfCode::Size;

constexpr const char* kSentName = "sock_send_length";
constexpr const char* kReceivedName = "sock_recv_length";
// Those that records of ftrace's tracers have (TRACE_CTX, TRACE_WAKE): never a tracepoint's.
constexpr uint16_t kSentId = 2;
constexpr uint16_t kReceivedId = 3;

// Of struct socket*, and more. The result comes behind the arguments.
struct Function {
    const char* name;
    bool sent;
    int arguments;
    int flags;  // which argument; 0: none that matters
};
constexpr Function kFunctions[] = {
    {"inet_sendmsg", true, 3, 0},  {"inet6_sendmsg", true, 3, 0},
    {"inet_sendpage", true, 5, 0},  // sendfile() and splice(), before Linux 6.5
    {"inet_recvmsg", false, 4, 3}, {"inet6_recvmsg", false, 4, 3},
};

// As the tracepoints' events are.
struct LengthEvent {
    uint16_t id;
    uint8_t context;
    uint8_t depth;
    uint32_t thread;
    uint64_t socket;
    uint16_t family;
    uint16_t protocol;
    int32_t result;
    uint32_t flags;
    uint32_t zero;
};
static_assert(sizeof(LengthEvent) == 32);
#define AT(member) int(offsetof(LengthEvent, member))

constexpr char kFormat[] = R"(name: {}
ID: {}
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:void * sk;	offset:8;	size:8;	signed:0;
	field:__u16 family;	offset:16;	size:2;	signed:0;
	field:__u16 protocol;	offset:18;	size:2;	signed:0;
	field:int ret;	offset:20;	size:4;	signed:1;
	field:int flags;	offset:24;	size:4;	signed:1;

print fmt: "%d", REC->ret
)";

// Puts out the event; not of calls that failed, nor of other protocols.
std::vector<bpf_insn> at_return(const LengthPoint& point, const SocketCode& sockets, int output) {
    constexpr int kEvent = -int(sizeof(LengthEvent));
    BpfCode code;
    const auto end = code.label(), known = code.label();
    code.set(r6, r1);
    point.put_arguments(code);
    code.jump_if(BPF_JGT, r8, INT32_MAX, end);  // an error
    for (size_t i = 0; i < sizeof(LengthEvent); i += 8) {
        code.store(Size::k64, r10, kEvent + int(i), 0);
    }
    sockets.put_protocol(code, r7, kEvent + AT(protocol));
    code.load(Size::k16, r1, r10, kEvent + AT(protocol));
    code.jump_if(BPF_JEQ, r1, IPPROTO_TCP, known);
    code.jump_if(BPF_JEQ, r1, IPPROTO_MPTCP, known);
    code.jump_if(BPF_JNE, r1, IPPROTO_UDP, end);
    code.place(known);
    sockets.put_family(code, r7, kEvent + AT(family));
    code.store(Size::k16, r10, kEvent + AT(id), point.sent() ? kSentId : kReceivedId);
    code.store(Size::k64, r10, kEvent + AT(socket), r7);
    code.store(Size::k32, r10, kEvent + AT(result), r8);
    code.store(Size::k32, r10, kEvent + AT(flags), r9);
    code.call_helper(BPF_FUNC_get_current_pid_tgid);
    code.store(Size::k32, r10, kEvent + AT(thread), r0);
    code.put_out(r6, output, kEvent, sizeof(LengthEvent));
    code.place(end);
    code.leave(0);
    return code.finish();
}

// Runs the programs for one of the two ways.
Result<std::vector<UniqueFd>> attach_all(bool sent, const UniqueFd& output) {
    ETW_TRY(KernelTypes types, KernelTypes::load());
    ETW_TRY(const auto points, LengthPoint::find(types));
    const SocketCode sockets(types, SocketCode::Reach::kTyped);
    if (!types.complete()) {
        return Error{Code::kNotSupported, "the kernel's structures are others", 0};
    }
    std::vector<UniqueFd> out;
    for (const LengthPoint& point : points) {
        if (point.sent() != sent) continue;
        ETW_TRY(UniqueFd link, point.attach(at_return(point, sockets, output.get())));
        out.push_back(std::move(link));
    }
    return out;
}

}  // namespace

Result<std::vector<LengthPoint>> LengthPoint::find(KernelTypes& types) {
    std::vector<LengthPoint> out;
    for (const bool sent : {true, false}) {
        LengthPoint point;
        point.sent_ = sent;
        point.result_at_ = 1 * 8;
        point.flags_at_ = sent ? 0 : 2 * 8;
        const auto type = types.tracepoint(sent ? kSentName : kReceivedName);
        if (!type) continue;
        point.type_ = *type;
        out.push_back(point);
    }
    if (!out.empty()) return out;
    const auto connection = int32_t(types.offset("socket", "sk"));
    bool sends = false, receives = false;
    for (const Function& function : kFunctions) {
        const auto type = types.function(function.name);
        if (!type) continue;
        (function.sent ? sends : receives) = true;
        LengthPoint& point = out.emplace_back(LengthPoint());
        point.type_ = *type;
        point.is_function_ = true;
        point.connection_ = connection;
        point.sent_ = function.sent;
        point.result_at_ = function.arguments * 8;
        point.flags_at_ = function.flags * 8;
    }
    if (!types.complete() || !sends || !receives) {
        return Error{Code::kNotSupported, "the kernel does not tell what is sent", 0};
    }
    return out;
}

void LengthPoint::put_arguments(BpfCode& code) const {
    const auto argument = [&](Reg to, int at) {
        code.load(Size::k64, to, r6, at);
        code.narrow(to);
    };
    code.load(Size::k64, r7, r6, 0);
    if (is_function_) code.load(Size::k64, r7, r7, connection_);
    argument(r8, result_at_);
    if (flags_at_ == 0) {
        code.set(r9, 0);
    } else {
        argument(r9, flags_at_);
    }
}

Result<UniqueFd> LengthPoint::attach(const std::vector<bpf_insn>& code) const {
    return is_function_ ? attach_at_return(type_, code) : attach_typed(type_, code);
}

Result<std::string> stand_in_format(const std::string& name) {
    if (name != kSentName && name != kReceivedName) {
        return Error{Code::kNotSupported, "the kernel has no such tracepoint", 0};
    }
    return fmt::format(kFormat, name, name == kSentName ? kSentId : kReceivedId);
}

bool is_stand_in(uint16_t id) noexcept { return id == kSentId || id == kReceivedId; }

Result<PerfLane> open_stand_in(uint32_t cpus, uint16_t id, const PerfForm& form,
                               const Tracing& tracing, uint32_t pages) {
    ETW_TRY(UniqueFd output, make_map({BPF_MAP_TYPE_PERF_EVENT_ARRAY, "etw_lengths",
                                       sizeof(uint32_t), sizeof(uint32_t), cpus}));
    ETW_TRY(PerfLane lane, open_output(cpus, form, tracing, pages));
    ETW_CHECK(set_rings_in_map(output, lane.rings));
    ETW_TRY(lane.programs, attach_all(id == kSentId, output));
    lane.programs.push_back(std::move(output));
    return lane;
}

}  // namespace etw::kernel
