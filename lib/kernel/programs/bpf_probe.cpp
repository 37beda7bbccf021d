#include "kernel/programs/bpf_probe.h"

#include "base/hidden_fd.h"
#include "kernel/perf/perf_sample.h"
#include "kernel/programs/bpf_images.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <set>
#include <string>

namespace etw::kernel {
namespace {

constexpr char kUprobes[] = "/sys/bus/event_source/devices/uprobe/";
constexpr uint32_t kUprobeMulti = 48;   // BPF_TRACE_UPROBE_MULTI
constexpr size_t kMaxKey = 64;          // bytes of a map's key
constexpr uint32_t kMaxKeys = 1 << 17;  // of a map that is cleared
constexpr char kLicense[] = "GPL";      // what the helpers ask of a program that calls them

Error bpf_error(const char* what) { return {code_from_errno(errno), what, uint64_t(errno)}; }

// The root of those of version 2.
Result<UniqueFd> open_control_groups() {
    std::ifstream mounts("/proc/self/mounts");
    std::string device, folder, type, rest;
    while (mounts >> device >> folder >> type && std::getline(mounts, rest)) {
        if (type != "cgroup2") continue;
        UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (fd) return fd;
    }
    return Error{Code::kNotSupported, "no control groups of version 2", 0};
}

// Links of many uprobes. Before Linux 6.10 those of a process followed its first thread only.
bool has_links_for_uprobes() {
    static const bool kHas = [] {
        utsname system{};
        int major = 0;
        int minor = 0;
        if (::uname(&system) != 0) return false;
        if (std::sscanf(system.release, "%d.%d", &major, &minor) != 2) return false;
        return major > 6 || (major == 6 && minor >= 10);
    }();
    return kHas;
}

// Types of a program's functions.
struct FunctionTypes {
    UniqueFd btf;
    std::vector<bpf_func_info> functions;
};

// The kernel asks for them where a function's address is taken, of all functions. It goes by
// nothing in them but that these are the program's own (static). Others have none.
Result<FunctionTypes> describe_functions(const std::vector<bpf_insn>& code) {
    FunctionTypes out;
    std::set<uint32_t> begins{0};
    bool needed = false;
    for (size_t i = 0; i < code.size(); ++i) {
        const bpf_insn& instruction = code[i];
        const bool calls =
            instruction.code == (BPF_JMP | BPF_CALL) && instruction.src_reg == BPF_PSEUDO_CALL;
        const bool takes = instruction.code == (BPF_LD | BPF_IMM | BPF_DW) &&
                           instruction.src_reg == BPF_PSEUDO_FUNC;
        if (calls || takes) begins.insert(uint32_t(int64_t(i) + instruction.imm + 1));
        needed = needed || takes;
    }
    if (!needed) return out;
    const std::unique_ptr<btf, decltype(&::btf__free)> types(::btf__new_empty(), &::btf__free);
    const int number = ::btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED);
    const int prototype = ::btf__add_func_proto(types.get(), number);
    const int function = ::btf__add_func(types.get(), "etw", BTF_FUNC_STATIC, prototype);
    uint32_t size = 0;
    const void* data = ::btf__raw_data(types.get(), &size);
    if (function < 0 || data == nullptr) return bpf_error("bpf: types");
    out.btf = UniqueFd(::bpf_btf_load(data, size, nullptr));
    if (!out.btf) return bpf_error("bpf: types");
    for (const uint32_t begin : begins) out.functions.push_back({begin, uint32_t(function)});
    return out;
}

// `type`: the id of what it is attached to.
Result<UniqueFd> attach_to_type(bpf_attach_type how, uint32_t type,
                                const std::vector<bpf_insn>& code) {
    bpf_prog_load_opts options{};
    options.sz = sizeof(options);
    options.expected_attach_type = how;
    options.attach_btf_id = type;
    const UniqueFd program(::bpf_prog_load(BPF_PROG_TYPE_TRACING, "etw_typed", kLicense,
                                           code.data(), code.size(), &options));
    if (!program) return bpf_error("bpf: program");
    UniqueFd link(::bpf_raw_tracepoint_open(nullptr, program.get()));
    if (!link) return bpf_error("bpf: tracepoint");
    return link;
}

// The type of event that perf has for uprobes.
Result<uint32_t> uprobe_type() {
    std::ifstream in(std::string(kUprobes) + "type");
    uint32_t type = 0;
    if (!(in >> type)) return Error{Code::kNotSupported, "the kernel has no uprobes for perf", 0};
    return type;
}

// The bit of perf_event_attr::config that asks for the function's return: "config:0".
uint64_t return_bit() {
    std::ifstream in(std::string(kUprobes) + "format/retprobe");
    std::string text;
    in >> text;
    const size_t colon = text.find(':');
    const unsigned long bit =
        colon == std::string::npos ? 0 : std::strtoul(text.c_str() + colon + 1, nullptr, 10);
    return uint64_t{1} << (bit & 63);
}

perf_event_attr attr_for_output(const BpfProbe::Rings& shape) {
    perf_event_attr attr{};
    attr.size = sizeof(attr);
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_BPF_OUTPUT;
    attr.sample_period = 1;
    attr.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_RAW;
    if (shape.with_stacks) attr.sample_type |= PERF_SAMPLE_CALLCHAIN;
    attr.read_format = PERF_FORMAT_LOST;  // since Linux 6.0
    attr.use_clockid = 1;
    attr.clockid = CLOCK_MONOTONIC_RAW;
    if (shape.wakes == BpfProbe::Wakes::kAtEach) {
        attr.wakeup_events = 1;
    } else {
        attr.watermark = 1;
        attr.wakeup_watermark = shape.pages * 4096 / 4;
    }
    return attr;
}

}  // namespace

