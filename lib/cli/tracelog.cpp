#include "cli/tracelog.h"

#include "base/letter_case.h"
#include "cli/cli.h"
#include "cli/kernel_options.h"
#include "cli/kernel_tracing_options.h"
#include "cli/tracelog_boot.h"
#include "cli/tracelog_display.h"
#include "session/boot_rules.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <cstdio>

namespace etw::cli {
namespace {

using session::Failure;
using session::Outcome;
using session::ProviderEnable;
using session::SessionStatus;

bool is_buffered(const SessionStatus& status) {
    return (status.properties.log_file_mode & kModeBuffering) != 0;
}

class Command : BootCommands {
public:
    Command(const TracelogOptions& options, session::Backend& backend, const Ask& ask)
        : BootCommands(options, backend), ask_(ask) {}

    TracelogReport run() {
        if (options_.refusal) {
            refused();
        } else {
            act();
        }
        return std::move(report_);
    }

private:
    void act() {
        switch (options_.action) {
            case TracelogAction::kStart:
                return start();
            case TracelogAction::kStop:
                return stop();
            case TracelogAction::kQuery:
                return show(query());
            case TracelogAction::kFlush:
                return flush();
            case TracelogAction::kRecover:
                return recover();
            case TracelogAction::kUpdate:
                return update();
            case TracelogAction::kIncrementFile:
                return show(backend_.increment_file(session_));
            case TracelogAction::kSystemRundown:
                return show(backend_.system_rundown(session_));
            case TracelogAction::kKernelGroups:
                return print(kernel_group_help(backend_.system()));
            case TracelogAction::kStackEvents:
                return print(stack_event_help(backend_.system()));
            case TracelogAction::kProfileSources:
                return list_profile_sources();
            case TracelogAction::kEnable:
                return enable();
            case TracelogAction::kDisable:
                return disable();
            case TracelogAction::kCaptureState:
                return capture_state();
            case TracelogAction::kList:
                return list();
            case TracelogAction::kStopAll:
                return stop_all();
            case TracelogAction::kEnumGuid:
                return enum_guid();
            case TracelogAction::kEnumGuidEx:
                return enum_guid_ex();
            case TracelogAction::kAddAutoLogger:
                return configure_boot();
            case TracelogAction::kRemove:
                return remove_boot();
            case TracelogAction::kHelp:
            case TracelogAction::kDoctor:
            case TracelogAction::kRefused:
                break;
        }
        ETW_ASSERT(false);  // the caller shows help and findings; a refusal never gets here
    }

    void start() {
        if (session::is_global_logger(session_)) return configure_boot();
        session::StartRequest request;
        request.properties = options_.properties;
        if (same_name(session_, session::kKernelLoggerName) && !options_.provider_sources.empty()) {
            note("System Logger does not accept application guids");
        }
        const auto providers = checked_start(request);
        if (!providers) return could_not_start(providers.error());
        // Only -enable waits; a start with -timeout is a start and an enable.
        // A private session begins with its providers.
        const bool waits = options_.timeout_ms != 0 && !providers->empty() &&
                           (request.properties.log_file_mode & kModePrivate) == 0;
        if (!waits) request.providers = *providers;
        auto result = backend_.start(request);
        if (!result) return could_not_start(result.error());
        if (waits) {
            const SessionStatus started = result->status;
            result = backend_.enable({session_, *providers, options_.timeout_ms});
            if (!result) return not_enabled(result.error(), &started);
        }
        if (!options_.json) print(kernel_lines() + "Logger Started...\n");
        for (const std::string& text : session::ineffective(options_.properties)) note(text);
        show_enabled(*providers, *result);
        if (providers->empty() && !session::records_kernel(options_.properties)) {
            note(fmt::format("no provider is enabled: '{}' records nothing until -enable names one",
                             session_));
        }
    }

    void list_profile_sources() {
        const auto sources = backend_.profile_sources();
        if (!sources) return failed(sources.error());
        print(profile_source_help(*sources));
    }

    std::string kernel_lines() const {
        std::string out;
        for (const std::string& group : options_.kernel_groups)
            out += fmt::format("Turning On group: {}\n", group);
        return options_.kernel_groups.empty() ? out : out + "Adding GroupMask ExtItem\n";
    }

    // Everything that can be refused before a file is made for it.
    Outcome<std::vector<ProviderEnable>> checked_start(session::StartRequest& request) {
        session::Properties& p = request.properties;
        if (!p.log_file.empty()) p.log_file = absolute_path(p.log_file);
        ETW_CHECK(session::check(p, backend_.system()));
        if ((p.log_file_mode & kModePrivate) != 0 && options_.provider_sources.empty() &&
            options_.more_providers.empty()) {
            return Failure{Code::kInvalidParameter,
                           "a private session needs its provider: give it with -guid"};
        }
        if (same_name(session_, session::kKernelLoggerName)) return std::vector<ProviderEnable>();
        return providers();
    }

