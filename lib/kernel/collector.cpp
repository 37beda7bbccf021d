#include "kernel/collector.h"

#include "kernel/programs/socket_lengths.h"

#include <fmt/format.h>

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace etw::kernel {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kBusyFlags = kKernelContextSwitch | kKernelDispatcher | kKernelDpc |
                                kKernelInterrupt | kKernelSystemCall | kKernelPageFaults |
                                kKernelHardFaults;
// Of the kernel's ring buffer. A processor makes up to some 20 MB of context switches a second.
constexpr uint64_t kBusyKb = 16 * 1024;
constexpr uint64_t kCalmKb = 1024;
constexpr uint64_t kAllCpusKb = 256 * 1024;
constexpr char kLimitedEnding[] = "-pids";
constexpr char kWakeAtPercent[] = "25";
// Where the sink has no room: how soon to try again.
constexpr milliseconds kStalled{5};
// How often the kernel is asked what it lost, if nobody asks for everything.
constexpr milliseconds kLostEvery{200};
// To get an instance.
constexpr int kTries = 100;
constexpr milliseconds kRetryPause{10};
constexpr uint64_t kForksPerSecond = 20;  // 50 ms for a fork to become an exec
// An event and what was found for it are closer to each other than this, on whatever clocks: 1 ms.
constexpr uint64_t kApartPerSecond = 1000;

// Ids of the threads that the processes have now, parted by blanks. First one that no thread ever
// has: an empty list would let all pass.
std::string thread_list(const std::vector<uint32_t>& pids) {
    constexpr uint32_t kNoThread = 1u << 22;  // PID_MAX_LIMIT
    std::string out = fmt::format("{} ", kNoThread);
    for (const uint32_t pid : pids) {
        std::error_code error;
        for (std::filesystem::directory_iterator it(fmt::format("/proc/{}/task", pid), error), end;
             !error && it != end; it.increment(error)) {
            out += it->path().filename().string() + " ";
        }
    }
    return out;
}

std::optional<std::vector<uint32_t>> told_of(const TracedProcesses& traced) {
    if (traced.what == TracedProcesses::What::kNothing) return std::nullopt;
    return traced.pids;
}

// Hands out what a program of ours has put out since the last look.
template <Wire T, class Found>
void look_through(BpfProbe& probe, Found found) {
    probe.read([&](const ProbeRecord& record) {
        ByteReader in(record.data);
        if (const auto what = in.read<T>("record of a program")) found(*what, record);
    });
    probe.give_back();
}

// A new instance: it records nothing yet, and drops what it has no room for.
Status prepare(const Instance& instance) {
    ETW_CHECK(instance.set("tracing_on", "0"));
    ETW_CHECK(instance.set("options/overwrite", "0"));
    // Names of threads are followed by their events; this would cost at every switch.
    static_cast<void>(instance.set("options/record-cmd", "0"));
    return Ok{};
}

// Events that are wanted now and others that were before.
Status enable(const Instance& instance, const std::vector<Tracepoint>& wanted,
              const std::vector<Tracepoint>& before) {
    const auto folder = [](const Tracepoint& point) {
        return fmt::format("events/{}/{}", point.system, point.name);
    };
    const auto find = [](const std::vector<Tracepoint>& in, const Tracepoint& point) {
        return std::find_if(in.begin(), in.end(), [&](const Tracepoint& other) {
            return other.system == point.system && other.name == point.name;
        });
    };
    for (const Tracepoint& old : before) {
        if (find(wanted, old) != wanted.end()) continue;
        ETW_CHECK(instance.set(folder(old) + "/enable", "0"));
    }
    for (const Tracepoint& point : wanted) {
        const auto old = find(before, point);
        const bool was_filtered = old != before.end() && !old->filter.empty();
        if (!point.filter.empty() || was_filtered) {
            const std::string none = "0";
            ETW_CHECK(instance.set(folder(point) + "/filter",
                                   point.filter.empty() ? none : point.filter));
        }
        if (old == before.end()) ETW_CHECK(instance.set(folder(point) + "/enable", "1"));
    }
    return Ok{};
}

}  // namespace