Result<UniqueFd> make_map(const MapShape& shape) {
    bpf_map_create_opts options{};
    options.sz = sizeof(options);
    options.map_flags = shape.flags;
    UniqueFd map(::bpf_map_create(bpf_map_type(shape.type), shape.name, shape.key_size,
                                  shape.value_size, shape.entries, &options));
    if (!map) return bpf_error("bpf: map");
    return map;
}

Status set_in_map(const UniqueFd& map, const void* key, const void* value) {
    if (::bpf_map_update_elem(map.get(), key, value, BPF_ANY) != 0) return bpf_error("bpf: value");
    return Ok{};
}

Status set_rings_in_map(const UniqueFd& map, const std::vector<PerfRing>& rings) {
    for (uint32_t cpu = 0; cpu < rings.size(); ++cpu) {
        const int fd = rings[cpu].fd().get();
        if (rings[cpu]) ETW_CHECK(set_in_map(map, &cpu, &fd));
    }
    return Ok{};
}

bool has_loops() {
    static const bool kHas =
        ::libbpf_probe_bpf_helper(BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_FUNC_loop, nullptr) == 1;
    return kHas;
}

Result<UniqueFd> load_for_uprobes(std::vector<bpf_insn> code) {
    bpf_prog_load_opts options{};
    options.sz = sizeof(options);
    // Those of perf do not look at it.
    if (has_links_for_uprobes()) options.expected_attach_type = bpf_attach_type(kUprobeMulti);
    UniqueFd program(::bpf_prog_load(BPF_PROG_TYPE_KPROBE, "etw_uprobe", kLicense, code.data(),
                                     code.size(), &options));
    if (!program) return bpf_error("bpf: program");
    return program;
}

Result<UniqueFd> attach_raw(const char* tracepoint, const std::vector<bpf_insn>& code) {
    ETW_TRY(const FunctionTypes types, describe_functions(code));
    bpf_prog_load_opts options{};
    options.sz = sizeof(options);
    options.prog_btf_fd = uint32_t(std::max(types.btf.get(), 0));
    options.func_info = types.functions.data();
    options.func_info_cnt = uint32_t(types.functions.size());
    options.func_info_rec_size = sizeof(bpf_func_info);
    const UniqueFd program(::bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, tracepoint, kLicense,
                                           code.data(), code.size(), &options));
    if (!program) return bpf_error("bpf: program");
    UniqueFd link(::bpf_raw_tracepoint_open(tracepoint, program.get()));
    if (!link) return bpf_error("bpf: tracepoint");
    return link;
}

Result<UniqueFd> attach_typed(uint32_t tracepoint, const std::vector<bpf_insn>& code) {
    return attach_to_type(BPF_TRACE_RAW_TP, tracepoint, code);
}

Result<UniqueFd> attach_at_entry(uint32_t function, const std::vector<bpf_insn>& code) {
    return attach_to_type(BPF_TRACE_FENTRY, function, code);
}

Result<UniqueFd> attach_at_return(uint32_t function, const std::vector<bpf_insn>& code) {
    return attach_to_type(BPF_TRACE_FEXIT, function, code);
}

Result<UniqueFd> load_to_run(std::vector<bpf_insn> code) {
    UniqueFd program(::bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "etw_once", kLicense,
                                     code.data(), code.size(), nullptr));
    if (!program) return bpf_error("bpf: program");
    return program;
}

