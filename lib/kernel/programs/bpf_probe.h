// Programs in the kernel (BPF) at its tracepoints, and the rings that they write to. All of it goes
// with its descriptors: a host that is killed with who holds them leaves nothing behind.
#pragma once
#include "kernel/holder.h"
#include "kernel/perf/perf_ring.h"
#include "kernel/programs/bpf_code.h"
#include "kernel/tracefs/trace_clock.h"

#include <map>
#include <span>
#include <string>
#include <vector>

namespace etw::kernel {

struct MapShape {
    uint32_t type;  // BPF_MAP_TYPE_*
    const char* name;
    uint32_t key_size;
    uint32_t value_size;
    uint32_t entries;
    uint32_t flags = 0;  // BPF_F_*
};
Result<UniqueFd> make_map(const MapShape& shape);
Status set_in_map(const UniqueFd& map, const void* key, const void* value);
// Programs put out to these rings, by the map of type PERF_EVENT_ARRAY.
Status set_rings_in_map(const UniqueFd& map, const std::vector<PerfRing>& rings);
// Whether programs can have a function called many times over (BPF_FUNC_loop, since Linux 5.17).
bool has_loops();
Result<UniqueFd> load_for_uprobes(std::vector<bpf_insn> code);
// Runs a program at a raw tracepoint as long as the descriptor is open anywhere.
Result<UniqueFd> attach_raw(const char* tracepoint, const std::vector<bpf_insn>& code);
// The same at KernelTypes::tracepoint(): the kernel knows what the arguments point to, and the
// program loads from there as from any memory.
Result<UniqueFd> attach_typed(uint32_t tracepoint, const std::vector<bpf_insn>& code);
// The same where KernelTypes::function() begins. Its arguments are the context, 8 bytes each.
Result<UniqueFd> attach_at_entry(uint32_t function, const std::vector<bpf_insn>& code);
// The same where KernelTypes::function() returns. Its arguments are the context, 8 bytes each, and
// behind them what it returns. Of several programs there, the last one to come is the first to run.
Result<UniqueFd> attach_at_return(uint32_t function, const std::vector<bpf_insn>& code);
// One that is run by run_once(), in the thread that calls it, with a number in its context.
Result<UniqueFd> load_to_run(std::vector<bpf_insn> code);
Status run_once(const UniqueFd& program, uint64_t number);
// Whether perf_event_open() makes uprobes here: kNotSupported.
Status check_uprobes();

// What a program has put out.
struct ProbeRecord {
    int64_t time = 0;  // counter
    uint32_t cpu = 0;
    uint32_t process = 0;
    uint32_t thread = 0;
    Bytes data;
    std::vector<uint64_t> stack;  // of the thread, innermost first; where it is asked for
};

class BpfProbe {
public:
    enum class Wakes : uint8_t { kAtQuarter, kAtEach };  // who waits: at what is in a ring
    struct Rings {
        uint32_t pages;  // of each CPU's, a power of two
        bool with_stacks = false;
        Wakes wakes = Wakes::kAtQuarter;
    };
    // Fails with kAccessDenied without the rights.
    static Result<BpfProbe> make(uint32_t cpus, const Rings& shape, const CounterSource& counter);
    // Rings for the programs that put records out to a map of a predecessor's.
    static Result<BpfProbe> over(UniqueFd output, uint32_t cpus, const Rings& shape,
                                 const CounterSource& counter);

    // Has all of it go on, as `what`, when this process is killed.
    void hold(Holder& holder, const std::string& what) const;
    // What a predecessor had held under this name.
    static Result<BpfProbe> adopt(Holder& holder, const std::string& what, uint32_t cpus,
                                  const CounterSource& counter, bool with_stacks = false);

    // The map that programs put records out to.
    const UniqueFd& output() const noexcept { return output_; }
    bool has_stacks() const noexcept { return with_stacks_; }
    // What runs a program: see attach_typed().
    void keep(UniqueFd link);
    // A map that belongs to the programs.
    void keep(const std::string& name, UniqueFd map) { maps_[name] = std::move(map); }
    const UniqueFd& map(const std::string& name) const;
    // Forgets all keys of a map.
    void clear_map(const std::string& name) const;
    // Runs a program at a raw tracepoint from now on.
    Status attach(const char* tracepoint, const std::vector<bpf_insn>& code);
    // Where the kernel asks programs about addresses of sockets (BPF_CGROUP_UDP4_RECVMSG ...), for
    // all processes. Fails with kNotSupported without control groups of version 2.
    Status attach_to_groups(bpf_attach_type type, const std::vector<bpf_insn>& code);
    // Runs one that load_for_uprobes() has made where code of a file is, in one process's memory.
    // The program's context is the registers (struct pt_regs).
    struct Places {
        std::string path;
        uint32_t pid;
        bool at_return;                 // of the functions that begin there
        std::vector<uint64_t> offsets;  // in the file
    };
    Status attach(const Places& places, const UniqueFd& program);
    // Lets go of what came last, so that one program less runs; what it has put out is still to be
    // read. False: there is none left.
    bool detach_one() {
        if (kept_.empty()) return false;
        kept_.pop_back();
        return true;
    }

    std::vector<int> fds() const;
    // No record is put out from now on, whoever holds the programs.
    void stop() noexcept;
    // Hands out what the rings hold, each CPU's in order. F: void(const ProbeRecord&).
    template <class F>
    void read(F handle) {
        clock_.sample();
        for (uint32_t cpu = 0; cpu < rings_.size(); ++cpu) {
            PerfRing& ring = rings_[cpu];
            for (ring.look(); const auto record = ring.front(); ring.pop()) {
                ProbeRecord out;
                out.cpu = cpu;
                if (parse(*record, out)) handle(out);
            }
        }
    }
    // See PerfRing: a successor does not read what was handed out before.
    void give_back() noexcept;
    // Records that found no room, since the last call, a predecessor's included.
    uint64_t take_lost();

private:
    BpfProbe(UniqueFd output, std::vector<PerfRing> rings, const CounterSource& counter,
             bool with_stacks)
        : output_(std::move(output)),
          rings_(std::move(rings)),
          clock_(counter),
          with_stacks_(with_stacks) {}
    bool parse(const PerfRing::Record& record, ProbeRecord& out) const;
    void drop_own_frames(std::vector<uint64_t>& stack) const;
    Status attach_together(const Places& places, const UniqueFd& program);
    Status attach_singly(const Places& places, const UniqueFd& program);

    UniqueFd output_;
    std::vector<PerfRing> rings_;  // by CPU
    RawClock clock_;
    bool with_stacks_ = false;
    std::map<std::string, UniqueFd> maps_;
    std::vector<UniqueFd> kept_;  // what has programs run
    struct Range {
        uint64_t begin, end;
    };
    std::vector<Range> own_code_;  // with stacks: of the programs
};

}  // namespace etw::kernel
