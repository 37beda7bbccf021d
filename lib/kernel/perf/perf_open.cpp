#include "kernel/perf/perf_open.h"

#include <fmt/format.h>

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace etw::kernel {
namespace {

constexpr uint32_t kMapPages = 128;  // of one CPU's ring
constexpr uint32_t kSamplePages = 128;
constexpr uint64_t kTimerUnitNs = 100;
constexpr uint32_t kPageSize = 4096;

Status open_all(const perf_event_attr& attr, uint32_t cpus, uint32_t pages,
                std::vector<PerfRing>& out) {
    std::vector<PerfRing> rings;
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
        ETW_TRY(PerfRing ring, PerfRing::open(attr, cpu, pages));
        rings.push_back(std::move(ring));
    }
    out = std::move(rings);
    return Ok{};
}

perf_event_attr attr_with_clock(uint32_t pages) {
    perf_event_attr attr{};
    attr.size = sizeof(attr);
    attr.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME;
    attr.sample_id_all = 1;
    attr.use_clockid = 1;
    attr.clockid = CLOCK_MONOTONIC_RAW;
    attr.watermark = 1;
    attr.wakeup_watermark = pages * kPageSize / 4;
    return attr;
}

perf_event_attr attr_for_samples(uint32_t pages, const PerfForm& form) {
    perf_event_attr attr = attr_with_clock(pages);
    attr.sample_type |= PERF_SAMPLE_IP;
    attr.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_LOST;
    attr.disabled = 1;  // see begin()
    if (form.counters != 0) attr.sample_type |= PERF_SAMPLE_READ;
    if (form.stack) attr.sample_type |= PERF_SAMPLE_CALLCHAIN;
    if (form.raw) attr.sample_type |= PERF_SAMPLE_RAW;
    return attr;
}

Result<UniqueFd> open_counter(const Source& source, uint32_t cpu, int leader) {
    perf_event_attr attr{};
    attr.size = sizeof(attr);
    attr.type = source.type;
    attr.config = source.config;
    attr.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_LOST;
    attr.use_clockid = 1;  // a group has one clock
    attr.clockid = CLOCK_MONOTONIC_RAW;
    UniqueFd fd(int(::syscall(SYS_perf_event_open, &attr, -1, int(cpu), leader,
                              static_cast<unsigned long>(PERF_FLAG_FD_CLOEXEC))));
    if (fd) return fd;
    const bool denied = errno == EACCES || errno == EPERM;
    return Error{denied ? Code::kAccessDenied : Code::kNotSupported, "perf_event_open()",
                 uint64_t(errno)};
}

// Counters that come to an event that runs already may not count: all begin together.
Status begin(const PerfLane& lane) {
    for (const PerfRing& ring : lane.rings) {
        if (!ring) continue;
        if (::ioctl(ring.fd().get(), PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP) != 0)
            return Error{code_from_errno(errno), "perf: enable", uint64_t(errno)};
    }
    return Ok{};
}

// With all counters behind each ring's event.
Status open_lane(const perf_event_attr& attr, uint32_t cpus, uint32_t pages,
                 const std::vector<Source>& counters, PerfLane& lane) {
    ETW_CHECK(open_all(attr, cpus, pages, lane.rings));
    if (lane.form.counters == 0) return Ok{};
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
        if (!lane.rings[cpu]) continue;
        for (const Source& source : counters) {
            ETW_TRY(UniqueFd fd, open_counter(source, cpu, lane.rings[cpu].fd().get()));
            lane.counters.push_back(std::move(fd));
        }
    }
    return Ok{};
}

}  // namespace

uint64_t PerfLane::take_lost() {
    uint64_t sum = 0;
    for (size_t cpu = 0; cpu < rings.size(); ++cpu) {
        struct {
            uint64_t count, value, lost;
            uint64_t others[2 * 7];  // value and losses of counters
        } now{};
        if (::read(rings[cpu].fd().get(), &now, sizeof(now)) < ssize_t(3 * sizeof(uint64_t)))
            continue;
        sum += rings[cpu].count_lost(now.lost);
    }
    return sum;
}

void PerfLane::give_back() noexcept {
    for (PerfRing& ring : rings) ring.give_back();
}

