#pragma once
#include <cstdint>
#include <string_view>

namespace etw {

// EVENT_TRACE_FLAG_* bits: which kernel events a session records.
enum KernelFlag : uint32_t {
    kKernelProcess = 0x00000001,
    kKernelThread = 0x00000002,
    kKernelImageLoad = 0x00000004,
    kKernelProcessCounters = 0x00000008,
    kKernelContextSwitch = 0x00000010,
    kKernelDpc = 0x00000020,
    kKernelInterrupt = 0x00000040,
    kKernelSystemCall = 0x00000080,
    kKernelDiskIo = 0x00000100,
    kKernelDiskFileIo = 0x00000200,
    kKernelDiskIoInit = 0x00000400,
    kKernelDispatcher = 0x00000800,
    kKernelPageFaults = 0x00001000,
    kKernelHardFaults = 0x00002000,
    kKernelVirtualAlloc = 0x00004000,
    kKernelVamap = 0x00008000,
    kKernelNetwork = 0x00010000,
    kKernelRegistry = 0x00020000,
    kKernelDebugPrint = 0x00040000,
    kKernelJob = 0x00080000,
    kKernelAlpc = 0x00100000,
    kKernelSplitIo = 0x00200000,
    kKernelDebugEvents = 0x00400000,
    kKernelDriver = 0x00800000,
    kKernelProfile = 0x01000000,
    kKernelFileIo = 0x02000000,
    kKernelFileIoInit = 0x04000000,
    kKernelNoSystemConfig = 0x10000000,
};

// Those whose events are to be had on Linux.
constexpr uint32_t kSupportedKernelFlags =
    kKernelProcess | kKernelThread | kKernelImageLoad | kKernelContextSwitch | kKernelDpc |
    kKernelInterrupt | kKernelSystemCall | kKernelDiskIo | kKernelDiskFileIo | kKernelDiskIoInit |
    kKernelDispatcher | kKernelPageFaults | kKernelHardFaults | kKernelNetwork | kKernelProfile |
    kKernelFileIo | kKernelFileIoInit | kKernelNoSystemConfig;

// Those that Windows documents.
constexpr uint32_t kDocumentedKernelFlags =
    kKernelProcess | kKernelThread | kKernelImageLoad | kKernelProcessCounters |
    kKernelContextSwitch | kKernelDpc | kKernelInterrupt | kKernelSystemCall | kKernelDiskIo |
    kKernelDiskFileIo | kKernelDiskIoInit | kKernelDispatcher | kKernelPageFaults |
    kKernelHardFaults | kKernelVirtualAlloc | kKernelVamap | kKernelNetwork | kKernelRegistry |
    kKernelDebugPrint | kKernelJob | kKernelAlpc | kKernelSplitIo | kKernelDebugEvents |
    kKernelDriver | kKernelProfile | kKernelFileIo | kKernelFileIoInit | kKernelNoSystemConfig;

// What the NT Kernel Logger records unless it is told otherwise.
constexpr uint32_t kDefaultKernelFlags =
    kKernelProcess | kKernelThread | kKernelDiskIo | kKernelNetwork;

// Names of providers that no program registers: the kernel's tracepoints, Linux.<subsystem>, and
// the probes in programs, usdt:<absolute path>:<provider>.
inline constexpr std::string_view kTracepointPrefix = "Linux.";
inline constexpr std::string_view kUsdtPrefix = "usdt:";

}  // namespace etw
