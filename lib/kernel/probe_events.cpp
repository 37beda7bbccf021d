#include "kernel/probe_events.h"

#include "kernel/usdt.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace etw::kernel {
namespace {

bool selects(const ProbeProvider& provider, const TracepointEvent& event) {
    if (provider.level != 0 && event.level > provider.level) return false;
    if (provider.match_any_keyword == 0) return true;
    return (event.keyword & provider.match_any_keyword) != 0 &&
           (event.keyword & provider.match_all_keyword) == provider.match_all_keyword;
}

std::vector<TracepointEvent> describe(const std::vector<UsdtProbe>& probes,
                                      const std::string& provider) {
    std::set<std::string> names;
    for (const UsdtProbe& probe : probes) {
        if (probe.provider == provider) names.insert(probe.name);
    }
    return describe_tracepoints("usdt", {names.begin(), names.end()});
}

// What the kernel's parser of uprobes parts at.
bool is_plain(const std::string& path) { return path.find_first_of(" \t\n") == std::string::npos; }

}  // namespace

Result<std::vector<TracepointEvent>> usdt_events(const std::string& name) {
    ETW_TRY(const UsdtName usdt, parse_usdt_name(name));
    if (!is_plain(usdt.path)) return Error{Code::kInvalidName, "path with a blank", 0};
    ETW_TRY(const auto probes, read_usdt_probes(usdt.path));
    auto events = describe(probes, usdt.provider);
    if (events.empty()) return Error{Code::kGuidNotFound, "the file has no such probes", 0};
    return events;
}

Status ProbeEvents::plan(const std::vector<ProbeProvider>& providers, const std::string& group) {
    providers_ = providers;
    wanted_.clear();
    uprobes_.clear();
    Status status = Ok{};
    for (size_t i = 0; i < providers_.size(); ++i) {
        const ProbeProvider& provider = providers_[i];
        if (provider.by_process && provider.pids.empty()) continue;
        if (!provider.name.empty()) {
            const Status planned = plan_usdt(i, provider.name, group);
            if (!planned) status = planned;
            continue;
        }
        const auto found = find_tracepoint_provider(provider.guid);
        if (!found) {
            status = Error{Code::kGuidNotFound, "kernel provider", 0};
            continue;
        }
        const std::string system = found->name.substr(kTracepointPrefix.size());
        providers_[i].name = found->name;
        for (const TracepointEvent& event : found->events) {
            if (selects(provider, event)) add(i, system, event.name, event);
        }
    }
    return status;
}

Status ProbeEvents::plan_usdt(size_t provider, const std::string& name, const std::string& group) {
    ETW_TRY(const auto events, usdt_events(name));
    ETW_TRY(const UsdtName usdt, parse_usdt_name(name));
    ETW_TRY(const auto probes, read_usdt_probes(usdt.path));
    size_t number = 0;
    for (const UsdtProbe& probe : probes) {
        if (probe.provider != usdt.provider) continue;
        const auto event = std::find_if(events.begin(), events.end(),
                                        [&](const auto& e) { return e.name == probe.name; });
        // One probe may be at several places, each with its arguments somewhere else.
        const std::string id = fmt::format("p{:08x}_{}", providers_[provider].guid.data1, number++);
        if (event == events.end() || !selects(providers_[provider], *event)) continue;
        std::string definition = fmt::format("{}:{:#x}", usdt.path, probe.offset);
        if (probe.semaphore != 0) definition += fmt::format("({:#x})", probe.semaphore);
        const std::string arguments = fetch_arguments(probe.arguments, this_machine());
        if (!arguments.empty()) definition += " " + arguments;
        uprobes_.push_back({id, definition, 'p'});
        add(provider, group, id, *event);
    }
    return Ok{};
}

void ProbeEvents::add(size_t provider, const std::string& system, const std::string& tracepoint,
                      const TracepointEvent& event) {
    wanted_.push_back({provider,
                       system,
                       tracepoint,
                       {providers_[provider].guid, providers_[provider].name, event.name,
                        event.level, event.keyword}});
}

void ProbeEvents::bind(Dispatch& dispatch, bool by_process) const {
    for (const Wanted& wanted : wanted_) {
        const ProbeProvider& provider = providers_[wanted.provider];
        if (provider.by_process != by_process) continue;
        // One that has gone meanwhile, with its module, has no events.
        dispatch.on(wanted.system, wanted.tracepoint, [&](const Format& f) -> Dispatch::Handler {
            std::vector<Member> members = f.members();
            std::erase_if(members, [](const Member& m) { return m.name.starts_with("__probe_"); });
            return [this, provider = provider,
                    text = SelfDescribing(wanted.name, std::move(members))](const RawEvent& e) {
                const uint32_t process = process_of(e);
                if (admits(provider, process)) text.send(e, {e.thread(), process}, context_.sink);
            };
        });
    }
}

bool ProbeEvents::admits(const ProbeProvider& provider, uint32_t process) const {
    if (provider.by_process &&
        std::find(provider.pids.begin(), provider.pids.end(), process) == provider.pids.end()) {
        return false;
    }
    if (provider.exe_names.empty()) return true;
    const Process* known = context_.tasks.find(process);
    return known != nullptr && std::find(provider.exe_names.begin(), provider.exe_names.end(),
                                         known->image) != provider.exe_names.end();
}

uint32_t ProbeEvents::process_of(const RawEvent& event) const {
    const uint32_t thread = event.thread();
    if (last_.size() <= event.cpu) last_.resize(size_t{event.cpu} + 1);
    RecordIds& last = last_[event.cpu];
    if (context_.tasks.find_thread(thread) != nullptr || last.thread != thread) {
        last = {thread, context_.tasks.process_of(thread)};
    }
    return last.process;
}

std::vector<uint32_t> ProbeEvents::pids() const {
    std::set<uint32_t> out;
    for (const ProbeProvider& provider : providers_) {
        if (provider.by_process) out.insert(provider.pids.begin(), provider.pids.end());
    }
    return {out.begin(), out.end()};
}

}  // namespace etw::kernel
