#include "kernel/programs/switch_program.h"

#include "kernel/perf/processors.h"
#include "kernel/programs/kernel_types.h"

#include <bpf/bpf.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <fstream>
#include <string>
#include <utility>

namespace etw::kernel {
namespace {

using Size = BpfCode::Size;

#define AT(member) int(offsetof(SwitchRecord, member))
#define CONTROL_AT(member) int(offsetof(SwitchControl, member))

// A value of the map of records; the kernel's older versions allow 4 MB.
constexpr int32_t kPartRecords = 32768;
constexpr size_t kPartSize = kPartRecords * sizeof(SwitchRecord);
constexpr uint64_t kAllRecords = uint64_t{1} << 23;  // 192 MB
constexpr uint32_t kMaxParts = 8;                    // of a processor: 6 MB
constexpr int32_t kWakeEvery = 8192;
constexpr BpfProbe::Rings kWakeRings{.pages = 1, .wakes = BpfProbe::Wakes::kAtEach};
constexpr char kHeldAs[] = "switches";
constexpr const char* kPartNames[kSwitchParts] = {"controls", "records", "counts", "wakes", "link"};
constexpr char kCounter[] = "/sys/bus/event_source/devices/msr/";

Error not_supported(const char* what) { return {Code::kNotSupported, what, 0}; }

Error perf_error() { return {code_from_errno(errno), "perf: counter", uint64_t(errno)}; }

// A program cannot read the time stamp counter, but perf has an event that counts it, and programs
// read those. What it has counted since it began is of no use: perf takes the event off its
// processor for a microsecond when somebody opens another that is pinned, and it does not count
// then. But from one reading to the next the event keeps the counter itself, and there it is taken
// from. Pinned, so that a processor that was away in between gives an error and no old reading.
Result<UniqueFd> open_count(uint32_t type, uint32_t cpu) {
    perf_event_attr attr{};
    attr.size = sizeof(attr);
    attr.type = type;
    attr.pinned = 1;
    UniqueFd fd(int(::syscall(SYS_perf_event_open, &attr, -1, int(cpu), -1,
                              static_cast<unsigned long>(PERF_FLAG_FD_CLOEXEC))));
    if (!fd) return perf_error();
    return fd;
}

// perf's event 0 of "msr": tsc.
Result<uint32_t> count_type() {
    std::ifstream type_file(std::string(kCounter) + "type");
    std::ifstream event_file(std::string(kCounter) + "events/tsc");
    uint32_t type = 0;
    std::string event;
    if (!(type_file >> type) || !(event_file >> event) || event != "event=0x00") {
        return not_supported("perf does not count the time stamp counter here");
    }
    return type;
}

struct Maps {
    int controls, records, counts, wakes;
};

// Runs once for each processor, in the thread that has just opened the event and read it: leaves in
// the control block where the event keeps the counter, and what is there.
Result<std::vector<bpf_insn>> finder_program(KernelTypes& types, int controls) {
    const auto list = int32_t(types.offset("task_struct", "perf_event_list"));
    const auto last = list + int32_t(types.offset("list_head", "prev"));
    const auto owner = int32_t(types.offset("perf_event", "owner_entry"));
    const auto hardware = int32_t(types.offset("perf_event", "hw"));
    const auto previous = hardware + int32_t(types.offset("hw_perf_event", "prev_count"));
    if (!types.complete()) return not_supported("the kernel's structures are others");

    constexpr int kCpu = -8, kValue = -16;
    BpfCode code;
    const auto end = code.label();
    code.load(Size::k64, r1, r1, 0);
    code.store(Size::k64, r10, kCpu, r1);
    code.look_up(controls, kCpu);
    code.jump_if(BPF_JEQ, r0, 0, end);
    code.set(r7, r0);
    code.call_helper(BPF_FUNC_get_current_task);
    code.set(r8, r0);
    code.fetch(kValue, r8, last, 8);
    code.load(Size::k64, r8, r10, kValue);
    code.calculate(BPF_ADD, r8, previous - owner);
    code.store(Size::k64, r7, CONTROL_AT(reading_at), r8);
    code.fetch(kValue, r8, 0, 8);
    code.load(Size::k64, r1, r10, kValue);
    code.store(Size::k64, r7, CONTROL_AT(reading), r1);
    code.place(end);
    code.leave(0);
    return code.finish();
}

// sched_switch: (bool preempt, struct task_struct* prev, *next, unsigned prev_state). Kernels
// before 5.19 have other arguments: theirs refuse the program.
Result<std::vector<bpf_insn>> switch_program(KernelTypes& types, const Maps& maps, uint32_t parts) {
    const auto id = int(types.offset("task_struct", "pid"));
    const auto priority = int(types.offset("task_struct", "prio"));
    const auto exit_state = int(types.offset("task_struct", "exit_state"));
    if (!types.complete()) return not_supported("the kernel's structures are others");

    constexpr int kCpu = -4, kPart = -8, kTime = -16;
    constexpr int kPartBits = std::countr_zero(uint32_t(kPartRecords));
    BpfCode code;
    const auto end = code.label(), lost = code.label();
    code.set(r6, r1);
    code.call_helper(BPF_FUNC_get_smp_processor_id);
    code.store(Size::k32, r10, kCpu, r0);
    code.set(r9, r0);
    code.look_up(maps.controls, kCpu);
    code.jump_if(BPF_JEQ, r0, 0, end);
    code.set(r7, r0);
    code.load(Size::k64, r8, r7, CONTROL_AT(head));
    code.load(Size::k64, r1, r7, CONTROL_AT(tail));
    code.set(r2, r8);
    code.calculate(BPF_SUB, r2, r1);
    code.jump_if(BPF_JGE, r2, int32_t(parts) * kPartRecords, lost);
    // The part of the ring: cpu * parts + head / kPartRecords % parts.
    code.calculate(BPF_MUL, r9, int32_t(parts));
    code.set(r1, r8);
    code.calculate(BPF_RSH, r1, kPartBits);
    code.calculate(BPF_AND, r1, int32_t(parts) - 1);
    code.calculate(BPF_ADD, r9, r1);
    code.store(Size::k32, r10, kPart, r9);
    code.load_map(r1, maps.counts);
    code.set32(r2, uint32_t(BPF_F_CURRENT_CPU));
    code.call_helper(BPF_FUNC_perf_event_read);
    code.jump_if(BPF_JSLT, r0, 0, lost);
    code.load(Size::k64, r9, r7, CONTROL_AT(reading_at));
    code.fetch(kTime, r9, 0, 8);
    code.jump_if(BPF_JNE, r0, 0, lost);
    code.load(Size::k64, r9, r10, kTime);
    code.look_up(maps.records, kPart);
    code.jump_if(BPF_JEQ, r0, 0, end);
    code.set(r1, r8);
    code.calculate(BPF_AND, r1, kPartRecords - 1);
    code.calculate(BPF_MUL, r1, int32_t(sizeof(SwitchRecord)));
    code.calculate(BPF_ADD, r0, r1);
    code.store(Size::k64, r0, AT(time), r9);
    code.load(Size::k64, r1, r6, 8);
    code.load(Size::k64, r2, r6, 16);
    code.load(Size::k32, r3, r1, id);
    code.store(Size::k32, r0, AT(old_thread), r3);
    code.load(Size::k32, r3, r2, id);
    code.store(Size::k32, r0, AT(new_thread), r3);
    code.load(Size::k32, r3, r1, priority);
    code.store(Size::k8, r0, AT(old_priority), r3);
    code.load(Size::k32, r3, r2, priority);
    code.store(Size::k8, r0, AT(new_priority), r3);
    code.load(Size::k64, r3, r6, 24);
    code.load(Size::k32, r4, r1, exit_state);
    code.calculate(BPF_OR, r3, r4);
    code.store(Size::k16, r0, AT(old_state), r3);
    code.load(Size::k64, r3, r6, 0);
    code.store(Size::k8, r0, AT(preempted), r3);
    code.calculate(BPF_ADD, r8, 1);
    code.store(Size::k64, r7, CONTROL_AT(head), r8);  // behind the record: see switch_ring.h
    code.calculate(BPF_AND, r8, kWakeEvery - 1);
    code.jump_if(BPF_JNE, r8, 0, end);
    code.put_out(r6, maps.wakes, kPart, 4);
    code.jump(end);
    code.place(lost);
    code.load(Size::k64, r1, r7, CONTROL_AT(lost));
    code.calculate(BPF_ADD, r1, 1);
    code.store(Size::k64, r7, CONTROL_AT(lost), r1);
    code.place(end);
    code.leave(0);
    return code.finish();
}

struct MapValues {
    uint32_t size, count;
};
Result<MapValues> values_of(const UniqueFd& map) {
    bpf_map_info info{};
    uint32_t size = sizeof(info);
    if (::bpf_obj_get_info_by_fd(map.get(), &info, &size) != 0) {
        return Error{code_from_errno(errno), "bpf: map", uint64_t(errno)};
    }
    return MapValues{info.value_size, info.max_entries};
}

// What is found after a reading of the event is our counter, or this is no kernel for us.
Status find_reading(const UniqueFd& finder, uint32_t cpu, const UniqueFd& event,
                    const SwitchControl& control, const CounterSource& counter) {
    const int64_t before = counter.now();
    uint64_t count = 0;
    if (::read(event.get(), &count, sizeof(count)) != ssize_t(sizeof(count))) return perf_error();
    ETW_CHECK(run_once(finder, cpu));
    if (control.reading < before || control.reading > counter.now()) {
        return not_supported("perf's time stamp counter is not ours");
    }
    return Ok{};
}

Result<Mapping> map_values(const UniqueFd& map, size_t size) {
    return Mapping::of(map, size, "bpf: mmap");
}

}  // namespace

SwitchWatch::SwitchWatch(SwitchDescriptors parts, BpfProbe probe, Mapping controls, Mapping records,
                         uint32_t cpus, uint64_t capacity)
    : parts_(std::move(parts)),
      probe_(std::move(probe)),
      controls_(std::move(controls)),
      records_(std::move(records)),
      rings_(reinterpret_cast<SwitchControl*>(controls_.get()), records_.get(), cpus, capacity) {}

Result<SwitchWatch> SwitchWatch::open(uint32_t cpus, const CounterSource& counter) {
    if (!counter.is_hardware) return not_supported("the counter is a clock of the kernel's");
    ETW_TRY(const uint32_t type, count_type());
    ETW_TRY(KernelTypes types, KernelTypes::load());
    ETW_TRY(const uint32_t tracepoint, types.tracepoint("sched_switch"));
    const uint64_t share = kAllRecords / kPartRecords / cpus;
    const auto parts = uint32_t(std::bit_floor(std::clamp<uint64_t>(share, 1, kMaxParts)));

    SwitchDescriptors made;
    ETW_TRY(BpfProbe probe, BpfProbe::make(cpus, kWakeRings, counter));
    ETW_TRY(made[kControls], make_map({BPF_MAP_TYPE_ARRAY, "etw_controls", 4, sizeof(SwitchControl),
                                       cpus, BPF_F_MMAPABLE}));
    ETW_TRY(made[kRecords], make_map({BPF_MAP_TYPE_ARRAY, "etw_switches", 4, kPartSize,
                                      cpus * parts, BPF_F_MMAPABLE}));
    // It has the events open, too, as long as it is open itself.
    ETW_TRY(made[kCounts], make_map({BPF_MAP_TYPE_PERF_EVENT_ARRAY, "etw_counts", 4, 4, cpus}));
    ETW_TRY(Mapping control_memory, map_values(made[kControls], cpus * sizeof(SwitchControl)));
    ETW_TRY(Mapping record_memory, map_values(made[kRecords], cpus * parts * kPartSize));

    const auto* controls = reinterpret_cast<const SwitchControl*>(control_memory.get());
    ETW_TRY(auto find, finder_program(types, made[kControls].get()));
    ETW_TRY(const UniqueFd finder, load_to_run(std::move(find)));
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
        if (!runs(cpu)) continue;
        ETW_TRY(const UniqueFd event, open_count(type, cpu));
        ETW_CHECK(find_reading(finder, cpu, event, controls[cpu], counter));
        const int fd = event.get();
        ETW_CHECK(set_in_map(made[kCounts], &cpu, &fd));
    }
    const Maps maps{made[kControls].get(), made[kRecords].get(), made[kCounts].get(),
                    probe.output().get()};
    ETW_TRY(auto code, switch_program(types, maps, parts));
    ETW_TRY(made[kLink], attach_typed(tracepoint, std::move(code)));
    return SwitchWatch(std::move(made), std::move(probe), std::move(control_memory),
                       std::move(record_memory), cpus, uint64_t{parts} * kPartRecords);
}

