// What tracelog prints on stdout: the layouts of the Windows tool (Windows 7 and later), and the
// same as JSON. There is no Session Security line: Linux has no security descriptor of a session.
#pragma once
#include "etw/session.h"

#include <string>
#include <vector>

namespace etw::cli {

// "Operation Status:       0L      The operation completed successfully." and a newline.
std::string operation_status(Code code);

// The properties block, value column 24.
std::string properties_block(const session::SessionStatus& status);
// What the boot is to start, and the file that says so.
std::string boot_block(const session::BootConfiguration& configuration);
std::string to_json(const session::BootConfiguration& configuration);
// What is printed of a session that an operation failed for.
std::string failed_block(const std::string& name);

// "Enabled Providers:" and a line for each.
std::string provider_table(const std::vector<session::ProviderEnable>& providers);

// One line for each provider asked for: enabled with what, or why not.
std::string enable_lines(const std::vector<session::ProviderEnable>& asked,
                         const session::EnableResult& result);

// -capturestate: likewise.
std::string capture_lines(const std::vector<session::ProviderEnable>& asked,
                          const session::EnableResult& result);

// -enumguid: a line for each provider and session that has it enabled.
std::string registered_table(const std::vector<session::RegisteredProvider>& providers);

// -enumguidex: for each provider its name, its processes, and how each session has it enabled.
std::string provider_details(const std::vector<session::RegisteredProvider>& providers);

// JSON, one document each, on one line. Names are stable: a member may be added, none changes.
std::string to_json(const session::SessionStatus& status);
std::string to_json(const std::vector<session::SessionStatus>& sessions);
std::string to_json(const std::vector<session::ProviderEnable>& asked,
                    const session::EnableResult& result);
std::string to_json(const std::vector<session::RegisteredProvider>& providers);
std::string to_json(const std::vector<session::RecoveredLog>& logs);
std::string to_json(const std::string& name, const session::Failure& failure);

}  // namespace etw::cli
