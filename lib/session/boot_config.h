// The configuration of a boot session as text that people read and write, with the value names of
// Windows' registry (docs/boot.md has the list):
//
//   # comment, also with ;
//   Start = 1
//   FileName = /var/log/openetw/trace.log
//   [d58c126f-b309-11d1-969e-0000f875a5bc]
//   Level = 5
//
// Names count in any case, numbers are decimal or 0x..., a GUID may have braces, a text quotes. Of
// a value that is given twice the last one counts.
#pragma once
#include "etw/boot_session.h"
#include "etw/session.h"

#include <string_view>

namespace etw::session {

bool is_global_logger(const std::string& name);  // in any case

// What the reference has for a session of which nothing is said. `log_folder` is where its log goes
// by default.
//   GlobalLogger  64 KB buffers, 3 to 25, trace.log without a limit
//   AutoLogger    the host's buffers, <name>.etl that ends at 100 MB
BootSession boot_defaults(const std::string& name, const std::string& log_folder);

// Refuses what no boot session may be: GlobalLogger in real time, an AutoLogger with -newfile, what
// a configuration has no value for, and whatever check(Properties) refuses.
Outcome<Ok> check(const BootSession& boot);

struct ParsedBoot {
    BootSession session;
    std::vector<std::string> notes;  // "file:line: ..." of values that have no meaning here
};

// Untrusted text. Fails with kInvalidData and "file:line: what is wrong"; `file` is for messages.
// What is well-formed need not pass check().
Outcome<ParsedBoot> parse_boot(std::string_view text, const std::string& file,
                               const std::string& name, const std::string& log_folder);

std::string format_boot(const BootSession& boot);

// `text` with one value of the session itself replaced or added; the rest stays as it was typed.
std::string with_boot_value(std::string_view text, std::string_view name, uint32_t value);

// `asked` in the place of `before`: what only hands write stays, and providers add up.
BootSession replaced(const BootSession& before, BootSession asked);

// What the boot asks of the session host.
StartRequest start_request(const BootSession& boot);

// The number of the log that the next start writes; nothing where logs have none.
std::optional<uint32_t> next_log_number(const BootSession& boot);
// ... and the value of FileCounter that says so.
uint32_t counter_after(const BootSession& boot, uint32_t number);

}  // namespace etw::session
