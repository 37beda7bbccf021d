#include "cli/tracelog_providers.h"

#include "cli/provider_list.h"
#include "cli/tracelog_display.h"
#include "etw/traced_processes.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace etw::cli {

using session::EnableResult;
using session::Failure;
using session::Outcome;
using session::ProviderEnable;
using session::SessionStatus;

namespace {

constexpr std::string_view kCaptured = "captured";
constexpr char kNoProviders[] =
    "no provider is registered: the programs that have one register it with the session host, "
    "which starts with the first -start";

std::vector<ProviderEnable> absent_from(const std::vector<session::RegisteredProvider>& registered,
                                        const std::vector<ProviderEnable>& asked) {
    std::vector<ProviderEnable> out;
    for (const ProviderEnable& provider : asked) {
        const bool there = std::any_of(registered.begin(), registered.end(),
                                       [&](const auto& r) { return r.guid == provider.guid; });
        if (!there) out.push_back(provider);
    }
    return out;
}

// Why a provider was left out, by its code.
std::string why_not(Code code, bool captures) {
    switch (code) {
        case Code::kNoSystemResources:
            return "eight sessions have it enabled; -disable it in one, or stop one";
        case Code::kTimeout:
            return "a program did not answer in the time of -timeout; it may still follow";
        case Code::kAccessDenied:
            return "tracepoints and probes of programs are for root: run the command, and with it "
                   "the session host, as root";
        case Code::kGuidNotFound:
            return captures ? "the session does not have it enabled; -enable it first"
                            : "the file has no probes of this provider; readelf -n shows them";
        default:
            return status_text(code);
    }
}

}  // namespace

void ProviderCommands::enable() {
    const auto asked = providers();
    if (!asked) return failed(asked.error());
    const auto result = backend_.enable({session_, *asked, options_.timeout_ms});
    if (!result) return not_enabled(result.error(), nullptr);
    show_enabled(*asked, *result);
}

void ProviderCommands::not_enabled(const Failure& failure, const SessionStatus* started) {
    if (!options_.json && failure.code == Code::kSessionNotFound && !started)
        print("ERROR: Logger not started\n");
    failed(failure);
    if (started) note(fmt::format("'{}' runs, without its providers", session_));
}

void ProviderCommands::disable() {
    const auto asked = providers();
    if (!asked) return failed(asked.error());
    const auto result = backend_.disable({session_, *asked, 0});
    if (!result) return failed(result.error());
    note_failed(*asked, *result, "disabled");
    print(options_.json ? to_json(*asked, *result) : block(result->status));
}

void ProviderCommands::capture_state() {
    auto asked = providers();
    if (!asked) return failed(asked.error());
    if (options_.provider_sources.empty()) {
        const auto status = backend_.query(session_);
        if (!status) return failed(status.error());
        for (const ProviderEnable& enabled : status->providers) {
            asked->push_back(options_.provider_defaults);
            asked->back().guid = enabled.guid;
        }
    }
    const auto result = backend_.capture_state({session_, *asked, options_.timeout_ms});
    if (!result) return failed(result.error());
    note_failed(*asked, *result, kCaptured);
    if (asked->empty())
        note(fmt::format("'{}' has no providers; there is no state to capture", session_));
    if (options_.json) return print(to_json(*asked, *result));
    print(capture_lines(*asked, *result) + block(result->status));
}

void ProviderCommands::enum_guid() {
    const auto providers = backend_.registered_providers();
    if (!providers) return failed(providers.error());
    print(options_.json ? to_json(*providers) : registered_table(*providers));
    if (providers->empty()) note(kNoProviders);
    note_refused();
}

void ProviderCommands::enum_guid_ex() {
    const auto wanted = providers();
    if (!wanted) return failed(wanted.error());
    auto found = backend_.registered_providers();
    if (!found) return failed(found.error());
    add_kernel_providers(*found);
    if (!wanted->empty()) {
        for (const ProviderEnable& absent : absent_from(*found, *wanted)) {
            report_.exit_status = kExitFailed;
            note(fmt::format("{} [{}]", absence_of(absent), uint32_t(Code::kGuidNotFound)));
        }
        std::erase_if(*found, [&](const auto& provider) {
            return std::none_of(wanted->begin(), wanted->end(),
                                [&](const auto& w) { return w.guid == provider.guid; });
        });
    }
    if (wanted->empty()) {
        for (auto& provider : *found) provider.events.clear();  // thousands, of the kernel's
    }
    print(options_.json ? to_json(*found) : provider_details(*found));
    if (found->empty() && wanted->empty()) note(kNoProviders);
    note_refused();
}