Collector::Collector(const Options& options, LastingSink& sink, Instance instance,
                     TraceReader reader, const std::string& tracefs)
    : options_(options),
      sink_(sink),
      instance_(std::move(instance)),
      reader_(std::move(reader)),
      tracefs_(tracefs),
      uprobes_(tracefs, group_name(instance_.name())),
      kprobes_(tracefs, group_name(instance_.name()), ProbesIn::kKernel),
      traced_(sink, tasks_),
      context_{
          traced_,
          tasks_,
          options.counter.hz,
          options.flags,
          told_of(options.traced),
          std::clamp(options.longest_record, RecordBuilder::kMaxSize, LongRecordBuilder::kMaxSize)},
      task_events_(context_, execs_),
      disk_events_(context_),
      net_events_(context_),
      interrupt_events_(context_),
      file_names_(context_.longest_record),
      image_events_(context_, file_names_),
      perf_events_(context_, image_events_, traced_, options.counter),
      file_events_(context_, file_names_, options.counter),
      user_events_(context_, options.counter),
      probe_events_(context_),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    traced_.count_in(*options.progress);
    traced_.end_stacks_by(image_events_);
    task_events_.began = [this](uint32_t pid, uint32_t parent, const RawEvent& event) {
        traced_.clear();  // the stack is of no call that maps something
        image_events_.on_fork(parent, {pid, event.time, event.cpu});
    };
    task_events_.ended = [this](uint32_t pid, const RawEvent& event) {
        image_events_.on_drop({pid, event.time, event.cpu});
    };
}

Result<std::unique_ptr<Collector>> Collector::start(const Options& options, LastingSink& sink) {
    ETW_TRY(const std::string tracefs, tracefs_folder());
    for (int tries = kTries;; --tries) {
        ETW_TRY(const Instance instance,
                Instance::open(tracefs, instance_name(tracefs, options.session)));
        auto out = start_in(instance, tracefs, options, sink);
        if (out) return out;
        if (instance.is_new()) {
            static_cast<void>(instance.remove());
            for (const ProbesIn where : {ProbesIn::kPrograms, ProbesIn::kKernel}) {
                ProbeGroup(tracefs, group_name(instance.name()), where).keep_only({});
            }
            return out;
        }
        // Until our pipes hold it, another host may clear away what a killed one has left.
        const bool gone = out.error().where == ENODEV || out.error().where == ENOENT;
        if (!gone || tries == 1) return out;
        std::this_thread::sleep_for(kRetryPause);
    }
}

Result<std::unique_ptr<Collector>> Collector::start_in(const Instance& instance,
                                                       const std::string& tracefs,
                                                       const Options& options, LastingSink& sink) {
    if (instance.is_new()) ETW_CHECK(prepare(instance));
    ETW_TRY(const TraceClock clock, TraceClock::set_up(instance, options.counter));
    ETW_TRY(TraceReader reader, TraceReader::open(instance, clock, options.cpus));
    std::unique_ptr<Collector> out(
        new Collector(options, sink, instance, std::move(reader), tracefs));
    if (const Status ready = out->set_up(); !ready) {
        if (instance.is_new()) out->end_limited();
        return ready.error();
    }
    return out;
}

