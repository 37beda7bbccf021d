#include "session/kernel_groups.h"

#include "base/letter_case.h"
#include "etw/kernel_flags.h"

#include <array>
#include <charconv>

namespace etw::session {
namespace {

constexpr KernelGroup kGroups[] = {
    {"PROC_THREAD", kKernelProcess | kKernelThread, ""},
    {"PROCESS", kKernelProcess, "Process"},
    {"THREAD", kKernelThread, "Thread"},
    {"DISK_IO", kKernelDiskIo, "Disk"},
    {"FILENAME", kKernelDiskFileIo, "File"},
    {"ALL_FAULTS", kKernelPageFaults, "PageFaults"},
    {"HARD_FAULTS", kKernelHardFaults, "HardFaults"},
    {"LOADER", kKernelImageLoad, "ImageLoad"},
    {"CSWITCH", kKernelContextSwitch, "CxtSwap"},
    {"DPC", kKernelDpc, "Dpc"},
    {"INTERRUPT", kKernelInterrupt, "Interrupt"},
    {"SYSCALL", kKernelSystemCall, "SysCall"},
    {"DISK_IO_INIT", kKernelDiskIoInit, "DiskInit"},
    {"DISPATCHER", kKernelDispatcher, "Dispatcher"},
    {"NETWORKTRACE", kKernelNetwork, "TcpIp"},
    {"REGISTRY", kKernelRegistry, "Registry"},
    {"PROFILE", kKernelProfile, "Profile"},
    {"PMC_PROFILE", kKernelProfile, ""},
    {"PERF_COUNTER", kKernelProcessCounters, "ProcessCounters"},
    {"VIRT_ALLOC", kKernelVirtualAlloc, "VirtualAlloc"},
    {"VAMAP", kKernelVamap, "VaMap"},
    {"ALPC", kKernelAlpc, "Alpc"},
    {"SPLIT_IO", kKernelSplitIo, "SplitIo"},
    {"DEBUG_EVENTS", kKernelDebugEvents, "DebugEvents"},
    {"DRIVERS", kKernelDriver, "Driver"},
    {"FILE_IO", kKernelFileIo, "FileIo"},
    {"FILE_IO_INIT", kKernelFileIoInit, "FileIoInit"},
    {"NO_SYSCONFIG", kKernelNoSystemConfig, "NoSysConfig"},
};

// Group masks beyond the 32 flags.
constexpr std::string_view kBeyond[] = {
    "COMPACT_CSWITCH", "INTERRUPT_STEER", "WDF_DPC",   "WDF_INTERRUPT", "PRIORITY",
    "SPINLOCK",        "KQUEUE",          "REG_HIVE",  "POWER",         "CC",
    "MEMINFO",         "MEMINFO_WS",      "FOOTPRINT", "MEMORY",        "REFSET",
    "HIBERRUNDOWN",    "CONTMEMGEN",      "POOL",      "SHOULDYIELD",   "CPU_CONFIG",
    "SESSION",         "IDLE_STATES",     "TIMER",     "CLOCKINT",      "IPI",
    "OPTICAL_IO",      "OPTICAL_IO_INIT", "FLT_IO",    "FLT_IO_INIT",   "FLT_FASTIO",
    "FLT_IO_FAILURE",  "OB_HANDLE",       "OB_OBJECT", "KE_CLOCK",      "DPC_QUEUE",
    "CACHE_FLUSH",
};

}  // namespace

std::span<const KernelGroup> kernel_groups() noexcept { return kGroups; }

std::optional<KernelGroup> find_kernel_group(std::string_view name) {
    for (const KernelGroup& group : kGroups) {
        if (same_name(group.name, name) || (!group.shown.empty() && same_name(group.shown, name)))
            return group;
    }
    for (const std::string_view beyond : kBeyond) {
        if (same_name(beyond, name)) return KernelGroup{beyond, 0, ""};
    }
    return std::nullopt;
}

std::string kernel_flag_words(uint32_t flags) {
    std::string out;
    const auto add = [&out](std::string_view word) {
        if (!out.empty()) out += ' ';
        out += word;
    };
    for (const KernelGroup& group : kGroups) {
        if (group.shown.empty() || (flags & group.flags) == 0) continue;
        add(group.shown);
        flags &= ~group.flags;
    }
    if (flags == 0) return out;
    std::array<char, 8> digits{};
    const auto [end, error] = std::to_chars(digits.begin(), digits.end(), flags, 16);
    static_cast<void>(error);  // 8 digits hold any of them
    add("0x");
    out.append(digits.size() - size_t(end - digits.data()), '0');
    return out.append(digits.data(), end);
}

}  // namespace etw::session
