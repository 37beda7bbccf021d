// Records one session's kernel events: a tracefs instance of its own, the tracepoints that the
// session's flags need, and the converters to the kernel classes.
#pragma once
#include "kernel/events/disk_events.h"
#include "kernel/events/file_events.h"
#include "kernel/events/interrupt_events.h"
#include "kernel/events/net_events.h"
#include "kernel/events/probe_events.h"
#include "kernel/events/task_events.h"
#include "kernel/events/user_events.h"
#include "kernel/perf/perf_events.h"
#include "kernel/perf/processors.h"
#include "kernel/programs/datagram_watch.h"
#include "kernel/programs/exec_watch.h"
#include "kernel/programs/exit_watch.h"
#include "kernel/programs/switch_program.h"
#include "kernel/tracefs/trace_reader.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>

namespace etw::kernel {

class Collector {
public:
    struct Options {
        uint64_t session = 0;  // a number that no other session has
        uint32_t flags = 0;    // KernelFlag, of kSupportedKernelFlags
        Tracing tracing;       // of sources that check_source() knows
        std::vector<ProbeProvider> providers;
        TracedProcesses traced;  // of others than these, nothing is told by the flags
        uint32_t cpus = 1;       // that may ever run
        size_t longest_record = RecordBuilder::kMaxSize;  // that the sink takes; no less
        CounterSource counter;
        // These outlive the collector.
        Holder* holder = nullptr;
        Progress* progress = nullptr;
    };

    // Begins to record; what runs already is told first. In an instance that is there, because the
    // host of the session was killed, it goes on instead, without losing what is in it. `sink`
    // outlives the collector and is written to under a lock of the collector's alone. Fails with
    // kAccessDenied without the rights and kNotSupported where the kernel lacks what is asked for.
    static Result<std::unique_ptr<Collector>> start(const Options& options, LastingSink& sink);
    // Stops recording as a kill would: the instance stays for a successor.
    ~Collector();

    // Hands everything that happened before the call to the sink. Returns the time (counter) up to
    // which nothing is missing: that of the call, or less where the sink has no room. Unless `all`
    // is asked for, what follows a fork waits a moment for the program that the process may turn
    // to: its Start tells it. By any thread.
    int64_t collect(bool all);
    // Others from now on.
    Status set(uint32_t flags, const Tracing& tracing);
    // Other providers. On failure those that can be had are recorded all the same.
    Status set_providers(const std::vector<ProbeProvider>& providers);
    // Calls it while nothing is handed to the sink.
    template <class F>
    void while_idle(F f) {
        const std::lock_guard lock(mutex_);
        f();
    }
    // Tells of all that runs, once more, and what files are called.
    void rundown();
    // Tells it to another sink, as at the end of a log.
    void tell_end_to(RecordSink& sink);
    // Records no more; what still runs is told last, then the instance is removed. False: the sink
    // has no room for it all; to be called again when it has. With `at_once`, what has no room is
    // counted as lost.
    bool end(bool at_once);

private:
    static constexpr uint8_t kLimitedSource = 1;
    static Result<std::unique_ptr<Collector>> start_in(const Instance& instance,
                                                       const std::string& tracefs,
                                                       const Options& options, LastingSink& sink);
    Collector(const Options& options, LastingSink& sink, Instance instance, TraceReader reader,
              const std::string& tracefs);
    Status set_up();
    Result<Format> load(const std::string& system, const std::string& name) const;
    Status bind(uint32_t flags, const Tracing& tracing);
    Status define_probes();
    Status open_limited();
    Status bind_limited();
    void end_limited();
    Dispatch::LoadFormat format_loader() const;
    bool is_busy() const;
    Status set_buffers(const Instance& instance) const;
    Dispatch::MakeHandler expect_exec();
    void define_file_fault_probe();
    void set_watches(const Tracing& tracing);
    void watch_execs();
    void meet_processors();
    std::optional<int64_t> hand_out_accept();
    void adopt_switch_watch();
    void set_switch_watch();
    void drop_switch_watch();
    void tell_rest_of_switches();
    void hand_over_switches(uint32_t flags, const Tracing& tracing);
    void hand_over_points(const Tracing& tracing);
    bool is_of_perf(const RawEvent& event) const noexcept;
    Status enable_points(std::vector<Tracepoint> wanted);
    void end_hand_over(bool is_done);
    static const Tracepoint& switch_point();
    void begin();
    void scan_tasks();
    void scan_images();
    void scan_sockets();
    void tell(uint32_t flags, bool at_end, int64_t time);
    void tell_tracing(bool at_end, int64_t time);
    void tell_interval(bool at_end, int64_t time);
    void tell_counters(int64_t time);
    int64_t collect_locked(bool all);
    std::optional<int64_t> hand_out(int64_t until);
    std::optional<int64_t> hand_out_switches(int64_t until);
    int64_t next_switch() const noexcept;
    int64_t before_open_forks(int64_t until);
    void take_looks();
    void count_lost();
    void count_lost_of(const Instance& instance, uint64_t& told);
    void took(uint8_t source);
    void count_what_is_gone();
    uint64_t count_handed_over_to_nobody(const Instance& instance, uint8_t source);
    uint64_t count_switches_since() const;
    void note_switches();
    void stop_thread();
    void run();

    Options options_;
    LastingSink& sink_;
    Instance instance_;
    TraceReader reader_;
    std::string tracefs_;
    ProbeGroup uprobes_;
    ProbeGroup kprobes_;
    std::unique_ptr<ExecWatch> exec_watch_;
    ProcessorWatch processors_;

    std::mutex mutex_;  // guards what follows
    Tasks tasks_;
    Execs execs_;
    std::unordered_map<uint32_t, int64_t> open_forks_;  // time by process: no exec was read yet
    TracedSink traced_;
    Context context_;
    TaskEvents task_events_;
    DiskEvents disk_events_;
    NetEvents net_events_;
    InterruptEvents interrupt_events_;
    FileNames file_names_;
    ImageEvents image_events_;
    PerfEvents perf_events_;
    FileEvents file_events_;
    UserEvents user_events_;
    // Without them, what processes end with, whom datagrams go to, who accepts connections and what
    // splice() reads from them is not told.
    std::optional<BpfProbe> exit_watch_;
    std::optional<BpfProbe> accept_watch_;
    std::optional<BpfProbe> datagram_watch_;
    std::optional<SpliceWatch> splice_watch_;
    std::optional<SwitchWatch> switch_watch_;  // without it, tracefs tells switches
    std::optional<SwitchWatch> next_watch_;    // is about to take over from perf
    std::unique_ptr<Dispatch> dispatch_;
    std::vector<Tracepoint> enabled_;  // of what it wants, in the instance
    // Whose events perf tells from these times on, by CPU, or before them.
    struct Handed {
        Tracepoint point;
        uint16_t id;
        bool to_perf;
        std::vector<int64_t> times;
    };
    std::vector<Handed> handed_;
    std::unique_ptr<Dispatch> outlook_;  // of pages that were just read; null: nothing to look for
    ProbeEvents probe_events_;
    // Of the providers that only some processes are to be recorded of: the kernel picks these for
    // an instance as a whole.
    struct Limited {
        Instance instance;
        std::unique_ptr<Dispatch> dispatch;
        std::vector<uint32_t> pids;
    };
    std::optional<Limited> limited_;
    std::chrono::steady_clock::time_point lost_read_at_{};
    bool stalled_ = false;  // the sink had no room
    bool ended_ = false;

    UniqueFd wake_;  // eventfd
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace etw::kernel