Status Collector::set_up() {
    if (instance_.is_new()) *options_.progress = {};
    interrupt_events_.keep_faults_in(options_.progress->faults);
    adopt_switch_watch();
    watch_execs();
    if (context_.has(kKernelDpc)) interrupt_events_.set_handlers(find_softirq_handlers());
    const Status probes = define_probes();
    // A successor goes on with what can still be had.
    if (!probes && instance_.is_new()) return probes;
    ETW_CHECK(bind(options_.flags, options_.tracing));
    ETW_CHECK(bind_limited());
    ETW_CHECK(user_events_.set_up(options_.cpus, options_.traced, *options_.holder));
    if (instance_.is_new()) {
        begin();
    } else {
        const std::lock_guard lock(mutex_);
        count_what_is_gone();
        scan_tasks();
        image_events_.go_on_at(options_.counter.now());
        scan_sockets();
    }
    options_.holder->drop_left();
    thread_ = std::thread([this] { run(); });
    return Ok{};
}

Collector::~Collector() { stop_thread(); }

// --- what is recorded ------------------------------------------------------------------------

Result<Format> Collector::load(const std::string& system, const std::string& name) const {
    const auto text = read_text(fmt::format("{}/events/{}/{}/format", tracefs_, system, name));
    if (text) return Format::parse(*text, system.c_str());
    ETW_TRY(const std::string stand_in, stand_in_format(name));
    return Format::parse(stand_in, system.c_str());
}

Dispatch::LoadFormat Collector::format_loader() const {
    return [this](const auto& system, const auto& name) { return load(system, name); };
}

Status Collector::bind(uint32_t flags, const Tracing& tracing) {
    const auto load_format = format_loader();
    auto dispatch = std::make_unique<Dispatch>(load_format);
    // First: what the others make of a process's end is not to be known before.
    probe_events_.bind(*dispatch, false);
    const bool provider_has_switches = dispatch->id_of(switch_point().name) != 0;
    const uint32_t before = std::exchange(context_.flags, flags);
    define_file_fault_probe();
    const bool all = task_events_.bind(*dispatch) && disk_events_.bind(*dispatch) &&
                     net_events_.bind(*dispatch) && interrupt_events_.bind(*dispatch);
    if (!all) {
        context_.flags = before;
        return Error{Code::kNotSupported, "this kernel lacks a tracepoint that the flags need", 0};
    }
    Status opened = perf_events_.bind(*dispatch, tracing);
    Holder& holder = *options_.holder;
    if (opened) opened = perf_events_.set_up(options_.cpus, tracing, *dispatch, holder);
    if (opened) opened = file_events_.set_up(options_.cpus, tracing, holder);
    if (!opened) {
        context_.flags = before;
        return opened;
    }
    set_watches(tracing);
    set_switch_watch();
    ETW_CHECK(set_buffers(instance_));
    std::vector<Tracepoint> wanted = dispatch->wanted();
    std::erase_if(wanted, [&](const Tracepoint& point) {
        const bool is_switch = point == switch_point();
        return perf_events_.has(point) || is_stand_in(dispatch->id_of(point.name)) ||
               (is_switch && switch_watch_ && !provider_has_switches);
    });
    ETW_CHECK(enable_points(std::move(wanted)));
    if (!context_.has(kKernelHardFaults)) kprobes_.keep_only({});
    dispatch_ = std::move(dispatch);
    outlook_.reset();
    if ((flags & kKernelProcess) != 0) {
        outlook_ = std::make_unique<Dispatch>(load_format);
        outlook_->on("sched", "sched_process_exec", expect_exec());
        outlook_->on("task", "task_newtask", [this](const Format& f) -> Dispatch::Handler {
            return [this, pid = f.field("pid"), how = f.field("clone_flags")](const RawEvent& e) {
                if (is_process(e.number(how))) open_forks_[uint32_t(e.number(pid))] = e.time;
            };
        });
        outlook_->on("sched", "sched_process_exit", [this](const Format& f) -> Dispatch::Handler {
            return [this, pid = f.field("pid")](const RawEvent& e) {
                open_forks_.erase(uint32_t(e.number(pid)));
            };
        });
    }
    return Ok{};
}

