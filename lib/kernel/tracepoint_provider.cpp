#include "kernel/tracepoint_provider.h"

#include "kernel/tracefs/probe_group.h"
#include "kernel/tracefs/tracefs.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>

namespace etw::kernel {
namespace {

constexpr uint8_t kInformation = 4;
constexpr uint8_t kVerbose = 5;
constexpr size_t kOwnBits = 47;

constexpr std::array<std::string_view, 27> kBusySystems = {
    "csd",  "exceptions", "filemap",    "ipi",    "irq",        "irq_matrix",   "irq_vectors",
    "kmem", "lock",       "maple_tree", "memcg",  "mmap_lock",  "msr",          "napi",
    "nmi",  "page_pool",  "pagemap",    "percpu", "preemptirq", "raw_syscalls", "rcu",
    "rseq", "skb",        "syscalls",   "timer",  "tlb",        "x86_fpu"};
constexpr std::array<std::string_view, 9> kBusyInSched = {"sched_entry",
                                                          "sched_exit",
                                                          "sched_migrate_task",
                                                          "sched_switch",
                                                          "sched_set_need_resched",
                                                          "sched_wake_idle_without_ipi",
                                                          "sched_wakeup",
                                                          "sched_wakeup_new",
                                                          "sched_waking"};

template <size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_busy(std::string_view system, std::string_view name) {
    if (contains(kBusySystems, system)) return true;
    if (system == "sched") return contains(kBusyInSched, name) || name.starts_with("sched_stat_");
    return (system == "power" && name == "cpu_idle") ||
           (system == "workqueue" && name.starts_with("workqueue_")) ||
           (system == "vmalloc" && name != "purge_vmap_area_lazy");
}

std::vector<std::string> folders_in(const std::string& path) {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator it(path, error), end; !error && it != end;
         it.increment(error)) {
        if (it->is_directory(error)) names.push_back(it->path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
}

// Those of ftrace are no tracepoints: what its other tracers write.
bool is_system(const std::string& name) { return name != "ftrace" && !is_our_group(name); }

TracepointProvider provider_of(const std::string& events, const std::string& system) {
    const std::string name = std::string(kTracepointPrefix) + system;
    return {name, guid_from_name(name),
            describe_tracepoints(system, folders_in(events + "/" + system))};
}

}  // namespace

std::vector<TracepointEvent> describe_tracepoints(std::string_view system,
                                                  std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    std::vector<TracepointEvent> out;
    for (size_t i = 0; i < names.size(); ++i) {
        const uint8_t level = is_busy(system, names[i]) ? kVerbose : kInformation;
        out.push_back({std::move(names[i]), level, uint64_t{1} << std::min(i, kOwnBits)});
    }
    return out;
}

std::vector<TracepointProvider> tracepoint_providers() {
    std::vector<TracepointProvider> out;
    const auto tracefs = tracefs_folder();
    if (!tracefs) return out;
    const std::string events = *tracefs + "/events";
    for (const std::string& system : folders_in(events)) {
        if (is_system(system)) out.push_back(provider_of(events, system));
    }
    return out;
}

std::optional<std::string> find_tracepoint_system(const Guid& guid) {
    // A session may have hundreds of providers. Modules bring subsystems, though not often.
    constexpr std::chrono::seconds kFresh{1};
    static std::mutex mutex;
    static std::map<Guid, std::string> systems;
    static std::chrono::steady_clock::time_point read_at{};
    const std::lock_guard lock(mutex);
    const auto now = std::chrono::steady_clock::now();
    if (systems.empty() || now - read_at > kFresh) {
        systems.clear();
        read_at = now;
        const auto tracefs = tracefs_folder();
        if (!tracefs) return std::nullopt;
        for (std::string& system : folders_in(*tracefs + "/events")) {
            if (!is_system(system)) continue;
            const Guid its = guid_from_name(std::string(kTracepointPrefix) + system);
            systems.emplace(its, std::move(system));
        }
    }
    const auto found = systems.find(guid);
    if (found == systems.end()) return std::nullopt;
    return found->second;
}

std::optional<TracepointProvider> find_tracepoint_provider(const Guid& guid) {
    const auto system = find_tracepoint_system(guid);
    const auto tracefs = tracefs_folder();
    if (!system || !tracefs) return std::nullopt;
    return provider_of(*tracefs + "/events", *system);
}

}  // namespace etw::kernel
