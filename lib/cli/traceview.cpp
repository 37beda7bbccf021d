#include "cli/traceview.h"

#include "base/letter_case.h"
#include "base/path.h"
#include "cli/interrupt.h"
#include "cli/provider_list.h"
#include "cli/tracelog_display.h"
#include "etw/kernel_flags.h"
#include "session/boot_rules.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace etw::cli {
namespace {

using session::Failure;
using session::Outcome;
using session::ProviderEnable;
using session::SessionStatus;

constexpr uint32_t kFileModes = kModeSequential | kModeCircular | kModeNewFile | kModeAppend |
                                kModePreallocate | kModeUseKilobytes;

// What a session is that is stopped and started again: as it was, but for what was asked.
session::Properties restarted(const SessionStatus& running, const TracelogOptions& asked) {
    const session::Properties& a = asked.properties;
    session::Properties p = running.properties;
    p.name = a.name;
    p.guid = Guid();
    if ((a.log_file_mode & kFileModes) != 0) {
        p.log_file_mode &= ~kFileModes;
        p.maximum_file_size = a.maximum_file_size;
    }
    p.log_file_mode |= a.log_file_mode;
    if (asked.update.log_file) p.log_file = a.log_file;
    if (a.buffer_size_kb != 0) p.buffer_size_kb = a.buffer_size_kb;
    if (a.minimum_buffers != 0) p.minimum_buffers = a.minimum_buffers;
    if (a.maximum_buffers != 0) p.maximum_buffers = a.maximum_buffers;
    if (a.flush_timer_s != 0) p.flush_timer_s = a.flush_timer_s;
    if (a.enable_flags != 0) p.enable_flags = a.enable_flags;
    return p;
}

std::string log_of(const session::Properties& p) {
    return p.log_file.empty() ? "no log file" : fmt::format("log file {}", p.log_file);
}

class Start {
public:
    Start(const TraceviewOptions& options, session::Backend& backend, const Ask& ask)
        : options_(options), asked_(options.control), backend_(backend), ask_(ask) {}

    TraceviewReport run() {
        if (session::is_global_logger(asked_.session)) {
            if (asked_.session == session::kGlobalLoggerName) return start(asked_);
            return failed({Code::kInvalidParameter,
                           "the session that the boot starts is spelled GlobalLogger here, and no "
                           "other session can have its name"});
        }
        // Without a provider it is a session of kernel events.
        if (asked_.provider_sources.empty()) return start(kernel_logger());
        const auto running = enabling_sessions();
        // What cannot be resolved or listed is refused by the start itself.
        if (!running || running->empty()) return start(asked_);
        return join(*running);
    }

private:
    TracelogOptions kernel_logger() const {
        TracelogOptions out = asked_;
        out.session = out.properties.name = out.update.name = session::kKernelLoggerName;
        out.properties.enable_flags |= kDefaultKernelFlags;
        return out;
    }

    // The running sessions that have one of the providers enabled.
    Outcome<std::vector<SessionStatus>> enabling_sessions() {
        session::Properties checked = asked_.properties;
        ETW_CHECK(session::check(checked, backend_.system()));
        ETW_TRY(const ProviderList wanted,
                resolve_providers(asked_.provider_sources, asked_.provider_defaults));
        ETW_TRY(std::vector<SessionStatus> sessions, backend_.list());
        const auto enables = [&](const SessionStatus& status) {
            return std::any_of(status.providers.begin(), status.providers.end(),
                               [&](const ProviderEnable& p) { return wants(wanted, p.guid); });
        };
        std::erase_if(sessions, [&](const SessionStatus& status) { return !enables(status); });
        // The one that has the asked name is the one that is meant.
        const auto same =
            std::find_if(sessions.begin(), sessions.end(), [&](const SessionStatus& status) {
                return same_name(status.properties.name, asked_.session);
            });
        if (same != sessions.end()) return std::vector<SessionStatus>{*same};
        return sessions;
    }

    static bool wants(const ProviderList& wanted, const Guid& guid) {
        return std::any_of(wanted.providers.begin(), wanted.providers.end(),
                           [&](const ProviderEnable& p) { return p.guid == guid; });
    }

    TraceviewReport join(const std::vector<SessionStatus>& running) {
        if (running.size() > 1) {
            std::string names;
            for (const SessionStatus& status : running)
                names += fmt::format("{}'{}'", names.empty() ? "" : ", ", status.properties.name);
            return failed({Code::kBusy,
                           fmt::format("more than one running session has its providers enabled: "
                                       "{}; start with the name of the one to join",
                                       names)});
        }
        switch (answer(running.front())) {
            case Join::kYes:
                return restart(running.front());
            case Join::kNo:
                return joined(running.front());
            case Join::kCancel:
                return failed({Code::kCancelled, "cancelled; nothing was started"});
            case Join::kAsk:
                break;
        }
        return failed(
            {Code::kBusy, fmt::format("its provider is still enabled by the running session '{}'; "
                                      "answer -join yes (stop it and start with its providers and "
                                      "properties), -join no (join it without stopping it) or "
                                      "-join cancel",
                                      running.front().properties.name)});
    }