// Where it cannot be had, the flag is refused as for any tracepoint that is missing.
void Collector::define_file_fault_probe() {
    if (!context_.has(kKernelHardFaults) || load(kFileFaultSystem, kFileFaultEvent)) return;
    const auto probe = file_fault_probe();
    if (!probe || !kprobes_.define({*probe})) return;
    interrupt_events_.set_file_fault_system(kprobes_.name());
}

Dispatch::MakeHandler Collector::expect_exec() {
    return [this](const Format& f) -> Dispatch::Handler {
        return [this, pid = f.field("pid"), file = f.field("filename")](const RawEvent& e) {
            open_forks_.erase(uint32_t(e.number(pid)));
            execs_.expect(uint32_t(e.number(pid)), e.time, std::string(e.text(file)));
        };
    };
}

Status Collector::enable_points(std::vector<Tracepoint> wanted) {
    const std::vector<Tracepoint> before = std::exchange(enabled_, std::move(wanted));
    return enable(instance_, enabled_, before);
}

// --- providers -------------------------------------------------------------------------------

Status Collector::set_providers(const std::vector<ProbeProvider>& providers) {
    const std::lock_guard lock(mutex_);
    collect_locked(true);
    options_.providers = providers;
    const Status defined = define_probes();
    ETW_CHECK(bind(context_.flags, options_.tracing));
    ETW_CHECK(bind_limited());
    uprobes_.keep_only(probe_events_.uprobes());
    ::eventfd_write(wake_.get(), 1);  // there are other pipes to wait for
    return defined;
}

Status Collector::define_probes() {
    const Status planned = probe_events_.plan(options_.providers, uprobes_.name());
    const Status defined = uprobes_.define(probe_events_.uprobes());
    return planned ? defined : planned;
}

Status Collector::open_limited() {
    ETW_TRY(const Instance instance, Instance::open(tracefs_, instance_.name() + kLimitedEnding));
    const Status ready = [&]() -> Status {
        if (instance.is_new()) ETW_CHECK(prepare(instance));
        ETW_CHECK(instance.set("options/event-fork", "1"));
        ETW_TRY(const TraceClock clock, TraceClock::set_up(instance, options_.counter));
        static_cast<void>(clock);  // that of the other: the same kind, on the same machine
        ETW_CHECK(set_buffers(instance));
        return reader_.add(instance, options_.cpus, kLimitedSource);
    }();
    if (!ready) {
        static_cast<void>(instance.remove());
        return ready;
    }
    limited_.emplace(Limited{instance, nullptr, {}});
    if (instance.is_new()) {
        options_.progress->told_lost[kLimitedSource] = options_.progress->taken[kLimitedSource] = 0;
    }
    return Ok{};
}

// The kernel follows the threads that the processes begin from now on, and their children, which
// are sorted out later.
Status Collector::bind_limited() {
    const std::vector<uint32_t> pids = probe_events_.pids();
    if (pids.empty()) {
        end_limited();
        return Ok{};
    }
    if (!limited_) ETW_CHECK(open_limited());
    auto dispatch = std::make_unique<Dispatch>(format_loader());
    probe_events_.bind(*dispatch, true);
    if (limited_->pids != pids) {
        ETW_CHECK(limited_->instance.set("set_event_pid", thread_list(pids)));
        limited_->pids = pids;
    }
    const auto* before = limited_->dispatch.get();
    ETW_CHECK(enable(limited_->instance, dispatch->wanted(),
                     before == nullptr ? std::vector<Tracepoint>() : before->wanted()));
    limited_->dispatch = std::move(dispatch);
    return limited_->instance.set("tracing_on", "1");
}

void Collector::end_limited() {
    if (!limited_) {
        // A predecessor's, whose processes have all ended meanwhile.
        std::error_code none;
        std::filesystem::remove(
            fmt::format("{}/instances/{}{}", tracefs_, instance_.name(), kLimitedEnding), none);
        return;
    }
    count_lost_of(limited_->instance, options_.progress->told_lost[kLimitedSource]);
    reader_.drop(kLimitedSource);
    static_cast<void>(limited_->instance.remove());
    limited_.reset();
}

