#include "host/session/kernel_source.h"

#include "base/letter_case.h"
#include "host/journal.h"
#include "host/providers/probe_providers.h"
#include "host/providers/traced_processes.h"
#include "host/session/kernel_refusal.h"
#include "host/session/new_session.h"
#include "host/session/session_clock.h"
#include "kernel/collector.h"
#include "kernel/perf/perf_open.h"
#include "ring/clock.h"
#include "session/profile_sources.h"
#include "session/rules.h"
#include "session/traced_rules.h"

#include <algorithm>

namespace etw::host {
namespace {

kernel::Source source_of(const std::string& name) {
    const session::PerfSource& known = *session::find_perf_source(name);  // it was checked
    return {std::string(known.name), known.id, known.type, known.config};
}

kernel::Tracing tracing_of(const session::KernelTracing& asked) {
    kernel::Tracing out;
    const std::string source =
        asked.profile_source.empty() ? session::kTimerSource : asked.profile_source;
    out.stack_events = asked.stack_events;
    out.by_timer = same_name(source, session::kTimerSource);
    out.profile_source = source_of(source);
    out.interval = out.by_timer ? session::kTimerInterval : session::kEventInterval;
    for (const session::ProfileInterval& interval : asked.intervals) {
        if (same_name(interval.source, source)) out.interval = interval.interval;
    }
    for (const std::string& counter : asked.counters) out.counters.push_back(source_of(counter));
    out.counter_events = asked.counter_events;
    return out;
}

// Records that go into a ring once it is known how many there are.
class Records final : public kernel::RecordSink {
public:
    // Of one processor, in blocks as those of `like`.
    explicit Records(const wire::RingGeometry& like) : geometry_{1, 2, like.block_size, 0} {}

    bool has_room(uint32_t) override { return true; }
    void append(uint32_t, Bytes record, uint32_t time_offset, int64_t time) override {
        const auto size = uint32_t(wire::align8(record.size()));
        if (size > geometry_.block_size - offset_) {
            ++geometry_.blocks;
            offset_ = wire::kRingFirstOffset;
        }
        offset_ += size;
        all_.push_back({{record.begin(), record.end()}, time_offset, time});
    }
    std::optional<int64_t> waiting_since() override { return std::nullopt; }
    void add_lost(uint64_t) override {}

