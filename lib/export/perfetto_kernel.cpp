// The kernel's events in a Perfetto trace: names, and who ran when.
#include "export/event_fields.h"
#include "export/perfetto.h"
#include "export/perfetto_numbers.h"

namespace etw::exports {
namespace {

// Linux's letters for what a thread that left the processor does: R, S, D, X.
int64_t linux_state(int64_t windows_state) {
    constexpr int64_t kRunnable = 0, kSleeping = 1, kDiskSleep = 2, kDead = 16;
    switch (windows_state) {
        case 4:  // terminated
            return kDead;
        case 5:  // waiting
            return kSleeping;
        case 6:  // transition: its kernel stack is not in memory
            return kDiskSleep;
        default:  // ready, running, standby
            return kRunnable;
    }
}

}  // namespace

Status Perfetto::add_names(const ProcessNames::Change& change, int64_t time) {
    using What = ProcessNames::Change::What;
    if (change.what == What::kNothing || (change.what == What::kThread && change.thread == 0)) {
        return Ok{};
    }
    if (change.what == What::kProcess && change.starts && lives_.size() < kMaxTracks) {
        ++lives_[change.process];
    }
    const size_t begun = begin_packet(time);
    const size_t all = packet_.begin(packet::kProcessTree);
    if (change.what == What::kProcess) {
        const size_t one = packet_.begin(tree::kProcesses);
        packet_.number(tree::kPid, change.process);
        packet_.number(tree::kParent, change.parent);
        packet_.text(tree::kCommandLine, change.name);
        if (!change.command_line.empty()) {
            packet_.text(tree::kCommandLine, change.command_line);
        }
        packet_.end(one);
    } else {
        const size_t one = packet_.begin(tree::kThreads);
        packet_.number(tree::kTid, change.thread);
        if (!change.name.empty()) packet_.text(tree::kName, change.name);
        packet_.number(tree::kProcess, change.process);
        packet_.end(one);
    }
    packet_.end(all);
    end_packet(begun, false);
    return write_packet();
}

Status Perfetto::add_switch(const ExportEvent& in) {
    const auto next = number_field(in.event, "NewThreadId");
    const auto prev = number_field(in.event, "OldThreadId");
    if (!next || !prev) return Ok{};
    ++switches_;
    running_[in.record.cpu] = uint32_t(*next);
    const auto name_of = [&](int64_t thread) {
        return thread == 0 ? std::string_view("Idle") : names_.thread(uint32_t(thread));
    };
    const auto number = [&](const char* field) {
        return number_field(in.event, field).value_or(0);
    };
    const size_t begun = begin_packet(in.time);
    const size_t bundle = packet_.begin(packet::kFtraceEvents);
    packet_.number(ftrace::kCpu, in.record.cpu);
    const size_t event = packet_.begin(ftrace::kEvent);
    packet_.number(ftrace::kTime, unsigned_time(in.time));
    packet_.number(ftrace::kThread, uint32_t(*prev));
    const size_t one = packet_.begin(ftrace::kSwitch);
    packet_.text(ftrace::kPrevName, name_of(*prev));
    packet_.number(ftrace::kPrevThread, uint32_t(*prev));
    packet_.signed_number(ftrace::kPrevPriority, number("OldThreadPriority"));
    packet_.signed_number(ftrace::kPrevState, linux_state(number("OldThreadState")));
    packet_.text(ftrace::kNextName, name_of(*next));
    packet_.number(ftrace::kNextThread, uint32_t(*next));
    packet_.signed_number(ftrace::kNextPriority, number("NewThreadPriority"));
    packet_.end(one);
    packet_.end(event);
    packet_.end(bundle);
    end_packet(begun, false);
    return write_packet();
}

Status Perfetto::add_waking(const ExportEvent& in) {
    const auto thread = number_field(in.event, "TThreadId");
    if (!thread) return Ok{};
    ++switches_;
    const auto waker = running_.find(in.record.cpu);
    const size_t begun = begin_packet(in.time);
    const size_t bundle = packet_.begin(packet::kFtraceEvents);
    packet_.number(ftrace::kCpu, in.record.cpu);
    const size_t event = packet_.begin(ftrace::kEvent);
    packet_.number(ftrace::kTime, unsigned_time(in.time));
    packet_.number(ftrace::kThread, waker == running_.end() ? 0 : waker->second);
    const size_t one = packet_.begin(ftrace::kWaking);
    packet_.text(ftrace::kWakeName, names_.thread(uint32_t(*thread)));
    packet_.number(ftrace::kWakeThread, uint32_t(*thread));
    packet_.number(ftrace::kWakePriority, 0);
    packet_.number(ftrace::kWakeSuccess, 1);
    packet_.number(ftrace::kWakeCpu, in.record.cpu);
    packet_.end(one);
    packet_.end(event);
    packet_.end(bundle);
    end_packet(begun, false);
    return write_packet();
}

}  // namespace etw::exports
