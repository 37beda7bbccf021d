// The parts of session::diagnose(): each adds what it found, in the order of the display.
#pragma once
#include "etw/diagnosis.h"

namespace etw::backend_linux {

using Findings = std::vector<session::Finding>;

// The session host and what it needs of this user: diagnose.cpp
void look_at_host(Findings& out, const std::string& folder);
void look_at_folder(Findings& out, const std::string& folder);
void look_at_limits(Findings& out);
void look_at_shared_memory(Findings& out);
void look_at_log_folder(Findings& out);

// The sessions that the boot starts: diagnose_boot.cpp
void look_at_boot(Findings& out);

// The kernel and the processor: diagnose_machine.cpp
void look_at_kernel(Findings& out);
void look_at_sequences(Findings& out);
void look_at_clock(Findings& out);
void look_at_doorbells(Findings& out);

// What only kernel events need: diagnose_kernel_events.cpp
void look_at_kernel_events(Findings& out);

}  // namespace etw::backend_linux
