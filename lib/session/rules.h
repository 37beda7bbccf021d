// What a session may be: limits, exclusions and defaults of the reference (docs/commands.md). Used
// by the tools before they ask and by the host on what it is asked.
#pragma once
#include "session/backend.h"

namespace etw::session {

// Refuses what no session may be: a bad name, conflicting mode bits, a file mode without its file,
// sizes out of range. The code is the documented one, the detail names the options.
Outcome<Ok> check(const Properties& properties);

// Fills in what was not set and raises what the rules raise, for a machine with `cpus` processors.
// `properties` passed check(). Idempotent.
Properties apply_defaults(Properties properties, uint32_t cpus);

// Blocks of one processor's ring: maximum_buffers spread over the processors, at least 2.
uint32_t blocks_per_cpu(const Properties& properties, uint32_t cpus);

bool same_name(const std::string& a, const std::string& b);  // without regard to (ASCII) case

}  // namespace etw::session
