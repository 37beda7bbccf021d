// DPC (soft interrupts), ISR (interrupts), system calls and page faults.
#pragma once
#include "kernel/dispatch.h"
#include "kernel/programs/file_fault_probe.h"
#include "kernel/progress.h"

#include <array>
#include <span>
#include <unordered_map>

namespace etw::kernel {

inline constexpr size_t kSoftIrqs = 10;
// Addresses of the handlers of soft interrupts, by number, as /proc/kallsyms has them; 0: not
// known.
std::array<uint64_t, kSoftIrqs> find_softirq_handlers();

class InterruptEvents {
public:
    explicit InterruptEvents(Context& context) : context_(context) {}

    // False where the kernel lacks what the flags need.
    bool bind(Dispatch& dispatch);
    // Where faults on mapped files are told: the system of an event called kFileFaultEvent.
    void set_file_fault_system(const std::string& system) { file_fault_system_ = system; }
    // Has page faults whose end is not known yet stand there too, where a successor finds them;
    // goes on with those that do.
    void keep_faults_in(std::span<OpenFault> kept);
    void set_handlers(const std::array<uint64_t, kSoftIrqs>& handlers) { handlers_ = handlers; }

private:
    struct Entry {
        int64_t time = 0;
        uint64_t number = 0;
    };
    bool bind_dpc(Dispatch& dispatch);
    bool bind_isr(Dispatch& dispatch);
    bool bind_calls(Dispatch& dispatch);
    bool bind_faults(Dispatch& dispatch);
    struct Fault {
        uint64_t address = 0;
        uint64_t inode = 0;
        int64_t time = 0;
    };
    void keep(uint32_t thread, const Fault& fault);
    void forget(uint32_t thread);
    static Entry take(std::vector<Entry>& open, const RawEvent& event, uint64_t number);

    Context& context_;
    std::array<uint64_t, kSoftIrqs> handlers_{};
    // What each CPU is in; neither soft nor hard interrupts nest in their own kind.
    std::vector<Entry> soft_;
    std::vector<Entry> hard_;
    std::unordered_map<uint32_t, Fault>
        file_faults_;  // by thread, that may have to wait for a disk
    std::span<OpenFault> kept_faults_;
    std::string file_fault_system_ = kFileFaultSystem;
};

}  // namespace etw::kernel