Status run_once(const UniqueFd& program, uint64_t number) {
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.ctx_in = &number;
    options.ctx_size_in = sizeof(number);
    if (::bpf_prog_test_run_opts(program.get(), &options) != 0) return bpf_error("bpf: run");
    return Ok{};
}

Status check_uprobes() {
    const auto type = uprobe_type();
    if (!type) return type.error();
    return Ok{};
}

Result<BpfProbe> BpfProbe::make(uint32_t cpus, const Rings& shape, const CounterSource& counter) {
    ETW_TRY(UniqueFd output, make_map({BPF_MAP_TYPE_PERF_EVENT_ARRAY, "etw_output",
                                       sizeof(uint32_t), sizeof(uint32_t), cpus}));
    return over(std::move(output), cpus, shape, counter);
}

Result<BpfProbe> BpfProbe::over(UniqueFd output, uint32_t cpus, const Rings& shape,
                                const CounterSource& counter) {
    std::vector<PerfRing> rings;
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
        ETW_TRY(PerfRing ring, PerfRing::open(attr_for_output(shape), cpu, shape.pages));
        rings.push_back(std::move(ring));
    }
    ETW_CHECK(set_rings_in_map(output, rings));
    return BpfProbe(std::move(output), std::move(rings), counter, shape.with_stacks);
}

void BpfProbe::keep(UniqueFd link) {
    if (with_stacks_) {
        for (const Image& image : bpf_images_of(link)) {
            own_code_.push_back({image.base, image.base + image.size});
        }
    }
    kept_.push_back(std::move(link));
}

Status BpfProbe::attach(const char* tracepoint, const std::vector<bpf_insn>& code) {
    ETW_TRY(UniqueFd link, attach_raw(tracepoint, code));
    keep(std::move(link));
    return Ok{};
}

Status BpfProbe::attach_to_groups(bpf_attach_type type, const std::vector<bpf_insn>& code) {
    ETW_TRY(const UniqueFd groups, open_control_groups());
    bpf_prog_load_opts options{};
    options.sz = sizeof(options);
    options.expected_attach_type = type;
    const UniqueFd program(::bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "etw_groups", kLicense,
                                           code.data(), code.size(), &options));
    if (!program) return bpf_error("bpf: program");
    // Beside those of others. It goes with its descriptor.
    UniqueFd link(::bpf_link_create(program.get(), groups.get(), type, nullptr));
    if (!link) return bpf_error("bpf: control groups");
    keep(std::move(link));
    return Ok{};
}

Status BpfProbe::attach(const Places& places, const UniqueFd& program) {
    if (has_links_for_uprobes() && attach_together(places, program)) return Ok{};
    return attach_singly(places, program);
}

// One link for all of them: taken out together, it costs the kernel one wait for all processors in
// place of one for each.
Status BpfProbe::attach_together(const Places& places, const UniqueFd& program) {
    struct {
        uint32_t program, target, attach_type, flags;
        uint64_t path, offsets, counts, cookies;
        uint32_t count, how, pid, zero;
    } link{};
    static_assert(sizeof(link) == 64);
    constexpr uint32_t kAtReturn = 1;  // BPF_F_UPROBE_MULTI_RETURN
    link.program = uint32_t(program.get());
    link.attach_type = kUprobeMulti;
    link.path = uint64_t(reinterpret_cast<uintptr_t>(places.path.c_str()));
    link.offsets = uint64_t(reinterpret_cast<uintptr_t>(places.offsets.data()));
    link.count = uint32_t(places.offsets.size());
    link.how = places.at_return ? kAtReturn : 0;
    link.pid = places.pid;
    UniqueFd fd(int(::syscall(SYS_bpf, BPF_LINK_CREATE, &link, sizeof(link))));
    if (!fd) return bpf_error("bpf: uprobes");
    kept_.push_back(hide_from_children(std::move(fd)));
    return Ok{};
}

Status BpfProbe::attach_singly(const Places& places, const UniqueFd& program) {
    ETW_TRY(const uint32_t type, uprobe_type());
    for (const uint64_t offset : places.offsets) {
        perf_event_attr attr{};
        attr.size = sizeof(attr);
        attr.type = type;
        attr.config = places.at_return ? return_bit() : 0;
        attr.uprobe_path = uint64_t(reinterpret_cast<uintptr_t>(places.path.c_str()));
        attr.probe_offset = offset;
        UniqueFd event(int(::syscall(SYS_perf_event_open, &attr, pid_t(places.pid), -1, -1,
                                     PERF_FLAG_FD_CLOEXEC)));
        if (!event) return Error{code_from_errno(errno), "uprobe", uint64_t(errno)};
        event = hide_from_children(std::move(event));
        if (::ioctl(event.get(), PERF_EVENT_IOC_SET_BPF, program.get()) != 0 ||
            ::ioctl(event.get(), PERF_EVENT_IOC_ENABLE, 0) != 0) {
            return bpf_error("bpf: uprobe");
        }
        kept_.push_back(std::move(event));
    }
    return Ok{};
}

