// A worker that was killed and hangs in a file system keeps its connections: to the programs at
// their other ends it still lives.
#pragma once
#include "base/hung_process.h"

namespace etw::host {

// Ends those that came in by the sockets in this runtime folder; the programs turn to the next
// worker then. `whole_host`: nobody goes on with its listening sockets, and who waits there is let
// go, too. Needs Linux 6.9; before, all of that stays as it is.
void end_connections(const HungProcess& worker, const std::string& runtime_folder, bool whole_host);

}  // namespace etw::host
