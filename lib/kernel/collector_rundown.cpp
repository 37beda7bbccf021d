// What a log tells of what runs: as the session begins, as it ends, and where a log begins between.
#include "kernel/collector.h"
#include "kernel/events/system_config.h"

#include <unordered_set>

namespace etw::kernel {
namespace {

constexpr uint16_t kCounterNames = 0x0F30;
constexpr uint16_t kSamplingBegins = 0x0F49;
constexpr uint16_t kSamplingEnds = 0x0F4A;

}  // namespace

// The trace begins before /proc is read, so that nothing is missed in between; what began after it
// has a Start of its own and is not told twice.
void Collector::begin() {
    const std::lock_guard lock(mutex_);
    const int64_t beginning = options_.counter.now();
    perf_events_.begin(beginning);
    if (switch_watch_ && switch_watch_->is_new()) switch_watch_->rings().begin_at(beginning);
    static_cast<void>(instance_.set("tracing_on", "1"));
    file_events_.begin_at(beginning);
    user_events_.pending().begin_at(beginning);
    scan_tasks();
    scan_sockets();
    std::unordered_set<uint32_t> born;
    Dispatch births([this](const auto& system, const auto& name) { return load(system, name); });
    births.on("task", "task_newtask", [&born](const Format& f) -> Dispatch::Handler {
        return [&born, pid = f.field("pid")](const RawEvent& e) {
            born.insert(uint32_t(e.number(pid)));
        };
    });
    births.on("sched", "sched_process_exec", expect_exec());
    const int64_t now = options_.counter.now();
    perf_events_.read(now, &births);
    reader_.read(now, &births, [this](uint8_t source) { took(source); });
    for (const uint32_t id : born) {
        tasks_.remove_thread(id);
        tasks_.remove(id);
        image_events_.forget(id);
    }
    if (!context_.has(kKernelNoSystemConfig)) send_system_config(sink_, beginning);
    tell(context_.flags, false, beginning);
    tell_tracing(false, beginning);
}

// Of all that runs.
void Collector::tell(uint32_t flags, bool at_end, int64_t time) {
    task_events_.rundown(flags, at_end, time);
    image_events_.rundown(flags, at_end, time);
    if (at_end) file_names_.rundown(context_.sink, time);
}

void Collector::tell_tracing(bool at_end, int64_t time) {
    if (context_.has(kKernelProfile)) tell_interval(at_end, time);
    if (!at_end && !options_.tracing.counters.empty()) tell_counters(time);
}

// In the order in which records tell them.
void Collector::tell_counters(int64_t time) {
    const std::vector<Source>& counters = options_.tracing.counters;
    RecordBuilder record(kCounterNames, 2, time);
    record.put(uint32_t(counters.size()));
    for (const Source& source : counters) record.put_text(source.name);
    record.send(context_.sink, 0);
}

// What the samples are taken by, and how far apart they are.
void Collector::tell_interval(bool at_end, int64_t time) {
    const Source& source = options_.tracing.profile_source;
    RecordBuilder(at_end ? kSamplingEnds : kSamplingBegins, 3, time, RecordIds{})
        .put(uint32_t{source.id})
        .put(options_.tracing.interval)  // as it is set, and as it was before
        .put(options_.tracing.interval)
        .put_text(source.name)
        .send(context_.sink, 0);
}

void Collector::rundown() {
    const std::lock_guard lock(mutex_);
    const int64_t now = options_.counter.now();
    collect_locked(true);
    tell(context_.flags, false, now);
    file_names_.rundown(context_.sink, now);
    tell_tracing(false, now);
}

void Collector::tell_end_to(RecordSink& sink) {
    const std::lock_guard lock(mutex_);
    traced_.divert_to(&sink);
    tell(context_.flags, true, options_.counter.now());
    traced_.divert_to(nullptr);
}

// Once what happens to sockets is recorded, so that nothing is missed in between.
void Collector::scan_sockets() {
    if (!context_.has(kKernelNetwork)) return;
    for (const Listener& listener : find_listeners()) net_events_.add_listener(listener);
    const auto connections = list_connections();
    if (!connections) return;
    for (const OpenConnection& found : *connections) {
        net_events_.add_connection(found);
        if (splice_watch_) splice_watch_->begin_at(found.socket, found.read_to);
    }
}

void Collector::scan_tasks() {
    if (context_.has(kKernelImageLoad | kKernelDiskFileIo)) {
        tasks_.scan([this](uint32_t pid) { image_events_.look_at(pid, options_.counter); });
    } else {
        tasks_.scan();
    }
    scan_images();
}

void Collector::scan_images() {
    if (context_.has(kKernelImageLoad | kKernelDiskFileIo)) image_events_.scan(options_.counter);
}

}  // namespace etw::kernel
