// Names and payload layouts of the classic kernel events, etl-format (i): data, and the look-ups
// over it. Field names are those of the published MOF classes.
#pragma once
#include "etw/guid.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace etw::decode {

// A group of hooks and its event class. Groups from 0x40 on have no hook ids: only classic events
// carry their GUIDs.
struct KernelClass {
    uint8_t group;
    std::string_view name;
    Guid guid;
};

// Events that share their layouts, version by version.
enum class Family : uint8_t {
    kNone,  // named, but nobody has described the payload
    kLogHeader,
    kExtension,
    kPartition,
    kDbgId,
    kText,
    kPath,
    kQpcDelta,
    kDiskTransfer,
    kDiskInit,
    kDiskFlush,
    kFault,
    kHardFault,
    kVirtualMemory,
    kProcess,
    kProcessId,
    kProcessCounters,
    kImage,
    kImageBase,
    kPage,
    kFileName,
    kFileMap,
    kFileCreate,
    kFileSimple,
    kFileTransfer,
    kFileInfo,
    kFileDir,
    kFileEnd,
    kFilePath,
    kThread,
    kContextSwitch,
    kReadyThread,
    kPriority,
    kThreadName,
    kTcpSend,
    kTcpReceive,
    kTcpConnect,
    kTcpSend6,
    kTcpReceive6,
    kTcpConnect6,
    kNetFail,
    kRegistry,
    kConfigCpu,
    kConfigPhysicalDisk,
    kConfigLogicalDisk,
    kConfigNic,
    kConfigService,
    kConfigPower,
    kConfigNetwork,
    kConfigIrq,
    kConfigPnp,
    kConfigIde,
    kConfigPlatform,
    kConfigDpi,
    kConfigMachine,
    kMark,
    kSample,
    kPmcSample,
    kDpc,
    kInterrupt,
    kMessageInterrupt,
    kSysCallEnter,
    kSysCallExit,
    kInterval,
    kStack,
    kStackKey,
    kStackDefinition,
    kAlpcMessage,
    kAlpcWait,
    kAlpcUnwait,
    kSplitIo,
    kImageId,
    kImageNone,
    kImageRsds,
    kImageVersion,
    kConfigBuild,
    kConfigPaths,
    kConfigVolume,
    kConfigVolumeMap,
    kMetaData,
    kEmpty,
};

struct KernelHook {
    uint16_t id;  // group << 8 | opcode
    std::string_view name;
    Family family;
};

// `fields`: "Name:type" separated by blanks; type is one of
//   u8 i8 u16 i16 u32 i32 u64 i64  x32 x64  ptr (hex)  status (NTSTATUS)  guid  filetime
//   str (8-bit) wstr (UTF-16), both NUL-terminated  text<bytes> (UTF-16 in a fixed space)
//   sid (TOKEN_USER and SID)  ip4 ip6 port (network order)  rest (bytes) restchars (8-bit)
//   bytes<bytes, 255 at most>  skip<bytes>
// and may end in "?" (may be absent), "[]" (repeats to the end) or "[n]".
// A version that is not listed has the layout of the highest one below it.
struct KernelLayout {
    Family family;
    uint8_t version;
    std::string_view fields;
};

// A layout that one event has for itself from a version on: beside those of its family, if it has
// one. Names events that no hook names.
struct KernelEvent {
    uint16_t id;  // as in KernelHook
    uint8_t version;
    std::string_view name;
    std::string_view fields;
};

std::span<const KernelClass> kernel_classes() noexcept;
std::span<const KernelHook> kernel_hooks() noexcept;
std::span<const KernelLayout> kernel_layouts() noexcept;
std::span<const KernelEvent> kernel_events() noexcept;

constexpr uint8_t kGroupEventTrace = 0x00;
constexpr uint8_t kGroupImage = 0x14;
constexpr uint8_t kGroupImageId = 0x40;
constexpr uint8_t kGroupSysConfigEx = 0x41;
constexpr uint8_t kGroupMetaData = 0x42;
constexpr uint8_t kGroupLostEvent = 0x43;
constexpr uint8_t kGroupWinSat = 0x44;
constexpr size_t kGroupCount = 0x45;

}  // namespace etw::decode
