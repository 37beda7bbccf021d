// Where the host says what troubles it: syslog, or stderr when it runs in the foreground.
#pragma once
#include "etw/error_code.h"

#include <string>

namespace etw::host {

void set_journal_to_stderr(bool to_stderr) noexcept;
void journal(const std::string& line);
void journal(const std::string& what, const Error& error);

}  // namespace etw::host
