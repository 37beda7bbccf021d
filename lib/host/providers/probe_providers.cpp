#include "host/providers/probe_providers.h"

#include "kernel/images/usdt.h"
#include "kernel/tracefs/tracefs.h"
#include "session/rules.h"
#include "session/traced_rules.h"

#include <algorithm>

namespace etw::host {

using session::ProviderEnable;
using session::RegisteredProvider;

namespace {

using NoEvents = std::vector<kernel::TracepointEvent>;

RegisteredProvider described(const Guid& guid, const std::string& name,
                             const std::vector<kernel::TracepointEvent>& events) {
    RegisteredProvider out;
    out.guid = guid;
    out.name = name;
    for (const kernel::TracepointEvent& e : events) {
        out.events.push_back({e.name, e.level, e.keyword});
    }
    return out;
}

}  // namespace

// The name comes from the controller.
bool is_of_program(const ProviderEnable& how) {
    return kernel::is_usdt_name(how.name) && guid_from_name(how.name) == how.guid;
}

bool is_probe_provider(const ProviderEnable& how) {
    return is_of_program(how) || kernel::find_tracepoint_system(how.guid).has_value();
}

bool may_be_hidden_tracepoints(const ProviderEnable& how) {
    if (!how.name.starts_with(kTracepointPrefix) || guid_from_name(how.name) != how.guid) {
        return false;
    }
    const Status usable = kernel::check_tracefs();
    return !usable && usable.error().code == Code::kAccessDenied;
}

Code check_probes() {
    const Status usable = kernel::check_tracefs();
    return usable ? Code::kOk : usable.error().code;
}

Code look_at_program(const ProviderEnable& how) {
    const auto events = kernel::usdt_events(how.name);
    return events ? Code::kOk : events.error().code;
}

std::vector<kernel::ProbeProvider> probe_providers(const SavedSession& saved) {
    std::vector<kernel::ProbeProvider> out;
    for (const ProviderEnable& how : saved.providers) {
        if (!is_probe_provider(how)) continue;
        kernel::ProbeProvider& p = out.emplace_back();
        p.guid = how.guid;
        if (is_of_program(how)) p.name = how.name;
        p.level = how.level;
        p.match_any_keyword = how.match_any_keyword;
        p.match_all_keyword = how.match_all_keyword;
        p.exe_names = how.exe_names;
        p.by_process = !how.pids.empty();
        for (const Admitted& admitted : saved.admitted) {
            const bool runs = find_process(admitted.process.pid) == admitted.process;
            if (admitted.provider == how.guid && runs) p.pids.push_back(admitted.process.pid);
        }
    }
    return out;
}

bool needs_kernel_source(const SavedSession& saved) {
    return session::records_kernel(saved.properties) ||
           session::traces_processes(saved.properties) || !probe_providers(saved).empty();
}

std::vector<RegisteredProvider> describe_probe_providers(
    const std::vector<ProviderEnable>& providers) {
    std::vector<RegisteredProvider> out;
    for (const ProviderEnable& how : providers) {
        if (is_of_program(how)) {
            const auto events = kernel::usdt_events(how.name);
            out.push_back(described(how.guid, how.name, events ? *events : NoEvents()));
        } else if (const auto found = kernel::find_tracepoint_provider(how.guid)) {
            out.push_back(described(found->guid, found->name, found->events));
        }
    }
    return out;
}

std::vector<RegisteredProvider> list_kernel_providers() {
    std::vector<RegisteredProvider> out;
    for (const auto& provider : kernel::tracepoint_providers()) {
        out.push_back(described(provider.guid, provider.name, provider.events));
    }
    return out;
}

}  // namespace etw::host
