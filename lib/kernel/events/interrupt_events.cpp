#include "kernel/events/interrupt_events.h"

#include <fstream>
#include <sstream>

namespace etw::kernel {
namespace {

constexpr uint16_t kTransitionFault = 0x020A;
constexpr uint16_t kDemandZeroFault = 0x020B;
constexpr uint16_t kCopyOnWrite = 0x020C;
constexpr uint16_t kHardFault = 0x0220;
constexpr uint16_t kCallEnter = 0x0F33;
constexpr uint16_t kCallExit = 0x0F34;
constexpr uint16_t kIsr = 0x0F43;
constexpr uint16_t kDpc = 0x0F44;
constexpr uint16_t kTimerDpc = 0x0F45;

constexpr uint64_t kTimerSoftIrq = 1;
constexpr uint64_t kHighResolutionSoftIrq = 8;
constexpr uint64_t kFaultPresent = 1;  // bits of a page fault's error code
constexpr uint64_t kFaultWrite = 2;
constexpr uint64_t kPageSize = 4096;
constexpr size_t kMaxFaults = 65536;

struct HandlerName {
    const char* name;
    size_t number;
};
constexpr HandlerName kHandlerNames[] = {
    {"tasklet_hi_action", 0},     {"run_timer_softirq", 1},
    {"net_tx_action", 2},         {"net_rx_action", 3},
    {"blk_done_softirq", 4},      {"irq_poll_softirq", 5},
    {"tasklet_action", 6},        {"sched_balance_softirq", 7},
    {"run_rebalance_domains", 7},  // before Linux 6.10
    {"hrtimer_run_softirq", 8},   {"rcu_core_si", 9},
};

}  // namespace

std::array<uint64_t, kSoftIrqs> find_softirq_handlers() {
    std::array<uint64_t, kSoftIrqs> out{};
    std::unordered_map<std::string, size_t> wanted;
    for (const HandlerName& handler : kHandlerNames) wanted[handler.name] = handler.number;
    std::ifstream in("/proc/kallsyms");
    uint64_t address = 0;
    std::string type;
    std::string name;
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        if (!(words >> std::hex >> address >> type >> name)) continue;
        if (const auto found = wanted.find(name); found != wanted.end())
            out[found->second] = address;
    }
    return out;
}

bool InterruptEvents::bind(Dispatch& dispatch) {
    bool all = true;
    if (context_.has(kKernelDpc)) all &= bind_dpc(dispatch);
    if (context_.has(kKernelInterrupt)) all &= bind_isr(dispatch);
    if (context_.has(kKernelSystemCall)) all &= bind_calls(dispatch);
    if (context_.has(kKernelPageFaults | kKernelHardFaults)) all &= bind_faults(dispatch);
    return all;
}

InterruptEvents::Entry InterruptEvents::take(std::vector<Entry>& open, const RawEvent& event,
                                             uint64_t number) {
    if (event.cpu >= open.size()) open.resize(event.cpu + 1);
    Entry& entry = open[event.cpu];
    const Entry out = entry.time != 0 && entry.number == number ? entry : Entry{event.time, number};
    entry = {};
    return out;
}

bool InterruptEvents::bind_dpc(Dispatch& dispatch) {
    const bool entry =
        dispatch.on("irq", "softirq_entry", [this](const Format& f) -> Dispatch::Handler {
            return [this, vec = f.field("vec")](const RawEvent& e) {
                if (e.cpu >= soft_.size()) soft_.resize(e.cpu + 1);
                soft_[e.cpu] = {e.time, e.number(vec)};
            };
        });
    return dispatch.on("irq", "softirq_exit", [this](const Format& f) -> Dispatch::Handler {
        return [this, vec = f.field("vec")](const RawEvent& e) {
            const Entry began = take(soft_, e, e.number(vec));
            const bool timer =
                began.number == kTimerSoftIrq || began.number == kHighResolutionSoftIrq;
            const uint64_t routine =
                began.number < kSoftIrqs ? handlers_[began.number] : uint64_t{0};
            RecordBuilder(timer ? kTimerDpc : kDpc, 2, e.time)
                .put(began.time)
                .put(routine)
                .send(context_.sink, e.cpu);
        };
    }) && entry;
}

bool InterruptEvents::bind_isr(Dispatch& dispatch) {
    const bool entry =
        dispatch.on("irq", "irq_handler_entry", [this](const Format& f) -> Dispatch::Handler {
            return [this, irq = f.field("irq")](const RawEvent& e) {
                if (e.cpu >= hard_.size()) hard_.resize(e.cpu + 1);
                hard_[e.cpu] = {e.time, e.number(irq)};
            };
        });
    return dispatch.on("irq", "irq_handler_exit", [this](const Format& f) -> Dispatch::Handler {
        return [this, irq = f.field("irq"), ret = f.field("ret")](const RawEvent& e) {
            const Entry began = take(hard_, e, e.number(irq));
            RecordBuilder(kIsr, 2, e.time)
                .put(began.time)
                .put(uint64_t{0})  // the kernel tells the handler's name only
                .put(uint8_t(e.number(ret) != 0))
                .put(uint16_t(began.number))
                .put(uint8_t{0})
                .send(context_.sink, e.cpu);
        };
    }) && entry;
}