// A session that has one enabled has told of it already.
void ProviderCommands::add_kernel_providers(std::vector<session::RegisteredProvider>& all) {
    auto more = backend_.kernel_providers();
    if (!more) return;
    for (session::RegisteredProvider& provider : *more) {
        const auto same = [&](const auto& known) { return known.guid == provider.guid; };
        if (std::none_of(all.begin(), all.end(), same)) all.push_back(std::move(provider));
    }
}

Outcome<std::vector<ProviderEnable>> ProviderCommands::providers() {
    ETW_TRY(ProviderList list,
            resolve_providers(options_.provider_sources, options_.provider_defaults));
    for (const std::string& line : list.notes) note(line);
    for (const ProviderEnable& more : options_.more_providers) {
        const auto same = [&](const ProviderEnable& p) { return p.guid == more.guid; };
        if (std::none_of(list.providers.begin(), list.providers.end(), same))
            list.providers.push_back(more);
    }
    for (const ProviderEnable& provider : list.providers) ETW_CHECK(session::check(provider));
    return std::move(list.providers);
}

void ProviderCommands::show_enabled(const std::vector<ProviderEnable>& asked,
                                    const EnableResult& result) {
    note_failed(asked, result, "enabled");
    std::vector<ProviderEnable> taken;
    for (size_t i = 0; i < asked.size(); ++i) {
        if (i >= result.codes.size() || result.codes[i] == Code::kOk) taken.push_back(asked[i]);
    }
    note_ineffective(taken);
    note_absent(taken);
    if (options_.json) return print(to_json(asked, result));
    print(enable_lines(asked, result) + block(result.status));
}

void ProviderCommands::note_failed(const std::vector<ProviderEnable>& asked,
                                   const EnableResult& result, std::string_view what) {
    for (size_t i = 0; i < asked.size() && i < result.codes.size(); ++i) {
        const Code code = result.codes[i];
        if (code == Code::kOk) continue;
        report_.exit_status = kExitFailed;
        note(fmt::format("{}: not {}: {} [{}]", to_string(asked[i].guid), what,
                         why_not(code, what == kCaptured), uint32_t(code)));
    }
}

void ProviderCommands::note_ineffective(const std::vector<ProviderEnable>& providers) {
    std::set<std::string> said;
    for (const ProviderEnable& provider : providers) {
        for (const std::string& text : session::ineffective(provider, backend_.system())) {
            if (said.insert(text).second) note(text);
        }
    }
}

std::vector<ProviderEnable> ProviderCommands::absent_providers(
    const std::vector<ProviderEnable>& asked) {
    const auto registered = backend_.registered_providers();
    if (!registered) return {};
    auto absent = absent_from(*registered, asked);
    if (absent.empty()) return absent;
    // What is recorded from outside needs no program's word.
    std::erase_if(absent, [](const ProviderEnable& how) {
        return how.guid == session::kHeapGuid || how.guid == session::kCritSecGuid;
    });
    // Of the others a session that is gone tells no more.
    const auto kernel = backend_.kernel_providers();
    std::erase_if(absent, [&](const ProviderEnable& how) {
        const auto is_it = [&](const auto& provider) { return provider.guid == how.guid; };
        return how.name.starts_with(kUsdtPrefix) ||
               (kernel && std::any_of(kernel->begin(), kernel->end(), is_it));
    });
    return absent;
}

std::string ProviderCommands::absence_of(const ProviderEnable& provider) {
    if (provider.name.starts_with(kTracepointPrefix)) {
        const auto kernel = backend_.kernel_providers();
        if (kernel && !kernel->empty()) {
            return fmt::format(
                "{}: the kernel has no such tracepoints (-enumguidex lists what there is), and no "
                "running program has registered it",
                provider.name);
        }
    }
    return fmt::format("no running program has registered {}", to_string(provider.guid));
}

void ProviderCommands::note_absent(const std::vector<ProviderEnable>& asked) {
    const auto absent = absent_providers(asked);
    if (!absent.empty()) note_refused();
    for (const ProviderEnable& provider : absent) {
        note(absence_of(provider) + "; it records as soon as one does");
    }
}

void ProviderCommands::note_refused() {
    const auto refused = backend_.refused_programs();
    if (!refused) return;
    for (const session::RefusedProgram& program : *refused) {
        note(
            fmt::format("process {} ({}) takes no part: its provider library speaks version {} "
                        "with session hosts, this one version {}; build it with this version's",
                        program.pid, program.executable, program.version, program.host_version));
    }
}

}  // namespace etw::cli
