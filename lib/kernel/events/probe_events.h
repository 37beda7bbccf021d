// Events of what already runs, for providers that need no program of ours: the kernel's tracepoints
// (Linux.<system>) and the probes of programs (usdt:<path>:<provider>).
#pragma once
#include "etw/guid.h"
#include "kernel/dispatch.h"
#include "kernel/events/self_describing.h"
#include "kernel/tracefs/probe_group.h"
#include "kernel/tracepoint_provider.h"

#include <string>
#include <unordered_map>
#include <vector>

namespace etw::kernel {

// A provider as a session has it enabled.
struct ProbeProvider {
    Guid guid;
    std::string name;   // of a USDT provider; empty: the guid says which subsystem it is
    uint8_t level = 0;  // 0: every event
    uint64_t match_any_keyword = 0;
    uint64_t match_all_keyword = 0;
    bool by_process = false;             // only of `pids`, which may be empty
    std::vector<uint32_t> pids;          // processes that were named, as far as they still run
    std::vector<std::string> exe_names;  // base names of executables; empty: of all

    friend bool operator==(const ProbeProvider&, const ProbeProvider&) = default;
};

class ProbeEvents {
public:
    explicit ProbeEvents(Context& context) : context_(context) {}

    // Which tracepoints and probes the providers need. kGuidNotFound: no such provider; the codes
    // of reading a program's probes. The others are planned all the same.
    Status plan(const std::vector<ProbeProvider>& providers, const std::string& group);
    const std::vector<Probe>& uprobes() const noexcept { return uprobes_; }
    // Of all that are planned: those of every process, or those of some. The uprobes are there.
    void bind(Dispatch& dispatch, bool by_process) const;
    // Processes that any provider is limited to.
    std::vector<uint32_t> pids() const;

private:
    struct Wanted {
        size_t provider = 0;  // of providers_
        std::string system;
        std::string tracepoint;
        std::vector<SelfDescribing::Name> names;  // of a uprobe: of each of its places
    };
    Status plan_usdt(size_t provider, const std::string& name, const std::string& group);
    SelfDescribing::Name name_of(size_t provider, const TracepointEvent& event) const;
    bool admits(const ProbeProvider& provider, uint32_t process) const;
    uint32_t process_of(const RawEvent& event) const;

    Context& context_;
    std::vector<ProbeProvider> providers_;
    std::vector<Wanted> wanted_;
    std::vector<Probe> uprobes_;
    // By CPU: the thread last seen there and its process. A thread is known up to its exit, but
    // runs a little longer.
    mutable std::vector<RecordIds> last_;
};

// What a USDT provider has: its probes by name, as describe_tracepoints() has them.
Result<std::vector<TracepointEvent>> usdt_events(const std::string& name);

}  // namespace etw::kernel