Result<SwitchWatch> SwitchWatch::adopt(Holder& holder, uint32_t cpus,
                                       const CounterSource& counter) {
    HeldParts parts = holder.take_left(kHeldAs);
    SwitchDescriptors left;
    for (size_t part = 0; part < left.size(); ++part) {
        left[part] = std::move(parts[kPartNames[part]]);
        if (!left[part]) return Error{Code::kNoMoreItems, "bpf: nothing is held", part};
    }
    ETW_TRY(const MapValues controls, values_of(left[kControls]));
    ETW_TRY(const MapValues records, values_of(left[kRecords]));
    const uint32_t parts_of_one = records.count / cpus;
    if (controls.size != sizeof(SwitchControl) || controls.count != cpus ||
        records.size != kPartSize || !std::has_single_bit(parts_of_one)) {
        return not_supported("rings of switches of another layout");
    }
    ETW_TRY(Mapping control_memory, map_values(left[kControls], cpus * sizeof(SwitchControl)));
    ETW_TRY(Mapping record_memory, map_values(left[kRecords], cpus * parts_of_one * kPartSize));
    ETW_TRY(BpfProbe probe, BpfProbe::over(std::move(left[kWakes]), cpus, kWakeRings, counter));
    SwitchWatch out(std::move(left), std::move(probe), std::move(control_memory),
                    std::move(record_memory), cpus, uint64_t{parts_of_one} * kPartRecords);
    out.is_new_ = false;
    return out;
}

void SwitchWatch::hold(Holder& holder) const {
    for (size_t part = 0; part < parts_.size(); ++part) {
        holder.hold(kHeldAs, kPartNames[part], part == kWakes ? probe_.output() : parts_[part]);
    }
}

void SwitchWatch::let_go(Holder& holder) { holder.let_go(kHeldAs); }

void SwitchWatch::read() {
    probe_.read([](const ProbeRecord&) {});  // what woke us
    probe_.give_back();
    rings_.read();
}

}  // namespace etw::kernel