// Whether tracefs has to take events that come in great numbers.
bool Collector::is_busy() const {
    uint32_t flags = context_.flags & kBusyFlags;
    if (switch_watch_) flags &= ~uint32_t{kKernelContextSwitch};
    return flags != 0 || !options_.providers.empty();
}

Status Collector::set_buffers(const Instance& instance) const {
    const uint64_t wanted = is_busy() ? kBusyKb : kCalmKb;
    const uint64_t kb = std::clamp(kAllCpusKb / options_.cpus, kCalmKb, wanted);
    ETW_TRY(const std::string text, read_text(instance.folder() + "/buffer_size_kb"));
    // Another size empties the buffer; a smaller one is not worth that.
    if (std::strtoull(text.c_str(), nullptr, 10) < kb) {
        ETW_CHECK(instance.set("buffer_size_kb", std::to_string(kb)));
    }
    // Kernels before 4.20 wake at the first event.
    static_cast<void>(instance.set("buffer_percent", kWakeAtPercent));
    return Ok{};
}

Status Collector::set(uint32_t flags, const Tracing& tracing) {
    const std::lock_guard lock(mutex_);
    const int64_t now = options_.counter.now();
    collect_locked(true);
    const uint32_t before = context_.flags;
    // The end of the session will not tell of it.
    if (const uint32_t ended = before & ~flags; ended != 0) tell(ended, true, now);
    hand_over_switches(flags, tracing);
    hand_over_points(tracing);
    const Status bound = bind(flags, tracing);
    end_hand_over(bool(bound));
    ETW_CHECK(bound);
    options_.flags = flags;
    options_.tracing = tracing;
    if ((flags & ~before & kKernelDpc) != 0) {
        interrupt_events_.set_handlers(find_softirq_handlers());
    }
    if ((flags & ~before & kKernelNetwork) != 0) scan_sockets();
    scan_images();
    tell(flags & ~before, false, now);
    tell_tracing(false, now);
    ::eventfd_write(wake_.get(), 1);  // there are other rings to wait for
    return Ok{};
}

bool Collector::end(bool at_once) {
    stop_thread();
    const std::lock_guard lock(mutex_);
    if (!ended_) {
        static_cast<void>(instance_.set("tracing_on", "0"));
        if (limited_) static_cast<void>(limited_->instance.set("tracing_on", "0"));
        // Before anything is collected, or on a busy machine more would come than we get done.
        file_events_.stop();
        perf_events_.stop();
        // Each takes the kernel a while, in which the others are still met.
        while (user_events_.detach_one(*options_.holder)) {
            collect_locked(true);
            if (stalled_ && !at_once) return false;
        }
        if (switch_watch_) switch_watch_->rings().end(sink_);
        const int64_t now = options_.counter.now();
        collect_locked(true);
        if (stalled_ && !at_once) return false;
        tell(context_.flags, true, now);
        tell_tracing(true, now);
        count_lost();
        if (stalled_) {
            file_events_.take_all(now);
            user_events_.take_all(now);
            sink_.add_lost(reader_.count_rest() + perf_events_.count_rest() +
                           file_events_.pending().count() + user_events_.pending().count() +
                           net_events_.count_accepts() +
                           (switch_watch_ ? switch_watch_->rings().count() : 0));
        }
        end_limited();
        reader_.close();
        drop_switch_watch();
        static_cast<void>(instance_.remove());
        uprobes_.keep_only({});
        kprobes_.keep_only({});
        options_.holder->let_go_all();
        ended_ = true;
    }
    return !sink_.waiting_since();
}

void Collector::stop_thread() {
    stopping_ = true;
    ::eventfd_write(wake_.get(), 1);
    if (thread_.joinable()) thread_.join();
}

// --- collecting ------------------------------------------------------------------------------

