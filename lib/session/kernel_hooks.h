// The names of kinds of kernel events, as -stackwalk and -Pmc take them.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace etw::session {

struct KernelHook {
    std::string_view name;  // "CSwitch"
    uint16_t id;            // group << 8 | type; 0: no class that is documented has it
    bool on_linux;          // its events have a place there whose stack can be told
    bool counts = true;     // there, counters too
};

std::span<const KernelHook> kernel_hooks() noexcept;

// By name, without regard to case, or by number as 0xGGTT. Nothing: it is neither.
std::optional<KernelHook> find_kernel_hook(std::string_view name);

// Of the KernelFlags one, without which no such event is recorded. 0: not known.
uint32_t kernel_hook_flag(uint16_t id) noexcept;

// "CSwitch", or where it has no name "0x0524".
std::string kernel_hook_name(uint16_t id);

}  // namespace etw::session
