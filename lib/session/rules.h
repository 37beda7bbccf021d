// What a session may be: limits, exclusions and defaults of the reference (docs/commands.md). Used
// by the tools before they ask and by the host on what it is asked.
#pragma once
#include "etw/session.h"

#include <string_view>

namespace etw::session {

// Of the kernel's provider, and of the session NT Kernel Logger.
constexpr Guid kSystemTraceControlGuid{
    0x9e814aad, 0x3204, 0x11d2, {0x9a, 0x82, 0x00, 0x60, 0x08, 0xa8, 0x69, 0x39}};
constexpr uint32_t kDefaultBufferKb = 64;
constexpr uint32_t kMaxBuffers = 1u << 20;  // over all processors

// The rules are those of the host's own system unless a backend says of another.

// Refuses what no session may be: a bad name, conflicting mode bits, a file mode without its file,
// sizes out of range. The code is the documented one, the detail names the options.
Outcome<Ok> check(const Properties& properties, const System& system = kLinux);

// Refuses an enable whose filters are past their limits.
Outcome<Ok> check(const ProviderEnable& enable);

// Refuses the update of a session that has none: GlobalLogger, but for kernel options, which turn
// it into NT Kernel Logger.
Outcome<Ok> check(const UpdateRequest& update, const System& system = kLinux);

// What of properties or of an enable that passed check() has no effect, a sentence each, for
// people.
std::vector<std::string> ineffective(const Properties& properties);
std::vector<std::string> ineffective(const ProviderEnable& enable, const System& system = kLinux);

// Fills in what was not set and raises what the rules raise, for a machine with `cpus` processors.
// `properties` passed check(). Idempotent.
//   buffer size      64 KB; rounded up to whole pages of 4 KB
//   minimum buffers  4, at least 2 for each processor (2 in all with kModeNoPerProcessor)
//   maximum buffers  the minimum and 60 more; at least the minimum
//   flush timer      1 s for a real-time session
Properties apply_defaults(Properties properties, uint32_t cpus);

// Blocks of one processor's ring: maximum_buffers spread over the processors, at least 2.
uint32_t blocks_per_cpu(const Properties& properties, uint32_t cpus);

// The log file of a -newfile session with this number, 1 for the first: `pattern` with its %d
// replaced. Also the whole of a log file's name where it has no %d.
std::string numbered_log_file(const std::string& pattern, uint32_t number);

// Of a session that records kernel events. kNotSupported names those that the system does not have.
Outcome<Ok> check_kernel_flags(uint32_t flags, const System& system = kLinux);
// Refuses events and sources that the system does not have, by name.
Outcome<Ok> check_kernel_tracing(const KernelTracing& tracing, const System& system = kLinux);
// The session's kernel events are those of its enable flags: NT Kernel Logger and the system
// loggers.
bool records_kernel(const Properties& properties);

}  // namespace etw::session