int64_t Collector::collect(bool all) {
    const std::lock_guard lock(mutex_);
    const int64_t until = collect_locked(all);
    meet_processors();
    return until;
}

// A fork that has not turned to a program yet, and may do so at once.
int64_t Collector::before_open_forks(int64_t until) {
    const int64_t patience = int64_t(options_.counter.hz / kForksPerSecond);
    const int64_t now = options_.counter.now();
    std::erase_if(open_forks_, [&](const auto& fork) { return now - fork.second > patience; });
    for (const auto& [pid, time] : open_forks_) until = std::min(until, time - 1);
    return until;
}

int64_t Collector::collect_locked(bool all) {
    const int64_t now = options_.counter.now();
    const auto waiting = sink_.waiting_since();
    stalled_ = waiting.has_value();
    if (waiting) return *waiting;
    if (ended_) return now;
    int64_t until = now;
    int64_t read_until = now;
    bool has_more = false;
    do {
        until = std::min({file_events_.read(now), user_events_.read(now),
                          perf_events_.read(now, outlook_.get())});
        has_more = until < now;
        traced_.set_under_way(reader_.count() + perf_events_.count_pending() +
                              file_events_.count_rest() + user_events_.count_rest());
        perf_events_.give_back();
        file_events_.give_back();
        user_events_.give_back();
        until = std::min(
            until, reader_.read(now, outlook_.get(), [this](uint8_t source) { took(source); }));
        has_more = has_more || reader_.has_more();
        // Last: whoever read the counter before `now` has written its record by now.
        if (switch_watch_) switch_watch_->read();
        take_looks();
        read_until = until;
        if (!all) until = before_open_forks(until);
        const auto stopped = reader_.for_each(until, [this, &until](const RawEvent& event) {
            if (!sink_.has_room(event.cpu)) return false;
            if (const auto full = hand_out(event.time)) {
                until = *full;
                return false;
            }
            if (event.source == kLimitedSource) {
                (*limited_->dispatch)(event);
            } else if (handed_.empty() || !is_of_perf(event)) {
                (*dispatch_)(event);
            }
            traced_.done_with_one();
            return true;
        });
        if (const uint64_t damaged = reader_.take_damaged(); damaged != 0) sink_.add_lost(damaged);
        if (stopped) until = std::min(until, *stopped);  // others of this time may go before it
        const auto full = stopped ? stopped : hand_out(until);
        if (full) {
            stalled_ = true;
            until = std::min(until, *full);
            break;
        }
        // Held back: more pages would only be kept.
        if (!open_forks_.empty() && !all) break;
    } while (has_more);
    // A successor would read their events, and tell them without what was found.
    const auto apart = int64_t(options_.counter.hz / kApartPerSecond);
    traced_.add_under_way(net_events_.count_found_since(read_until - apart));
    if (std::chrono::steady_clock::now() >= lost_read_at_ + kLostEvery) count_lost();
    return until;
}

// What does not come from tracefs, in the order of time. Returns the time of the record that the
// sink had no room for.
std::optional<int64_t> Collector::hand_out(int64_t until) {
    PendingRecords* const pending[] = {&file_events_.pending(), &user_events_.pending()};
    while (true) {
        PendingRecords* first = pending[0];
        for (PendingRecords* other : pending) {
            if (other->next_time() < first->next_time()) first = other;
        }
        const int64_t perf = perf_events_.next_time();
        const int64_t time = first->next_time();
        const int64_t accept = net_events_.next_accept();
        const int64_t others = std::min({perf, time, accept});
        const int64_t switches = next_switch();
        if (std::min(others, switches) > until) break;
        std::optional<int64_t> full;
        if (switches <= others) {
            full = hand_out_switches(std::min(until, others));
        } else if (perf == others) {
            full = perf_events_.hand_out(std::min({until, time, accept, switches}), *dispatch_);
        } else if (accept == others) {
            full = hand_out_accept();
        } else {
            full = first->hand_out(traced_, time);
        }
        if (full) return full;
    }
    for (PendingRecords* each : pending) {
        if (const auto full = each->hand_out(traced_, until)) return full;
    }
    net_events_.handed_out(until);
    return std::nullopt;
}

