#include "kernel/events/probe_events.h"

#include "kernel/images/usdt.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

namespace etw::kernel {
namespace {

constexpr char kPlace[] = "place";  // the field that says which of an event's places it was

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

// Places that share an event.
struct Shared {
    std::vector<std::string> places;
    std::vector<SelfDescribing::Name> names;
};

// "arg1=%di:u64 arg2=-8(%bp):s32" to "arg1:u64 arg2:s32".
std::string types_of(const std::string& arguments) {
    std::string out;
    std::istringstream in(arguments);
    for (std::string each; in >> each;) {
        out += each.substr(0, each.find('=')) + each.substr(each.rfind(':')) + ' ';
    }
    return out;
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
            if (!selects(provider, event)) continue;
            wanted_.push_back({i, system, event.name, {name_of(i, event)}});
        }
    }
    return status;
}

Status ProbeEvents::plan_usdt(size_t provider, const std::string& name, const std::string& group) {
    ETW_TRY(const auto events, usdt_events(name));
    ETW_TRY(const UsdtName usdt, parse_usdt_name(name));
    ETW_TRY(const auto probes, read_usdt_probes(usdt.path));
    // An event for all places with arguments alike, and so few of them. Which place it was is a
    // constant that the kernel fetches with the others.
    std::map<std::string, Shared> shared;
    for (const UsdtProbe& probe : probes) {
        if (probe.provider != usdt.provider) continue;
        const auto event = std::find_if(events.begin(), events.end(),
                                        [&](const auto& e) { return e.name == probe.name; });
        if (event == events.end() || !selects(providers_[provider], *event)) continue;
        const std::string arguments = fetch_arguments(probe.arguments, this_machine());
        Shared& out = shared[types_of(arguments)];
        std::string place = fmt::format("{}:{:#x}", usdt.path, probe.offset);
        if (probe.semaphore != 0) place += fmt::format("({:#x})", probe.semaphore);
        place += fmt::format(" {}=\\{}:u16", kPlace, out.places.size());
        if (!arguments.empty()) place += " " + arguments;
        out.places.push_back(place);
        out.names.push_back(name_of(provider, *event));
    }
    for (auto& [types, probe] : shared) {
        // Other places, another name: one that is there is never added to.
        const Guid mark = guid_from_name(fmt::format("{}", fmt::join(probe.places, "\n")));
        const std::string id =
            fmt::format("p{:08x}_{:08x}", providers_[provider].guid.data1, mark.data1);
        wanted_.push_back({provider, group, id, std::move(probe.names)});
        uprobes_.push_back({id, std::move(probe.places)});
    }
    return Ok{};
}

SelfDescribing::Name ProbeEvents::name_of(size_t provider, const TracepointEvent& event) const {
    return {providers_[provider].guid, providers_[provider].name, event.name, event.level,
            event.keyword};
}

void ProbeEvents::bind(Dispatch& dispatch, bool by_process) const {
    for (const Wanted& wanted : wanted_) {
        const ProbeProvider& provider = providers_[wanted.provider];
        if (provider.by_process != by_process) continue;
        // One that has gone meanwhile, with its module, has no events.
        dispatch.on(wanted.system, wanted.tracepoint, [&](const Format& f) -> Dispatch::Handler {
            const bool is_uprobe = is_our_group(wanted.system);
            std::vector<Member> members = f.members();
            if (is_uprobe) {
                std::erase_if(members, [](const Member& m) {
                    return m.name == kPlace || m.name.starts_with("__probe_");
                });
            }
            std::vector<SelfDescribing> texts;
            for (const auto& name : wanted.names) texts.emplace_back(name, members);
            return [this, provider = provider, texts = std::move(texts),
                    place = is_uprobe ? f.field(kPlace) : Field{}](const RawEvent& e) {
                const uint64_t number = e.number(place);
                const uint32_t process = process_of(e);
                if (number >= texts.size() || !admits(provider, process)) return;
                texts[number].send(e, {e.thread(), process}, context_.sink);
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
