// Descriptors that the children of this process never have. A plain fork() copies them all, and
// what is to be closed on exec is closed one by one as the child begins its program. Where the
// parent is killed meanwhile, the child's copies are the last ones; and where it is killed, too,
// the kernel cannot take out the breakpoints that belong to them: it gives that up for whoever has
// a kill pending, while it does all of it for a process that ends by one.
#pragma once
#include "base/unique_fd.h"
#include "etw/result.h"

#include <sys/types.h>

#include <functional>

namespace etw {

// The same at a number by which it is hidden; as it is where that cannot be had.
UniqueFd hide_from_children(UniqueFd fd) noexcept;
// fork(). The child, which calls `run`, has all but what is hidden; `needed` in any case. In a
// process with threads `run` does system calls only, as after any fork. Before Linux 5.9 nothing is
// hidden.
Result<pid_t> fork_without_hidden(int needed, const std::function<void()>& run);

}  // namespace etw
