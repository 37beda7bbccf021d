// The names of kernel events, as -eflag takes them and displays show them.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace etw::session {

struct KernelGroup {
    std::string_view name;   // "PROC_THREAD"
    uint32_t flags;          // KernelFlag; 0: events beyond the 32 flags, which Linux has not
    std::string_view shown;  // in "Enabled tracing"; empty: by the number

    friend bool operator==(const KernelGroup&, const KernelGroup&) = default;
};

// Names that stand for several flags included.
std::span<const KernelGroup> kernel_groups() noexcept;

// Without regard to case; what a display shows is a name too ("Process"). Nothing: there is none.
std::optional<KernelGroup> find_kernel_group(std::string_view name);

// "Process Thread Disk TcpIp"; flags without a word as one number at the end.
std::string kernel_flag_words(uint32_t flags);

}  // namespace etw::session