void PerfLane::hold(Holder& holder, const std::string& what) const {
    for (size_t i = 0; i < counters.size(); ++i) {
        holder.hold(what, fmt::format("counter{}", i), counters[i]);
    }
    for (size_t i = 0; i < programs.size(); ++i) {
        holder.hold(what, fmt::format("program{}", i), programs[i]);
    }
    hold_rings(holder, what, rings);
}

Result<PerfLane> PerfLane::adopt(Holder& holder, const std::string& what, uint32_t cpus,
                                 const PerfForm& form) {
    HeldParts parts = holder.take_left(what);
    PerfLane out;
    out.form = form;
    ETW_TRY(out.rings, adopt_rings(parts, cpus));
    for (auto& [name, fd] : parts) {
        if (name.starts_with("counter")) out.counters.push_back(std::move(fd));
        if (name.starts_with("program")) out.programs.push_back(std::move(fd));
    }
    const auto there = size_t(std::count_if(out.rings.begin(), out.rings.end(),
                                            [](const PerfRing& ring) { return bool(ring); }));
    if (out.counters.size() != form.counters * there) {
        return Error{Code::kNoMoreItems, "perf: held counters", out.counters.size()};
    }
    return out;
}

Result<std::vector<PerfRing>> open_maps(uint32_t cpus, bool data) {
    perf_event_attr attr = attr_with_clock(kMapPages);
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_DUMMY;
    attr.mmap = 1;
    attr.mmap2 = 1;
    attr.ksymbol = 1;
    attr.mmap_data = data ? 1 : 0;
    attr.comm = 1;
    attr.comm_exec = 1;
    std::vector<PerfRing> out;
    if (!open_all(attr, cpus, kMapPages, out)) {
        attr.ksymbol = 0;  // since Linux 5.1
        ETW_CHECK(open_all(attr, cpus, kMapPages, out));
    }
    return out;
}

PerfForm form_of(const Tracing& tracing) { return {uint32_t(tracing.counters.size()), true, true}; }

Result<PerfLane> open_samples(uint32_t cpus, const Tracing& tracing, const PerfForm& form) {
    PerfLane out;
    out.form = form;
    perf_event_attr attr = attr_for_samples(kSamplePages, out.form);
    attr.type = tracing.profile_source.type;
    attr.config = tracing.profile_source.config;
    attr.sample_period = tracing.interval * (tracing.by_timer ? kTimerUnitNs : 1);
    ETW_CHECK(open_lane(attr, cpus, kSamplePages, tracing.counters, out));
    ETW_CHECK(begin(out));
    return out;
}

Result<PerfLane> open_tracepoint(uint32_t cpus, uint16_t id, const std::string& filter,
                                 const Tracing& tracing, uint32_t pages) {
    PerfLane out;
    out.form = form_of(tracing);
    perf_event_attr attr = attr_for_samples(pages, out.form);
    attr.type = PERF_TYPE_TRACEPOINT;
    attr.config = id;
    attr.sample_period = 1;
    ETW_CHECK(open_lane(attr, cpus, pages, tracing.counters, out));
    for (const PerfRing& ring : out.rings) {
        if (filter.empty() || !ring) continue;
        if (::ioctl(ring.fd().get(), PERF_EVENT_IOC_SET_FILTER, filter.c_str()) != 0)
            return Error{code_from_errno(errno), "perf: filter", uint64_t(errno)};
    }
    ETW_CHECK(begin(out));
    return out;
}

Result<PerfLane> open_output(uint32_t cpus, const PerfForm& form, const Tracing& tracing,
                             uint32_t pages) {
    PerfLane out;
    out.form = form;
    perf_event_attr attr = attr_for_samples(pages, out.form);
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_BPF_OUTPUT;
    attr.sample_period = 1;
    ETW_CHECK(open_lane(attr, cpus, pages, tracing.counters, out));
    ETW_CHECK(begin(out));
    return out;
}

Status check_source(const Source& source) {
    constexpr int kNoLeader = -1;
    ETW_TRY(const UniqueFd fd, open_counter(source, 0, kNoLeader));
    return Ok{};
}

}  // namespace etw::kernel