std::vector<int> BpfProbe::fds() const {
    std::vector<int> out;
    for (const PerfRing& ring : rings_) out.push_back(ring.fd().get());
    return out;
}

// A stack begins where the program put the record out.
void BpfProbe::drop_own_frames(std::vector<uint64_t>& stack) const {
    const auto is_own = [this](uint64_t address) {
        return std::any_of(own_code_.begin(), own_code_.end(), [&](const Range& code) {
            return code.begin <= address && address < code.end;
        });
    };
    const auto last = std::find_if(stack.rbegin(), stack.rend(), is_own);
    stack.erase(stack.begin(), last.base());
}

bool BpfProbe::parse(const PerfRing::Record& record, ProbeRecord& out) const {
    if (record.type != PERF_RECORD_SAMPLE) return false;  // losses are counted by take_lost()
    struct Sample {
        uint32_t process;
        uint32_t thread;
        uint64_t time;
    };
    ByteReader in(record.body);
    const auto sample = in.read<Sample>("bpf sample");
    if (!sample || (with_stacks_ && !read_stack(in, out.stack))) return false;
    const auto size = in.read<uint32_t>("bpf sample: size");
    if (!size) return false;
    const auto data = in.take(*size, "bpf sample: data");
    if (!data) return false;
    drop_own_frames(out.stack);
    out.time = clock_.to_counter(sample->time);
    out.process = sample->process;
    out.thread = sample->thread;
    out.data = *data;
    return true;
}

const UniqueFd& BpfProbe::map(const std::string& name) const {
    static const UniqueFd kNone;
    const auto found = maps_.find(name);
    return found == maps_.end() ? kNone : found->second;
}

void BpfProbe::clear_map(const std::string& name) const {
    const int fd = map(name).get();
    std::array<std::byte, kMaxKey> key{};
    // Bounded: programs add keys meanwhile.
    for (uint32_t i = 0; i < kMaxKeys && ::bpf_map_get_next_key(fd, nullptr, key.data()) == 0;
         ++i) {
        static_cast<void>(::bpf_map_delete_elem(fd, key.data()));
    }
}

void BpfProbe::stop() noexcept {
    for (const PerfRing& ring : rings_) {
        static_cast<void>(::ioctl(ring.fd().get(), PERF_EVENT_IOC_DISABLE, 0));
    }
}

void BpfProbe::give_back() noexcept {
    for (PerfRing& ring : rings_) ring.give_back();
}

uint64_t BpfProbe::take_lost() {
    uint64_t lost = 0;
    for (PerfRing& ring : rings_) {
        struct Counts {
            uint64_t value, lost;
        } counts{};
        if (::read(ring.fd().get(), &counts, sizeof(counts)) == sizeof(counts)) {
            lost += ring.count_lost(counts.lost);
        }
    }
    return lost;
}

// --- over the end of a process ---------------------------------------------------------------

namespace {

constexpr char kOutput[] = "output";
constexpr char kMap[] = "map/";

}  // namespace

// The output last: where it is, all the others are.
void BpfProbe::hold(Holder& holder, const std::string& what) const {
    hold_rings(holder, what, rings_);
    for (const auto& [name, map] : maps_) holder.hold(what, kMap + name, map);
    for (size_t i = 0; i < kept_.size(); ++i) {
        holder.hold(what, std::to_string(i), kept_[i]);
    }
    holder.hold(what, kOutput, output_);
}

Result<BpfProbe> BpfProbe::adopt(Holder& holder, const std::string& what, uint32_t cpus,
                                 const CounterSource& counter, bool with_stacks) {
    HeldParts parts = holder.take_left(what);
    const auto output = parts.find(kOutput);
    if (output == parts.end()) return Error{Code::kNoMoreItems, "bpf: nothing is held", 0};
    ETW_TRY(auto rings, adopt_rings(parts, cpus));
    BpfProbe out(std::move(output->second), std::move(rings), counter, with_stacks);
    for (size_t i = 0; parts.contains(std::to_string(i)); ++i) {
        out.keep(hide_from_children(std::move(parts[std::to_string(i)])));
    }
    for (auto& [name, fd] : parts) {
        if (name.starts_with(kMap)) out.maps_[name.substr(sizeof(kMap) - 1)] = std::move(fd);
    }
    return out;
}

}  // namespace etw::kernel