    void refused() {
        if (options_.action == TracelogAction::kStart) return could_not_start(*options_.refusal);
        failed(*options_.refusal);
    }

    void could_not_start(const Failure& failure) {
        if (!options_.json) print(fmt::format("Could not start logger: {}\n", session_));
        failed(failure);
    }

    void stop() {
        const auto status = options_.private_session ? control_private(PrivateAction::kStop)
                                                     : backend_.stop(session_);
        show(status);
        if (status) note_end(*status);
    }

    // What a session's end tells.
    void note_end(const SessionStatus& status) {
        const uint64_t lost_buffers =
            uint64_t(status.log_buffers_lost) + status.real_time_buffers_lost;
        if (status.events_lost != 0 || lost_buffers != 0) {
            report_.exit_status = kExitLoss;
            note(fmt::format(
                "'{}' lost {} events and {} buffers; more or larger buffers (-max, -b), "
                "a faster or emptier disk, or fewer events (-level, -matchanykw) help",
                session_, status.events_lost, lost_buffers));
        } else if (status.events_seen_bytes == 0) {
            note(why_nothing(status));
        }
        if (is_buffered(status) && status.events_seen_bytes != 0) {
            note(
                fmt::format("what the buffers of '{0}' held is gone; tracelog -flush {0} -f FILE "
                            "before -stop saves it",
                            session_));
        }
    }

    // A log without events: what was seen, and what to try.
    std::string why_nothing(const SessionStatus& status) {
        const std::string start = fmt::format("'{}' recorded no event: ", session_);
        if (session::records_kernel(status.properties)) {
            return start + "nothing happened that its kernel flags are for";
        }
        if (status.providers.empty()) {
            return start +
                   "no provider was enabled; name what to record with -guid, at -start or with "
                   "-enable, and see what there is with -enumguid";
        }
        const auto absent = absent_providers(status.providers);
        if (absent.size() == status.providers.size()) {
            return start +
                   (absent.size() == 1 ? absence_of(absent.front())
                                       : "no running program has registered any of its providers") +
                   "; check the GUID with -enumguid while the program runs";
        }
        return start +
               "its programs wrote nothing that the level and keywords let through; try -level 5 "
               "and no -matchanykw";
    }

    void update() {
        session::UpdateRequest request = options_.update;
        if (const auto may = session::check(request); !may) return failed(may.error());
        if (request.log_file) request.log_file = absolute_path(*request.log_file);
        if (options_.private_session) return update_private(request);
        session::UpdateRequest nothing;
        nothing.name = request.name;
        const auto status = backend_.update(request);
        show(status);
        if (status && request == nothing && options_.notes.empty())
            note(
                "nothing was asked to change; -update takes -f, -rt, -max and -ft, and of kernel "
                "events -eflag, the switches, -stackwalk, -ProfileSource, -SetProfInt and -Pmc");
        if (status && is_buffered(*status))
            note_unbuffered(request.maximum_buffers.has_value(), request.flush_timer_s.has_value());
    }

    // What a buffered session has no use for.
    void note_unbuffered(bool max, bool flush_timer) {
        if (max) note("-max has no effect: a buffered session has the buffers of -min");
        if (flush_timer) note("-ft has no effect: a buffered session writes no file by itself");
    }

    // All that can change are the file and the flush timer.
    void update_private(const session::UpdateRequest& request) {
        if (request.real_time.value_or(false)) {
            return failed(
                {Code::kInvalidParameter, "a private session has no consumers; leave out -rt"});
        }
        if (request.maximum_buffers) note("-max has no effect on a private session");
        show(control_private(PrivateAction::kUpdate, request));
    }

    Outcome<SessionStatus> query() {
        return options_.private_session ? control_private(PrivateAction::kQuery)
                                        : backend_.query(session_);
    }

    using PrivateAction = session::PrivateRequest::Action;
    Outcome<SessionStatus> control_private(PrivateAction action,
                                           const session::UpdateRequest& update = {}) {
        session::PrivateRequest request;
        request.action = action;
        request.name = session_;
        ETW_TRY(const auto named, providers());
        for (const ProviderEnable& provider : named) request.providers.push_back(provider.guid);
        request.log_file = update.log_file;
        request.flush_timer_s = update.flush_timer_s.value_or(0);
        return backend_.control_private(request);
    }

