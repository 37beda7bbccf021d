#include "kernel/programs/connection_list.h"

#include "base/unique_fd.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace etw::kernel {
namespace {

using Size = BpfCode::Size;

// The argument of a program that goes through open files: struct bpf_iter__task_file.
constexpr int kMetaAt = 0;
constexpr int kTaskAt = 8;
constexpr int kFileAt = 24;
constexpr int kSequenceAt = 0;  // in struct bpf_iter_meta

constexpr int kRecordAt = -int(sizeof(OpenConnection));
constexpr int kValueAt = kRecordAt - 8;

#define AT(member) (kRecordAt + int(offsetof(OpenConnection, member)))

Error bpf_error(const char* what) { return {code_from_errno(errno), what, uint64_t(errno)}; }

// Writes an OpenConnection for a file that is a socket with one.
Result<std::vector<bpf_insn>> at_file() {
    ETW_TRY(KernelTypes types, KernelTypes::load());
    const SocketCode sockets(types);
    const auto task_process = int32_t(types.offset("task_struct", "tgid"));
    const auto socket_connection = int32_t(types.offset("socket", "sk"));
    const auto state =
        int32_t(types.offset("sock", "__sk_common") + types.offset("sock_common", "skc_state"));
    const auto read_to = int32_t(types.offset("tcp_sock", "copied_seq"));
    if (!types.complete()) {
        return Error{Code::kNotSupported, "the kernel's structures are others", 0};
    }
    BpfCode code;
    const auto end = code.label(), is_tcp = code.label();
    code.set(r6, r1);
    code.load(Size::k64, r7, r6, kTaskAt);
    code.jump_if(BPF_JEQ, r7, 0, end);  // the last call has neither
    code.load(Size::k64, r1, r6, kFileAt);
    code.jump_if(BPF_JEQ, r1, 0, end);
    code.call_helper(BPF_FUNC_sock_from_file);
    code.jump_if(BPF_JEQ, r0, 0, end);
    code.set(r8, r0);
    code.fetch(kValueAt, r8, socket_connection, 8);  // struct sock*
    code.load(Size::k64, r8, r10, kValueAt);
    code.jump_if(BPF_JEQ, r8, 0, end);
    for (int at = kRecordAt; at < 0; at += 8) code.store(Size::k64, r10, at, 0);
    code.store(Size::k64, r10, AT(socket), r8);
    code.store(Size::k64, r10, kValueAt, 0);
    sockets.put_protocol(code, r8, kValueAt);
    code.load(Size::k64, r1, r10, kValueAt);
    code.jump_if(BPF_JEQ, r1, IPPROTO_TCP, is_tcp);
    code.jump_if(BPF_JNE, r1, IPPROTO_MPTCP, end);
    code.place(is_tcp);
    code.fetch(AT(state), r8, state, 1);
    code.load(Size::k8, r1, r10, AT(state));
    code.jump_if(BPF_JEQ, r1, TCP_LISTEN, end);
    code.jump_if(BPF_JEQ, r1, TCP_CLOSE, end);
    code.fetch(AT(process), r7, task_process, 4);
    code.fetch(AT(read_to), r8, read_to, 4);
    sockets.put_ends(code, r8, AT(ends), end);
    code.load(Size::k64, r1, r6, kMetaAt);
    code.load(Size::k64, r1, r1, kSequenceAt);
    code.point(r2, r10, kRecordAt);
    code.set(r3, int32_t(sizeof(OpenConnection)));
    code.call_helper(BPF_FUNC_seq_write);
    code.place(end);
    code.leave(0);
    return code.finish();
}

// What reads as the output of the program for all files there are.
Result<UniqueFd> run(const std::vector<bpf_insn>& code) {
    const int function = ::libbpf_find_vmlinux_btf_id("task_file", BPF_TRACE_ITER);
    if (function < 0) {
        return Error{Code::kNotSupported, "the kernel does not list open files to programs", 0};
    }
    bpf_prog_load_opts options{};
    options.sz = sizeof(options);
    options.expected_attach_type = BPF_TRACE_ITER;
    options.attach_btf_id = uint32_t(function);
    const UniqueFd program(::bpf_prog_load(BPF_PROG_TYPE_TRACING, "connections", "GPL", code.data(),
                                           code.size(), &options));
    if (!program) return bpf_error("bpf: program");
    const UniqueFd link(::bpf_link_create(program.get(), 0, BPF_TRACE_ITER, nullptr));
    if (!link) return bpf_error("bpf: link");
    UniqueFd out(::bpf_iter_create(link.get()));
    if (!out) return bpf_error("bpf: list");
    return out;
}

}  // namespace

Result<std::vector<OpenConnection>> list_connections() {
    ETW_TRY(const auto code, at_file());
    ETW_TRY(const UniqueFd in, run(code));
    std::vector<std::byte> read_so_far;
    while (true) {
        std::array<std::byte, 64 * 1024> part;
        const ssize_t n = ::read(in.get(), part.data(), part.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return bpf_error("bpf: list");
        if (n == 0) break;
        read_so_far.insert(read_so_far.end(), part.begin(), part.begin() + n);
    }
    std::vector<OpenConnection> out(read_so_far.size() / sizeof(OpenConnection));
    if (!out.empty()) std::memcpy(out.data(), read_so_far.data(), out.size() * sizeof(out[0]));
    return out;
}

}  // namespace etw::kernel