bool InterruptEvents::bind_calls(Dispatch& dispatch) {
    const bool enter =
        dispatch.on("raw_syscalls", "sys_enter", [this](const Format& f) -> Dispatch::Handler {
            return [this, id = f.field("id")](const RawEvent& e) {
                // The number stands where Windows has the address of the service.
                RecordBuilder(kCallEnter, 2, e.time).put(e.number(id)).send(context_.sink, e.cpu);
            };
        });
    return dispatch.on("raw_syscalls", "sys_exit", [this](const Format& f) -> Dispatch::Handler {
        return [this, ret = f.field("ret")](const RawEvent& e) {
            RecordBuilder(kCallExit, 2, e.time)
                .put(uint32_t(e.number(ret)))
                .send(context_.sink, e.cpu);
        };
    }) && enter;
}

bool InterruptEvents::bind_faults(Dispatch& dispatch) {
    bool all = true;
    for (const char* name : {"page_fault_user", "page_fault_kernel"}) {
        all &= dispatch.on("exceptions", name, [this](const Format& f) -> Dispatch::Handler {
            return [this, address = f.field("address"), ip = f.field("ip"),
                    code = f.field("error_code")](const RawEvent& e) {
                const uint64_t bits = e.number(code);
                const uint64_t place = e.number(address);
                if (context_.has(kKernelHardFaults)) {
                    keep(e.thread(), {place, 0, e.time});
                }
                if (!context_.has(kKernelPageFaults)) return;
                const uint16_t hook = (bits & kFaultPresent) == 0 ? kDemandZeroFault
                                      : (bits & kFaultWrite) != 0 ? kCopyOnWrite
                                                                  : kTransitionFault;
                RecordBuilder(hook, 2, e.time)
                    .put(place)
                    .put(e.number(ip))
                    .send(context_.sink, e.cpu);
            };
        });
    }
    if (!context_.has(kKernelHardFaults)) return all;
    // A fault on a mapped file whose thread then puts a page of it into the cache had to read it.
    all &= dispatch.on(file_fault_system_, kFileFaultEvent,
                       [this](const Format& f) -> Dispatch::Handler {
                           return [this, inode = f.field("i_ino")](const RawEvent& e) {
                               const auto found = file_faults_.find(e.thread());
                               if (found == file_faults_.end()) return;
                               const Fault& fault = found->second;
                               keep(e.thread(), {fault.address, e.number(inode), fault.time});
                           };
                       });
    all &= dispatch.on(
        "filemap", "mm_filemap_add_to_page_cache", [this](const Format& f) -> Dispatch::Handler {
            return [this, inode = f.field("i_ino"), index = f.field("index"),
                    order = f.field("order")](const RawEvent& e) {
                const auto found = file_faults_.find(e.thread());
                if (found == file_faults_.end() || found->second.inode == 0 ||
                    found->second.inode != e.number(inode)) {
                    return;
                }
                const Fault& fault = found->second;
                RecordBuilder(kHardFault, 2, e.time)
                    .put(fault.time)
                    .put(e.number(index) * kPageSize)
                    .put(fault.address)
                    .put(fault.inode)  // names the file, where Windows has an object's address
                    .put(e.thread())
                    .put(uint32_t(kPageSize << (e.number(order) & 0x1F)))
                    .send(context_.sink, e.cpu);
                forget(e.thread());
            };
        });
    return all;
}

void InterruptEvents::keep_faults_in(std::span<OpenFault> kept) {
    kept_faults_ = kept;
    for (const OpenFault& fault : kept) {
        if (fault.thread == 0) continue;
        file_faults_[uint32_t(fault.thread)] = {fault.address, fault.inode, int64_t(fault.time)};
    }
}

// A kill in between leaves the event that this belongs to under way, and no half of it here.
void InterruptEvents::keep(uint32_t thread, const Fault& fault) {
    if (file_faults_.size() >= kMaxFaults) file_faults_.clear();
    file_faults_[thread] = fault;
    if (kept_faults_.empty()) return;
    OpenFault& place = kept_faults_[thread % kept_faults_.size()];
    set(place.thread, 0);
    set(place.address, fault.address);
    set(place.inode, fault.inode);
    set(place.time, uint64_t(fault.time));
    set(place.thread, thread);
}

void InterruptEvents::forget(uint32_t thread) {
    file_faults_.erase(thread);
    if (kept_faults_.empty()) return;
    OpenFault& place = kept_faults_[thread % kept_faults_.size()];
    if (place.thread == thread) set(place.thread, 0);
}

}  // namespace etw::kernel
