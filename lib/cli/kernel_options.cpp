#include "cli/kernel_options.h"

#include "etw/kernel_flags.h"
#include "session/kernel_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace etw::cli {
namespace {

struct Switch {
    std::string_view word;
    uint32_t clears;
    uint32_t sets;
};

// What -dpcisr stands for, as the display of Windows shows it: no network events with it.
constexpr uint32_t kDpcIsr =
    kKernelDpc | kKernelInterrupt | kKernelContextSwitch | kKernelImageLoad | kKernelDiskFileIo;

constexpr Switch kSwitches[] = {
    {"noprocess", kKernelProcess, 0},    {"nothread", kKernelThread, 0},
    {"nodisk", kKernelDiskIo, 0},        {"nonet", kKernelNetwork, 0},
    {"fio", 0, kKernelDiskFileIo},       {"pf", 0, kKernelPageFaults},
    {"hf", 0, kKernelHardFaults},        {"img", 0, kKernelImageLoad},
    {"cm", 0, kKernelRegistry},  // Windows only
    {"dpcisr", kKernelNetwork, kDpcIsr},
};

constexpr auto kSwitchWords = [] {
    std::array<std::string_view, std::size(kSwitches)> words{};
    for (size_t i = 0; i < words.size(); ++i) words[i] = kSwitches[i].word;
    return words;
}();

// Bits of the second and third word of Windows' group masks, and their flags.
struct MaskBit {
    size_t word;
    uint32_t bit;
    uint32_t flag;
};
constexpr MaskBit kMaskBits[] = {
    {1, 0x0002, kKernelProfile},    {1, 0x0004, kKernelContextSwitch},
    {1, 0x0080, kKernelDpc},        {1, 0x0200, kKernelDispatcher},
    {1, 0x4000, kKernelInterrupt},  {1, 0x8000, kKernelVirtualAlloc},
    {2, 0x0040, kKernelSystemCall},
};

bool has(const KernelWords& words, std::string_view word) {
    return std::find(words.switches.begin(), words.switches.end(), word) != words.switches.end();
}

Result<Ok, UsageError> read_words(const std::vector<std::string>& words,
                                  const session::System& system, KernelEvents& out) {
    for (size_t i = 0; i < words.size(); ++i) {
        ETW_TRY(uint64_t bits, parse_number("eflag", words[i], ~uint32_t{0}));
        if (i == 0) {
            out.flags |= uint32_t(bits);
            continue;
        }
        for (const MaskBit& mask : kMaskBits) {
            if (mask.word != i || (bits & mask.bit) == 0) continue;
            out.flags |= mask.flag;
            bits &= ~uint64_t{mask.bit};
        }
        if (bits != 0) {
            return UsageError{
                fmt::format("-eflag: bits {:#x} of word {}: {}", bits, i + 1, system.no_events)};
        }
    }
    return Ok{};
}

Result<Ok, UsageError> read_names(std::string_view names, const session::System& system,
                                  KernelEvents& out) {
    while (true) {
        const size_t end = std::min(names.find('+'), names.size());
        const std::string_view name = names.substr(0, end);
        const auto group = session::find_kernel_group(name);
        if (!group) {
            return UsageError{fmt::format(
                "-eflag: '{}' is no kernel event; -eflag Help lists those there are", name)};
        }
        if (group->flags == 0) {
            return UsageError{fmt::format("-eflag: {}: {}", group->name, system.no_events)};
        }
        out.flags |= group->flags;
        out.groups.emplace_back(group->name);
        if (end == names.size()) return Ok{};
        names.remove_prefix(end + 1);
    }
}

}  // namespace

std::span<const std::string_view> kernel_switches() { return kSwitchWords; }

Result<KernelEvents, UsageError> parse_kernel_events(const KernelWords& words, bool kernel_logger,
                                                     const session::System& system) {
    KernelEvents out;
    if (!words.eflag.empty()) {
        if (has(words, "dpcisr")) {
            return UsageError{"-dpcisr does not go with -eflag; name DPC+INTERRUPT+CSWITCH there"};
        }
        const bool names = words.eflag.front().find_first_of("0123456789") != 0;
        if (names) {
            ETW_CHECK(read_names(words.eflag.front(), system, out));
        } else {
            ETW_CHECK(read_words(words.eflag, system, out));
        }
    } else if (kernel_logger) {
        out.flags = kDefaultKernelFlags;
    }
    for (const Switch& known : kSwitches) {
        if (!has(words, known.word)) continue;
        if (known.sets == 0 && !kernel_logger) {
            return UsageError{
                fmt::format("-{} goes with NT Kernel Logger; other sessions have what -eflag names",
                            known.word)};
        }
        out.flags = (out.flags & ~known.clears) | known.sets;
    }
    return out;
}

std::string kernel_group_help(const session::System& system) {
    std::string out = "Kernel events, by name; join several with +:\n";
    for (const session::KernelGroup& group : session::kernel_groups()) {
        const bool there = (group.flags & ~system.kernel_flags) == 0;
        out += fmt::format("  {:<14} {:#010x}{}\n", group.name, group.flags,
                           there ? "" : fmt::format("  not on {}", system.name));
    }
    return out;
}

}  // namespace etw::cli