std::optional<int64_t> Collector::hand_out_accept() {
    const Caller& acceptor = net_events_.next_acceptor();
    traced_.begin({acceptor.ids, acceptor.stack, {}});
    const auto full = net_events_.hand_out_accept();
    traced_.clear();
    return full;
}

// After the pages, so that nothing in them is without the look at it.
void Collector::take_looks() {
    if (exit_watch_) {
        look_through<ExitRecord>(*exit_watch_, [this](const ExitRecord& exit, const auto&) {
            task_events_.found_exit(exit.process, exit_status(exit.status));
        });
    }
    const auto found = [this](const auto& what, const ProbeRecord& record) {
        net_events_.found(what, record);
    };
    if (accept_watch_) look_through<Acceptance>(*accept_watch_, found);
    if (datagram_watch_) look_through<Datagram>(*datagram_watch_, found);
    if (splice_watch_) {
        look_through<Splice>(splice_watch_->probe(), found);
        const uint64_t lost = splice_watch_->probe().take_lost();
        if (lost != 0) sink_.add_lost(lost);
    }
    if (exec_watch_ == nullptr) return;
    for (Process& look : exec_watch_->take()) execs_.found(std::move(look));
}

void Collector::count_lost() {
    lost_read_at_ = std::chrono::steady_clock::now();
    uint64_t(&told)[2] = options_.progress->told_lost;
    count_lost_of(instance_, told[0]);
    if (limited_) count_lost_of(limited_->instance, told[kLimitedSource]);
    if (const uint64_t lost = perf_events_.take_lost(); lost != 0) sink_.add_lost(lost);
    if (switch_watch_) switch_watch_->rings().tell_lost(sink_);
    note_switches();
}

void Collector::count_lost_of(const Instance& instance, uint64_t& told) {
    uint64_t lost = 0;
    for (uint32_t cpu = 0; cpu < options_.cpus; ++cpu) lost += instance.lost(cpu);
    if (lost > told) {
        sink_.add_lost(lost - told);
        kernel::set(told, lost);
    }
}

void Collector::run() {
    while (!stopping_) {
        std::vector<pollfd> fds{{wake_.get(), POLLIN, 0}};
        bool stalled = false;
        {
            const std::lock_guard lock(mutex_);
            stalled = stalled_;
            fds.push_back({processors_.fd(), POLLIN, 0});
            for (const int fd : reader_.fds()) fds.push_back({fd, POLLIN, 0});
            for (const int fd : perf_events_.fds()) fds.push_back({fd, POLLIN, 0});
            for (const int fd : file_events_.fds()) fds.push_back({fd, POLLIN, 0});
            for (const int fd : user_events_.fds()) fds.push_back({fd, POLLIN, 0});
            if (switch_watch_) {
                for (const int fd : switch_watch_->fds()) fds.push_back({fd, POLLIN, 0});
            }
            for (const auto* watch : {&exit_watch_, &accept_watch_, &datagram_watch_}) {
                if (!*watch) continue;
                for (const int fd : (*watch)->fds()) fds.push_back({fd, POLLIN, 0});
            }
            if (splice_watch_) {
                for (const int fd : splice_watch_->probe().fds()) fds.push_back({fd, POLLIN, 0});
            }
        }
        // Pages that cannot be taken would keep the pipes ready.
        const size_t count = stalled ? 1 : fds.size();
        const int n = ::poll(fds.data(), count, stalled ? int(kStalled.count()) : -1);
        if (stopping_) return;
        if (n < 0 && errno != EINTR) return;
        eventfd_t woken = 0;
        ::eventfd_read(wake_.get(), &woken);
        collect(false);
    }
}

}  // namespace etw::kernel
