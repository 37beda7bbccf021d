#include "session/profile_sources.h"

#include "backend_linux/backend.h"
#include "base/unique_fd.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <limits>

namespace etw::backend_linux {
namespace {

// Asked for the calling thread's own code, which needs no rights: whether the machine has it.
bool can_sample(const session::PerfSource& source, uint64_t period) {
    perf_event_attr attr{};
    attr.size = sizeof(attr);
    attr.type = source.type;
    attr.config = source.config;
    attr.sample_period = period;
    attr.disabled = 1;
    attr.exclude_kernel = 1;
    attr.exclude_hv = 1;
    constexpr int kSelf = 0, kAnyCpu = -1;
    return bool(UniqueFd(
        int(::syscall(SYS_perf_event_open, &attr, kSelf, kAnyCpu, -1, PERF_FLAG_FD_CLOEXEC))));
}

}  // namespace

session::Outcome<std::vector<session::ProfileSource>> Backend::profile_sources() {
    std::vector<session::ProfileSource> out;
    for (const session::PerfSource& source : session::perf_sources()) {
        const bool timer = source.name == session::kTimerSource;
        if (!can_sample(source, session::kEventInterval)) continue;
        out.push_back({std::string(source.name), source.id, timer ? session::kMinTimerInterval : 1,
                       timer ? session::kMaxTimerInterval : std::numeric_limits<uint32_t>::max()});
    }
    return out;
}

}  // namespace etw::backend_linux
