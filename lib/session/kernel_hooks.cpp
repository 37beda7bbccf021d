#include "session/kernel_hooks.h"

#include "base/letter_case.h"
#include "etw/kernel_flags.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

namespace etw::session {
namespace {

constexpr KernelHook kHooks[] = {
    // The names of Windows' tools.
    {"ProcessCreate", 0x0301, true},
    {"ProcessDelete", 0x0302, true},
    {"ImageLoad", 0x030A, true, false},
    {"ImageUnload", 0x1402, false},
    {"ThreadCreate", 0x0501, true},
    {"ThreadDelete", 0x0502, true},
    {"CSwitch", 0x0524, true},
    {"ReadyThread", 0x0532, true},
    {"ThreadSetPriority", 0x0530, false},
    {"ThreadSetBasePriority", 0x0531, false},
    {"SyscallEnter", 0x0F33, true},
    {"SyscallExit", 0x0F34, true},
    {"Profile", 0x0F2E, true},
    {"ProfileSetInterval", 0x0F48, false},
    {"PmcInterrupt", 0x0F2F, true},
    {"DpcExecute", 0x0F44, true},
    {"DiskReadInit", 0x010C, true},
    {"DiskWriteInit", 0x010D, true},
    {"DiskFlushInit", 0x010F, true},
    {"FileCreate", 0x0440, true, false},
    {"FileCleanup", 0x0441, true, false},
    {"FileClose", 0x0442, true, false},
    {"FileRead", 0x0443, true, false},
    {"FileWrite", 0x0444, true, false},
    {"FileSetInformation", 0x0445, true, false},
    {"FileDelete", 0x0446, true, false},
    {"FileRename", 0x0447, true, false},
    {"FileDirEnum", 0x0448, true, false},
    {"FileFlush", 0x0449, true, false},
    {"FileQueryInformation", 0x044A, false},
    {"FileFSCTL", 0x044B, false},
    {"FileDirNotify", 0x044D, false},
    {"FileOpEnd", 0x044C, true, false},
    {"MapFile", 0x0425, false},
    {"UnMapFile", 0x0426, false},
    {"SplitIO", 0x1B20, false},
    {"RegQueryKey", 0x090D, false},
    {"RegEnumerateKey", 0x0911, false},
    {"RegEnumerateValueKey", 0x0912, false},
    {"RegDeleteKey", 0x090C, false},
    {"RegCreateKey", 0x090A, false},
    {"RegOpenKey", 0x090B, false},
    {"RegSetValue", 0x090E, false},
    {"RegDeleteValue", 0x090F, false},
    {"RegQueryValue", 0x0910, false},
    {"RegQueryMultipleValue", 0x0913, false},
    {"RegSetInformation", 0x0914, false},
    {"RegFlush", 0x0915, false},
    {"RegKcbCreate", 0x0916, false},
    {"RegKcbDelete", 0x0917, false},
    {"RegVirtualize", 0x091A, false},
    {"RegCloseKey", 0x091B, false},
    {"HardFault", 0x0220, true},
    {"PagefaultTransition", 0x020A, true},
    {"PagefaultDemandZero", 0x020B, true},
    {"PagefaultCopyOnWrite", 0x020C, true},
    {"PagefaultGuard", 0x020D, false},
    {"PagefaultHard", 0x020E, false},
    {"PagefaultAV", 0x020F, false},
    {"VirtualAlloc", 0x0262, false},
    {"VirtualFree", 0x0263, false},
    {"AlpcSendMessage", 0x1A21, false},
    {"AlpcReceiveMessage", 0x1A22, false},
    {"AlpcWaitForReply", 0x1A23, false},
    {"AlpcWaitForNewMessage", 0x1A24, false},
    {"AlpcUnwait", 0x1A25, false},
    // What they have no name for.
    {"DiskRead", 0x010A, true},
    {"DiskWrite", 0x010B, true},
    {"DiskFlush", 0x010E, true},
    {"DpcTimer", 0x0F45, true},
    {"Interrupt", 0x0F43, true},
    {"TcpSend", 0x060A, true},
    {"TcpReceive", 0x060B, true},
    {"TcpConnect", 0x060C, true},
    {"TcpDisconnect", 0x060D, true},
    {"TcpRetransmit", 0x060E, true},
    {"TcpAccept", 0x060F, true},
    {"UdpSend", 0x080A, true},
    {"UdpReceive", 0x080B, true},
};

struct Range {
    uint16_t first, last;
    uint32_t flag;
};
constexpr Range kRecordedBy[] = {
    {0x0301, 0x0302, kKernelProcess},    {0x030A, 0x030A, kKernelImageLoad},
    {0x0501, 0x0502, kKernelThread},     {0x0524, 0x0524, kKernelContextSwitch},
    {0x0532, 0x0532, kKernelDispatcher}, {0x0F33, 0x0F34, kKernelSystemCall},
    {0x0F2E, 0x0F2F, kKernelProfile},    {0x0F44, 0x0F45, kKernelDpc},
    {0x0F43, 0x0F43, kKernelInterrupt},  {0x010A, 0x010B, kKernelDiskIo},
    {0x010E, 0x010E, kKernelDiskIo},     {0x010C, 0x010D, kKernelDiskIoInit},
    {0x010F, 0x010F, kKernelDiskIoInit}, {0x0440, 0x0449, kKernelFileIoInit},
    {0x044C, 0x044C, kKernelFileIo},     {0x020A, 0x020C, kKernelPageFaults},
    {0x0220, 0x0220, kKernelHardFaults}, {0x060A, 0x060F, kKernelNetwork},
    {0x080A, 0x080B, kKernelNetwork},
};

// Names of theirs whose events no documented class has.
constexpr std::string_view kBeyond[] = {
    "ThreadSetIdealProcessor",
    "ThreadSetUserIdealProcessor",
    "KernelQueueEnqueue",
    "KernelQueueDequeue",
    "Mark",
    "TimerSetPeriodic",
    "TimerSetOneShot",
    "CacheFlush",
    "DpcEnqueue",
    "ShouldYield",
    "MiniFilterPreOpInit",
    "MiniFilterPostOpInit",
    "RegHiveInit",
    "RegHiveDestroy",
    "RegHiveLink",
    "RegHiveDirty",
    "PoolAlloc",
    "PoolAllocSession",
    "PoolFree",
    "PoolFreeSession",
    "HeapCreate",
    "HeapAlloc",
    "HeapRealloc",
    "HeapFree",
    "HeapDestroy",
    "HeapRangeCreate",
    "HeapRangeReserve",
    "HeapRangeRelease",
    "HeapRangeDestroy",
    "AlpcConnectRequest",
    "AlpcConnectSuccess",
    "AlpcConnectFail",
    "AlpcClosePort",
    "ThreadPoolCallbackEnqueue",
    "ThreadPoolCallbackDequeue",
    "ThreadPoolCallbackStart",
    "ThreadPoolCallbackStop",
    "ThreadPoolCallbackCancel",
    "ThreadPoolCreate",
    "ThreadPoolClose",
    "ThreadPoolSetMinThreads",
    "ThreadPoolSetMaxThreads",
    "PowerSetPowerAction",
    "PowerSetPowerActionReturn",
    "PowerSetDevicesState",
    "PowerSetDevicesStateReturn",
    "PowerDeviceNotify",
    "PowerDeviceNotifyComplete",
    "PowerSessionCallout",
    "PowerSessionCalloutReturn",
    "PowerPreSleep",
    "PowerPostSleep",
    "PowerPerfStateChange",
    "PowerIdleStateChange",
    "PowerThermalConstraint",
    "ExecutiveResource",
    "CcWorkitemEnqueue",
    "CcWorkitemDequeue",
    "CcWorkitemComplete",
    "CcReadAhead",
    "CcWriteBehind",
    "CcLazyWriteScan",
    "CcCanIWriteFail",
    "CcFlushCache",
    "CcFlushSection",
    "HandleCreate",
    "HandleClose",
    "HandleDuplicate",
    "ObjectCreate",
    "ObjectDelete",
    "ObjectReference",
    "ObjectDeReference",
    "ContiguousMemoryGeneration",
};

}  // namespace

std::span<const KernelHook> kernel_hooks() noexcept { return kHooks; }

std::optional<KernelHook> find_kernel_hook(std::string_view name) {
    for (const KernelHook& hook : kHooks) {
        if (same_name(hook.name, name)) return hook;
    }
    for (const std::string_view beyond : kBeyond) {
        if (same_name(beyond, name)) return KernelHook{beyond, 0, false, false};
    }
    constexpr size_t kDigits = 4;
    if (name.size() != 2 + kDigits || !same_name(name.substr(0, 2), "0x")) return std::nullopt;
    uint16_t id = 0;
    const auto [end, error] = std::from_chars(name.data() + 2, name.data() + name.size(), id, 16);
    if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
    for (const KernelHook& hook : kHooks) {
        if (hook.id == id) return hook;
    }
    return KernelHook{name, id, false, false};
}

uint32_t kernel_hook_flag(uint16_t id) noexcept {
    const auto* const range =
        std::find_if(std::begin(kRecordedBy), std::end(kRecordedBy),
                     [id](const Range& r) { return id >= r.first && id <= r.last; });
    return range == std::end(kRecordedBy) ? 0 : range->flag;
}

std::string kernel_hook_name(uint16_t id) {
    for (const KernelHook& hook : kHooks) {
        if (hook.id == id) return std::string(hook.name);
    }
    std::string out = "0x0000";
    constexpr char kHex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < 4; ++i) out[5 - i] = kHex[(id >> (4 * i)) & 0xF];
    return out;
}

}  // namespace etw::session