    // What is left of sessions whose host is gone; the word after -recover is a session's name, or
    // the runtime folder of its host if it has a slash.
    void recover() {
        session::RecoverRequest request;
        (session_.find('/') == std::string::npos ? request.name : request.folder) = session_;
        if (!request.folder.empty()) request.folder = absolute_path(request.folder);
        if (options_.snapshot_file) request.file = absolute_path(*options_.snapshot_file);
        const auto logs = backend_.recover(request);
        if (!logs) return failed(logs.error());
        if (logs->empty()) {
            return failed({Code::kSessionNotFound,
                           "no running program holds buffers of a session whose host is gone"});
        }
        if (options_.json) print(to_json(*logs));
        for (const session::RecoveredLog& log : *logs) {
            if (log.code != Code::kOk) {
                report_.exit_status = kExitFailed;
                note(fmt::format("'{}': not saved: {}: {} [{}]", log.session, log.file, log.detail,
                                 uint32_t(log.code)));
            } else if (log.buffers == 0) {
                note(fmt::format("'{}': its buffers hold nothing that is not in its log",
                                 log.session));
            } else if (!options_.json) {
                print(fmt::format("{}: {} buffers of '{}'\n", log.file, log.buffers, log.session));
            }
        }
    }

    void flush() {
        if (options_.private_session) return show(control_private(PrivateAction::kFlush));
        session::FlushRequest request{session_, options_.snapshot_file};
        if (request.snapshot_file) request.snapshot_file = absolute_path(*request.snapshot_file);
        const auto status = backend_.flush(request);
        show(status);
        if (!status) return;
        if (request.snapshot_file && !is_buffered(*status)) {
            note(fmt::format("-f has no effect: '{}' is not a buffered session", session_));
        } else if (!request.snapshot_file && is_buffered(*status)) {
            note(
                fmt::format("'{0}' is a buffered session: nothing is written without a file; "
                            "tracelog -flush {0} -f FILE saves what its buffers hold",
                            session_));
        }
    }

    void stop_all() {
        if (!options_.answer_yes && (!ask_ || options_.json)) {
            return failed({Code::kCancelled,
                           "-x asks before it stops a session, and nobody is there to answer; "
                           "-x -y stops all of them"});
        }
        const auto sessions = backend_.list();
        if (!sessions) return failed(sessions.error());
        std::vector<SessionStatus> stopped;
        for (const SessionStatus& status : *sessions) {
            session_ = status.properties.name;
            const std::optional<bool> yes = options_.answer_yes ? true : ask_to_stop();
            if (!yes) break;
            if (*yes) stop_one(stopped);
        }
        if (sessions->empty()) note("no session runs");
        if (options_.json) print(to_json(stopped));
    }

    // Nothing: there will be no answers any more.
    std::optional<bool> ask_to_stop() {
        for (;;) {
            const std::string question =
                fmt::format("Do you want to stop the \"{}\" session (Y or N)? ", session_);
            const auto line = ask_(std::exchange(report_.output, "") + question);
            if (!line) return std::nullopt;
            const std::string answer = to_lower(*line);
            if (answer == "y" || answer == "yes") return true;
            if (answer == "n" || answer == "no") return false;
        }
    }

    void stop_one(std::vector<SessionStatus>& stopped) {
        const auto status = backend_.stop(session_);
        // It may have ended while the question stood.
        if (!status && status.error().code == Code::kSessionNotFound)
            return note(fmt::format("'{}' has ended meanwhile", session_));
        if (!status) {
            if (!options_.json) return failed(status.error());
            report_.exit_status = kExitFailed;
            return note_failure(status.error());
        }
        note_end(*status);
        stopped.push_back(*status);
        if (options_.json) return;
        print(block(*status) + fmt::format("\nThe \"{}\" session has been stopped\n\n", session_));
    }

    void list() {
        const auto sessions = backend_.list();
        if (!sessions) return failed(sessions.error());
        if (options_.json) return print(to_json(*sessions));
        for (const SessionStatus& status : *sessions) {
            if (&status != &sessions->front()) print("\n");
            print(properties_block(status));
            if (options_.list_providers) print("\n" + provider_table(status.providers));
        }
        if (sessions->empty()) note("no session runs");
    }

    const Ask& ask_;
};

}  // namespace

TracelogReport run_tracelog(const TracelogOptions& options, session::Backend& backend,
                            const Ask& ask) {
    return Command(options, backend, ask).run();
}

void print_notes(const char* tool, const std::vector<std::string>& notes) {
    for (const std::string& note : notes) say(stderr, "{}: {}\n", tool, note);
}

int print_report(const char* tool, const TracelogReport& report) {
    const bool written = std::fwrite(report.output.data(), 1, report.output.size(), stdout) ==
                             report.output.size() &&
                         std::fflush(stdout) == 0;
    print_notes(tool, report.notes);
    return written ? report.exit_status : kExitFailed;
}

}  // namespace etw::cli
