// Where programs of ours learn what sockets send and receive: at two tracepoints since Linux 6.3,
// before that where those functions return that sockets of the internet have for it. There,
// programs also stand in for the two tracepoints: they put out the events that these would record.
#pragma once
#include "kernel/perf/perf_open.h"
#include "kernel/programs/bpf_code.h"
#include "kernel/programs/kernel_types.h"

#include <string>
#include <vector>

namespace etw::kernel {

// A tracepoint, or a function as it returns.
class LengthPoint {
public:
    // Those that the kernel has, all of one kind. Fails with kNotSupported where it has none for
    // one of the two ways, or the structure that functions are given is another.
    static Result<std::vector<LengthPoint>> find(KernelTypes& types);

    bool sent() const noexcept { return sent_; }  // or received
    bool is_tracepoint() const noexcept { return !is_function_; }
    // For a program with its context in r6: puts the struct sock (SocketCode::Reach::kTyped) into
    // r7, what the call returned, 32 bits, into r8, and its flags (of one that sends: 0) into r9.
    void put_arguments(BpfCode& code) const;
    // Runs a program there as long as the descriptor is open anywhere.
    Result<UniqueFd> attach(const std::vector<bpf_insn>& code) const;

private:
    LengthPoint() = default;

    uint32_t type_ = 0;  // KernelTypes::tracepoint() or function()
    bool is_function_ = false;
    int32_t connection_ = 0;  // of a function's struct socket: where the struct sock is
    bool sent_ = false;
    int result_at_ = 0, flags_at_ = 0;  // in the context
};

// The text of the format file that the kernel would have for a tracepoint which programs can stand
// in for. Fails with kNotSupported where it is another one.
Result<std::string> stand_in_format(const std::string& name);
// Whether events with this number are of such a tracepoint.
bool is_stand_in(uint16_t id) noexcept;
// Its events from now on. Fails where the kernel does not let programs in.
Result<PerfLane> open_stand_in(uint32_t cpus, uint16_t id, const PerfForm& form,
                               const Tracing& tracing, uint32_t pages);

}  // namespace etw::kernel