    // kAsk: there is nobody to ask.
    Join answer(const SessionStatus& running) {
        if (options_.join != Join::kAsk || !ask_ || asked_.json) return options_.join;
        const session::Properties& p = running.properties;
        const bool rewritten =
            !asked_.update.log_file && !p.log_file.empty() && (p.log_file_mode & kModeAppend) == 0;
        std::string question = fmt::format(
            "A provider of '{0}' is still enabled by the running session '{1}' ({2}).\n"
            "  Yes     stop '{1}' and start '{0}' with the same providers and properties{3}\n"
            "  No      join '{1}' without stopping it; its properties are kept\n"
            "  Cancel  start nothing\n"
            "Stop and restart it (Yes, No or Cancel)? ",
            asked_.session, p.name, log_of(p), rewritten ? "; its log is begun anew" : "");
        for (;;) {
            const auto line = ask_(question);
            if (!line) return Join::kCancel;
            const std::string word = to_lower(*line);
            if (word == "y" || word == "yes") return Join::kYes;
            if (word == "n" || word == "no") return Join::kNo;
            if (word == "c" || word == "cancel") return Join::kCancel;
            question = "Yes, No or Cancel? ";
        }
    }

    TraceviewReport restart(const SessionStatus& running) {
        const std::string& name = running.properties.name;
        TracelogOptions options = asked_;
        options.properties = restarted(running, asked_);
        options.more_providers = running.providers;
        if (const auto possible = check_restart(running, options.properties); !possible)
            return failed(possible.error());
        const auto final = backend_.stop(name);
        if (!final && final.error().code != Code::kSessionNotFound) return failed(final.error());
        if (final) {
            options.notes.push_back(
                fmt::format("stopped '{}'; events lost: {}", name, final->events_lost));
        }
        TraceviewReport out = start(options);
        if (out.report.exit_status != kExitDone)
            out.report.notes.push_back(fmt::format("'{}' was stopped to be restarted", name));
        return out;
    }

    // What a start would be refused for after the old session is gone.
    Outcome<Ok> check_restart(const SessionStatus& running, const session::Properties& next) {
        ETW_CHECK(session::check(next, backend_.system()));
        std::filesystem::path path;
        if (!next.log_file.empty()) {
            path = to_absolute(to_path(next.log_file)).lexically_normal();
            std::error_code unknown;
            if (!std::filesystem::is_directory(path.parent_path(), unknown)) {
                return Failure{Code::kPathNotFound,
                               fmt::format("there is no folder '{}'; make it, or name another",
                                           to_text(path.parent_path()))};
            }
        }
        ETW_TRY(const auto sessions, backend_.list());
        for (const SessionStatus& other : sessions) {
            const session::Properties& p = other.properties;
            if (p.name == running.properties.name) continue;
            if (same_name(p.name, next.name))
                return Failure{Code::kAlreadyExists, "a session of that name runs"};
            if (!p.log_file.empty() && to_path(p.log_file) == path) {
                return Failure{Code::kBadPathname,
                               fmt::format("'{}' belongs to '{}'", p.log_file, p.name)};
            }
        }
        return Ok{};
    }

    TraceviewReport joined(const SessionStatus& running) {
        const std::string& name = running.properties.name;
        TraceviewReport out;
        out.report.output = asked_.json ? to_json(running)
                                        : "Logger Joined...\n" + operation_status(Code::kOk) +
                                              "\n" + properties_block(running) + "\n" +
                                              provider_table(running.providers);
        out.report.notes = asked_.notes;
        out.report.notes.push_back(fmt::format(
            "joined '{0}', which keeps its properties; -update {0} changes them, and who started "
            "it stops it",
            name));
        if (options_.display) out.shown_session = name;
        out.joined = true;
        return out;
    }

    TraceviewReport start(const TracelogOptions& options) {
        // From here on a signal ends what is shown: whatever is started is stopped.
        if (options_.display) Interrupts::heed_for_good();
        TraceviewReport out{run_tracelog(options, backend_), "", false};
        if (options_.display && out.report.exit_status == kExitDone)
            out.shown_session = asked_.session;
        return out;
    }

    TraceviewReport failed(const Failure& failure) {
        TracelogOptions refused = asked_;
        refused.refusal = failure;
        return {run_tracelog(refused, backend_), "", false};
    }

    const TraceviewOptions& options_;
    const TracelogOptions& asked_;
    session::Backend& backend_;
    const Ask& ask_;
};

}  // namespace

TraceviewReport run_traceview(const TraceviewOptions& options, session::Backend& backend,
                              const Ask& ask) {
    if (options.control.action == TracelogAction::kStart) return Start(options, backend, ask).run();
    return {run_tracelog(options.control, backend, ask), "", false};
}

}  // namespace etw::cli
