// Where one way of recording context switches may end and another begin, so that each switch is
// told by one of them: both record for a while, with stamps of clocks that agree only roughly, and
// on each processor the old one counts up to an instant and the new one from there on.
#pragma once
#include "kernel/tracefs/trace_clock.h"

#include <vector>

namespace etw::kernel {

// Of each processor an instant (counter) between now and the return around which it has switched
// no threads, for some microseconds: a thread of ours ran there all the time. One that lets us not
// run there has just some instant.
std::vector<int64_t> quiet_instants(uint32_t cpus, const CounterSource& counter);

}  // namespace etw::kernel
