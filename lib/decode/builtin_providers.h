// Providers of Windows whose events are in many logs that do not describe them, and whose fields
// are published: the .NET runtime, PowerShell, the kernel's manifest providers, the network.
#pragma once
#include "decode/provider_model.h"

#include <span>
#include <string_view>

namespace etw::decode {

// `events` has a line for each set of fields, and one for each map. A line that begins with a blank
// goes on from the line before.
//   map Name: 0=Label 1=Label        bits Name: 0x1=Label~of~three~words
//   Id.Version Task/Opcode, Id.Version Task/Opcode, Id.Version: fields
// A field is Name:type, with =Map for the names of its values; type is one of
//   u8 i8 u16 i16 u32 i32 u64 i64 x32 x64 ptr (hex)  status (NTSTATUS)  f32 f64 bool guid sid
//   filetime systemtime  ip4 ip6 port (network order)  str wstr (NUL-terminated)
//   bytes (the rest)  bytes[16]  bytes[Field] (as many as the field says)
//   chars[Field] wchars[Field] (likewise, without a NUL)
// Name:type[2] and Name:type[Field] repeat, Name:type[] to the end of the payload;
// Name[Field]{fields} is a struct that repeats.
struct BuiltinProvider {
    Guid guid;
    std::string_view name;
    std::string_view events;
    // These tables know more than what a merge recorded: older systems named the events otherwise.
    bool over_log = false;
};

std::span<const BuiltinProvider> builtin_providers() noexcept;

// The texts are ours: a mistake in one is a failed assertion.
ProviderModel parse_builtin(const BuiltinProvider& provider);

extern const char kAmsiEvents[];
extern const char kClrRuntimeEvents[];
extern const char kClrRundownEvents[];
extern const char kClrStressEvents[];
extern const char kClrPrivateEvents[];
extern const char kPowerShellEvents[];
extern const char kKernelProcessEvents[];
extern const char kKernelFileEvents[];
extern const char kKernelNetworkEvents[];
extern const char kKernelRegistryEvents[];
extern const char kKernelDiskEvents[];
extern const char kKernelMemoryEvents[];
extern const char kKernelEventTracingEvents[];
extern const char kKernelAuditEvents[];
extern const char kDnsClientEvents[];
extern const char kPacketCaptureEvents[];
extern const char kRpcEvents[];
extern const char kWinsockEvents[];
extern const char kWmiEvents[];

}  // namespace etw::decode
