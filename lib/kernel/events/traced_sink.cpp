#include "kernel/events/traced_sink.h"

#include "kernel/events/image_events.h"

#include <algorithm>

namespace etw::kernel {
namespace {

constexpr uint16_t kStackWalk = 0x1820;
constexpr uint16_t kSwitch = 0x0524;
constexpr uint8_t kTerminated = 4;  // CSwitch OldThreadState
constexpr size_t kMaxLeft = 65536;  // threads that wait

// What the payload of a CSwitch record has.
constexpr size_t kNewThread = 0;
constexpr size_t kOldThread = 4;
constexpr size_t kOldState = 14;
constexpr size_t kSwitchSize = 24;

// Versions 4 and 6 of a protocol are one kind: their types differ in this bit.
constexpr uint16_t version_4(uint16_t hook) {
    const int group = hook >> 8;
    return group == 0x06 || group == 0x08 ? uint16_t(hook & ~0x10) : hook;
}

bool has(const std::vector<uint16_t>& events, uint16_t hook) {
    return std::binary_search(events.begin(), events.end(), version_4(hook));
}

template <class T>
T load(Bytes bytes, size_t offset) {
    T out{};
    std::memcpy(&out, bytes.data() + offset, sizeof(T));
    return out;
}

std::vector<uint16_t> sorted(const std::vector<uint16_t>& hooks) {
    std::vector<uint16_t> out;
    for (const uint16_t hook : hooks) out.push_back(version_4(hook));
    std::sort(out.begin(), out.end());
    return out;
}

wire::HeaderType type_of(Bytes record) {
    return wire::HeaderType(load<uint8_t>(record, offsetof(wire::PerfInfoHeader, header_type)));
}

// 0: of no class of the kernel's.
uint16_t hook_of(Bytes record) {
    const wire::HeaderType type = type_of(record);
    if (type != wire::HeaderType::kPerfInfo64 && type != wire::HeaderType::kSystem64) return 0;
    return load<uint16_t>(record, offsetof(wire::PerfInfoHeader, hook_id));
}

struct Point {
    uint16_t hook;
    const char* tracepoint;
};
constexpr Point kPoints[] = {
    {0x030A, "sys_enter_mmap"},
    {0x030A, "sys_enter_mprotect"},
    {0x0301, "task_newtask"},
    {0x0302, "sched_process_exit"},
    {0x0501, "task_newtask"},
    {0x0502, "sched_process_exit"},
    {0x0524, "sched_switch"},
    {0x0532, "sched_waking"},
    {0x0532, "sched_wakeup_new"},
    {0x0F33, "sys_enter"},
    {0x0F34, "sys_exit"},
    {0x0F43, "irq_handler_exit"},
    {0x0F44, "softirq_exit"},
    {0x0F45, "softirq_exit"},
    {0x010A, "block_rq_complete"},
    {0x010B, "block_rq_complete"},
    {0x010E, "block_rq_complete"},
    {0x010C, "block_rq_issue"},
    {0x010D, "block_rq_issue"},
    {0x010F, "block_rq_issue"},
    {0x020A, "page_fault_user"},
    {0x020A, "page_fault_kernel"},
    {0x020B, "page_fault_user"},
    {0x020B, "page_fault_kernel"},
    {0x020C, "page_fault_user"},
    {0x020C, "page_fault_kernel"},
    {0x0220, "mm_filemap_add_to_page_cache"},
    {0x060A, "sock_send_length"},
    {0x060B, "sock_recv_length"},
    {0x060C, "inet_sock_set_state"},
    {0x060D, "inet_sock_set_state"},
    {0x060F, "inet_sock_set_state"},
    {0x060E, "tcp_retransmit_skb"},
    {0x080A, "sock_send_length"},
    {0x080B, "sock_recv_length"},
};

}  // namespace

bool feeds(const std::string& tracepoint, uint16_t hook) noexcept {
    return std::any_of(std::begin(kPoints), std::end(kPoints), [&](const Point& point) {
        return point.hook == version_4(hook) && tracepoint == point.tracepoint;
    });
}

void TracedSink::set(const Tracing& tracing) {
    stack_events_ = sorted(tracing.stack_events);
    counter_events_ = sorted(tracing.counter_events);
    if (!has(stack_events_, kSwitch)) left_.clear();
}

void TracedSink::append(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time) {
    if (diverted_ != nullptr) return diverted_->append(cpu, record, time_offset, time);
    const uint16_t hook = hook_of(record);
    if (hook == kStackWalk) {
        return append_told_stack(cpu, record.subspan(sizeof(wire::PerfInfoHeader)));
    }
    const int64_t next = next_time(cpu, time, has(stack_events_, hook));
    if (next == time) return append_next(cpu, record, time_offset, time);
    std::vector<std::byte> later(record.begin(), record.end());
    std::memcpy(later.data() + time_offset, &next, sizeof(next));
    append_next(cpu, later, time_offset, next);
}

int64_t TracedSink::next_time(uint32_t cpu, int64_t time, bool has_stack) {
    if (cpu >= last_.size()) last_.resize(cpu + 1);
    Times& last = last_[cpu];
    time = std::max(time, last.record);
    if (has_stack) time = last.with_stack = std::max(time, last.with_stack + 1);
    return last.record = time;
}

void TracedSink::append_next(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time) {
    const uint16_t hook = hook_of(record);
    if (hook == 0 || (stack_events_.empty() && with_.counters.empty())) {
        return sink_.append(cpu, record, time_offset, time);
    }
    const bool is_plain = type_of(record) == wire::HeaderType::kPerfInfo64;
    if (is_plain && !with_.counters.empty() && has(counter_events_, hook)) {
        append_counted(cpu, record, time_offset, time);
    } else {
        sink_.append(cpu, record, time_offset, time);
    }
    if (!has(stack_events_, hook)) return;
    const Bytes payload =
        record.subspan(is_plain ? sizeof(wire::PerfInfoHeader) : sizeof(wire::SystemHeader));
    if (hook == kSwitch) {
        append_switched_to(cpu, payload, time);
    } else {
        append_stack(cpu, time, with_.ids, with_.stack);
    }
}

// The counters follow the header, whose flags say how many there are.
void TracedSink::append_counted(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time) {
    std::vector<std::byte> out(record.begin(), record.begin() + sizeof(wire::PerfInfoHeader));
    const auto counters = std::as_bytes(with_.counters);
    out.insert(out.end(), counters.begin(), counters.end());
    out.insert(out.end(), record.begin() + sizeof(wire::PerfInfoHeader), record.end());
    out[offsetof(wire::PerfInfoHeader, flags)] = std::byte(with_.counters.size());
    const auto size = uint16_t(out.size());
    std::memcpy(out.data() + offsetof(wire::PerfInfoHeader, size), &size, sizeof(size));
    sink_.append(cpu, out, time_offset, time);
}

// Of a converter that makes the record itself, right behind the event's own: behind the time and
// ids the addresses.
void TracedSink::append_told_stack(uint32_t cpu, Bytes payload) {
    constexpr size_t kProcess = 8, kThread = 12, kAddresses = 16;
    if (payload.size() < kAddresses) return;
    const Bytes addresses = payload.subspan(kAddresses);
    std::vector<uint64_t> stack(addresses.size() / sizeof(uint64_t));
    std::memcpy(stack.data(), addresses.data(), stack.size() * sizeof(uint64_t));
    append_stack(cpu, last_time(cpu),
                 {load<uint32_t>(payload, kThread), load<uint32_t>(payload, kProcess)}, stack);
}

// Of code without frame pointers the callers are whatever it keeps in their place: where no code
// is, the stack has ended. The program's innermost frame is none that was so found.
void TracedSink::append_stack(uint32_t cpu, int64_t time, RecordIds ids,
                              std::span<const uint64_t> stack) {
    const auto is_of_program = [](uint64_t address) { return address < uint64_t{1} << 63; };
    const auto own = std::find_if(stack.begin(), stack.end(), is_of_program);
    if (images_ != nullptr && own != stack.end()) {
        const size_t known = size_t(own - stack.begin()) + 1;
        stack = stack.first(known + images_->count_code(ids.process, stack.subspan(known)));
    }
    if (stack.empty()) return;
    RecordBuilder(kStackWalk, 2, time)
        .put(time)  // of the event that it belongs to
        .put(ids.process)
        .put(ids.thread)
        .append(std::as_bytes(stack))
        .send(sink_, cpu);
}

// As on Windows the stack of a switch is that of the thread that runs now: where it has waited. The
// kernel tells the stack of the thread that stops to run, which is the same one, some time before.
void TracedSink::append_switched_to(uint32_t cpu, Bytes payload, int64_t time) {
    if (payload.size() < kSwitchSize) return;
    const auto to = load<uint32_t>(payload, kNewThread);
    const auto from = load<uint32_t>(payload, kOldThread);
    if (const auto found = left_.find(to); found != left_.end()) {
        append_stack(cpu, time, {to, tasks_.process_of(to)}, found->second);
        left_.erase(found);
    }
    // Each processor's idle thread has the number 0, and nothing to tell.
    if (from == 0 || load<uint8_t>(payload, kOldState) == kTerminated) return;
    if (left_.size() >= kMaxLeft) left_.clear();
    left_[from].assign(with_.stack.begin(), with_.stack.end());
}

}  // namespace etw::kernel
