#pragma once
#include "base/unique_fd.h"

namespace etw::host {

// The next connection of a listening socket that does not block. None where none waits, and where
// this process has no descriptor left for it: then it is closed, since a connection that waited
// would have the event loop turn without end. For one thread of a process.
UniqueFd accept_next(int listening);

}  // namespace etw::host
