// What a boot session is: its defaults, what it may not be, and what the boot makes of it.
#pragma once
#include "etw/boot_session.h"
#include "etw/session.h"

namespace etw::session {

bool is_global_logger(const std::string& name);  // in any case

// What the reference has for a session of which nothing is said. `log_folder` is where its log goes
// by default.
//   GlobalLogger  64 KB buffers, 3 to 25, trace.log without a limit
//   AutoLogger    the host's buffers, <name>.etl that ends at 100 MB
BootSession boot_defaults(const std::string& name, const std::string& log_folder);

// Refuses what no boot session may be: GlobalLogger in real time, an AutoLogger with -newfile, what
// a configuration has no value for, and whatever check(Properties) refuses.
Outcome<Ok> check(const BootSession& boot, const System& system = kLinux);

// `asked` in the place of `before`: what only hands write stays, and providers add up.
BootSession replaced(const BootSession& before, BootSession asked);

// What the boot asks of the session host.
StartRequest start_request(const BootSession& boot);

// The number of the log that the next start writes; nothing where logs have none.
std::optional<uint32_t> next_log_number(const BootSession& boot);
// ... and the value of FileCounter that says so.
uint32_t counter_after(const BootSession& boot, uint32_t number);

}  // namespace etw::session