    Result<std::shared_ptr<Stream>> in_ring() const {
        ETW_TRY(auto rings, ring::RingSet::create(geometry_));
        ETW_TRY(auto out, Stream::make(kKernelStream, std::move(rings)));
        ETW_TRY(auto writer, StreamWriter::over(*out, 0));
        for (const Record& record : all_) {
            ETW_ASSERT(writer.try_append(0, record.bytes, record.time_offset, record.time));
        }
        return out;
    }

private:
    struct Record {
        std::vector<std::byte> bytes;
        uint32_t time_offset;
        int64_t time;
    };
    wire::RingGeometry geometry_;
    uint32_t offset_ = wire::kRingFirstOffset;  // in the last block
    std::vector<Record> all_;
};

}  // namespace

session::Outcome<Ok> check_sources(const session::KernelTracing& asked) {
    const kernel::Tracing tracing = tracing_of(asked);
    std::vector<kernel::Source> sources = tracing.counters;
    sources.push_back(tracing.profile_source);
    for (const kernel::Source& source : sources) {
        const Status there = kernel::check_source(source);
        if (there) continue;
        if (there.error().code == Code::kAccessDenied) return kernel_refusal(there.error());
        return session::Failure{
            there.error().code,
            source.name +
                ": this machine does not count it; the counters of the processor cannot be had "
                "(a virtual machine often has none). -ProfileSource Help lists what there is"};
    }
    return Ok{};
}

KernelSource::KernelSource(StreamWriter writer, KeptKernel held, KernelProgress progress)
    : held_(std::move(held)),
      progress_(std::move(progress)),
      writer_(std::move(writer)),
      lanes_(writer_.geometry().cpus) {}

KernelSource::~KernelSource() = default;

Result<std::unique_ptr<KernelSource>> KernelSource::start(const SavedSession& saved,
                                                          const Stream& stream,
                                                          const KeeperLink& keeper,
                                                          const std::string& sessions_folder,
                                                          KeptDescriptors left) {
    // The kernel's events have times of their own, which lie before the call that brings them.
    ETW_TRY(auto writer, StreamWriter::over(stream, saved.start_counter));
    ETW_TRY(auto progress, KernelProgress::open(state_folder(sessions_folder, saved.key.slot)));
    std::unique_ptr<KernelSource> out(new KernelSource(
        std::move(writer), {saved.key, keeper, std::move(left)}, std::move(progress)));
    out->count_what_is_gone();
    kernel::Collector::Options options;
    options.session = saved.key.epoch;
    // Of other sessions they are what -flag said.
    if (session::records_kernel(saved.properties)) options.flags = saved.properties.enable_flags;
    options.tracing = tracing_of(saved.properties.kernel);
    options.providers = probe_providers(saved);
    options.traced = traced_processes(saved);
    if (session::traces_processes(saved.properties)) {
        // With these each address of a stack can be told from the log alone.
        options.flags = kKernelProcess | kKernelThread | kKernelImageLoad | kKernelNoSystemConfig;
    }
    options.cpus = cpu_count();
    options.longest_record = saved.geometry.block_size - wire::kRingFirstOffset;
    options.holder = &out->held_;
    options.progress = &out->progress_.get();
    options.counter = {&counter_now, saved.counter_hz, ring::counter_is_usable()};
    ETW_TRY(out->collector_, kernel::Collector::start(options, *out));
    return out;
}

void KernelSource::clear_left(const SavedSession& saved) {
    const Status cleared = kernel::clear_breakpoints(
        cpu_count(), {&counter_now, saved.counter_hz, ring::counter_is_usable()},
        traced_processes(saved));
    if (!cleared) journal("breakpoints of a killed host may be left", cleared.error());
}

int64_t KernelSource::collect(bool all) { return collector_->collect(all); }

Status KernelSource::set(const session::Properties& properties) {
    return collector_->set(properties.enable_flags, tracing_of(properties.kernel));
}

Status KernelSource::set_providers(const std::vector<kernel::ProbeProvider>& providers) {
    return collector_->set_providers(providers);
}

uint64_t KernelSource::rundown() {
    const uint64_t before = bytes_;
    collector_->rundown();
    return bytes_ - before;
}

Result<std::shared_ptr<Stream>> KernelSource::running() const {
    Records records(writer_.geometry());
    collector_->tell_end_to(records);
    return records.in_ring();
}

bool KernelSource::end(bool at_once) { return collector_->end(at_once); }

Status KernelSource::use(const Stream& stream) {
    ETW_TRY(auto writer, StreamWriter::over(stream, 0));
    collector_->while_idle([&] { writer_ = std::move(writer); });
    return Ok{};
}

uint32_t KernelSource::lane_of(uint32_t cpu) const noexcept {
    return std::min(cpu, uint32_t(lanes_.size()) - 1);  // one ring for all: the last is the first
}

bool KernelSource::settle(uint32_t lane) {
    auto& waiting = lanes_[lane];
    while (!waiting.empty()) {
        const Waiting& first = waiting.front();
        if (!try_append(lane, first.record, first.time_offset, first.time)) return false;
        waiting.pop_front();
    }
    return true;
}

bool KernelSource::has_room(uint32_t cpu) {
    const uint32_t lane = lane_of(cpu);
    return settle(lane) && writer_.has_room(lane, kShortRecord);
}

void KernelSource::append(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time) {
    const uint32_t lane = lane_of(cpu);
    bytes_ += record.size();
    if (settle(lane) && try_append(lane, record, time_offset, time)) return;
    lanes_[lane].push_back({{record.begin(), record.end()}, time_offset, time});
}

std::optional<int64_t> KernelSource::waiting_since() {
    std::optional<int64_t> oldest;
    for (uint32_t lane = 0; lane < lanes_.size(); ++lane) {
        if (settle(lane)) continue;
        const int64_t time = lanes_[lane].front().time;
        oldest = std::min(oldest.value_or(time), time);
    }
    return oldest;
}

void KernelSource::add_lost(uint64_t count) { writer_.add_lost(count); }

bool KernelSource::try_append(uint32_t lane, Bytes record, uint32_t time_offset, int64_t time) {
    if (!writer_.try_append(lane, record, time_offset, time)) return false;
    kernel::Progress& progress = progress_.get();
    kernel::set(progress.appended, progress.appended + 1);
    return true;
}

void KernelSource::committed() noexcept {
    kernel::Progress& progress = progress_.get();
    kernel::set(progress.committed, std::atomic_ref(progress.appended).load());
}

// Where the stream went with the keeper, so did what was in it: what came to it after the last
// checkpoint at least, and it is not known what else.
void KernelSource::count_what_is_gone() {
    kernel::Progress& progress = progress_.get();
    if (progress.appended == 0 || !writer_.is_new()) return;
    writer_.add_lost(std::max<uint64_t>(progress.appended - progress.committed, 1));
    progress.appended = progress.committed = 0;
}

}  // namespace etw::host
