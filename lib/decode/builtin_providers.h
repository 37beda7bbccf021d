// Providers of Windows whose events are in many logs that do not describe them, and whose manifests
// are published: the .NET runtime and PowerShell.
#pragma once
#include "decode/provider_model.h"

#include <optional>
#include <span>
#include <string_view>

namespace etw::decode {

// `events` has a line for each set of fields, and one for each map. A line that begins with a blank
// goes on from the line before.
//   map Name: 0=Label 1=Label        bits Name: 0x1=Label
//   Id.Version Task/Opcode, Id.Version Task/Opcode: fields
// A field is Name:type, with =Map for the names of its values; type is one of
//   u8 i8 u16 i16 u32 i32 u64 i64 x32 x64 ptr (hex)  f64 bool guid  str wstr (NUL-terminated)
//   bytes[Field] (as many as the field says)
// Name:type[2] and Name:type[Field] repeat, Name:type[] to the end of the payload;
// Name[Field]{fields} is a struct that repeats.
struct BuiltinProvider {
    Guid guid;
    std::string_view name;
    std::string_view events;
};

std::span<const BuiltinProvider> builtin_providers() noexcept;

// Nothing for providers that are not among them.
std::optional<ProviderModel> builtin_provider(const Guid& guid);

// The texts are ours: a mistake in one is a failed assertion.
ProviderModel parse_builtin(const BuiltinProvider& provider);

extern const char kClrRuntimeEvents[];
extern const char kClrRundownEvents[];
extern const char kClrStressEvents[];
extern const char kClrPrivateEvents[];
extern const char kPowerShellEvents[];

}  // namespace etw::decode
