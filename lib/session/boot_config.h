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

}  // namespace etw::session
