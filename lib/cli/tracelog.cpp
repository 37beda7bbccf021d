#include "cli/tracelog.h"

#include "cli/kernel_options.h"
#include "cli/provider_list.h"
#include "cli/tracelog_display.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

namespace etw::cli {
namespace {

using session::EnableRequest;
using session::EnableResult;
using session::Failure;
using session::Outcome;
using session::ProviderEnable;
using session::SessionStatus;

constexpr char kNoProviders[] =
    "no provider is registered with the session host; it starts with the first -start";

// The log file is the caller's: its folder is the caller's too, not the host's.
std::string absolute_path(const std::string& path) {
    return std::filesystem::absolute(path).lexically_normal();
}

bool is_buffered(const SessionStatus& status) {
    return (status.properties.log_file_mode & kModeBuffering) != 0;
}

std::vector<Guid> absent_from(const std::vector<session::RegisteredProvider>& registered,
                              const std::vector<ProviderEnable>& asked) {
    std::vector<Guid> out;
    for (const ProviderEnable& provider : asked) {
        const bool there = std::any_of(registered.begin(), registered.end(),
                                       [&](const auto& r) { return r.guid == provider.guid; });
        if (!there) out.push_back(provider.guid);
    }
    return out;
}

class Command {
public:
    Command(const TracelogOptions& options, session::Backend& backend, const Ask& ask)
        : options_(options), backend_(backend), ask_(ask), session_(options.session) {
        report_.notes = options.notes;
    }

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
                return print(kernel_group_help());
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
            case TracelogAction::kHelp:
            case TracelogAction::kDoctor:
            case TracelogAction::kRefused:
                break;
        }
        ETW_ASSERT(false);  // the caller shows help and findings; a refusal never gets here
    }

    void start() {
        session::StartRequest request;
        request.properties = options_.properties;
        if (session::same_name(session_, session::kKernelLoggerName) &&
            !options_.provider_sources.empty()) {
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

    std::string kernel_lines() const {
        std::string out;
        for (const std::string& group : options_.kernel_groups)
            out += fmt::format("Turning On group: {}\n", group);
        return options_.kernel_groups.empty() ? out : out + "Adding GroupMask ExtItem\n";
    }

    // What was typed and changes nothing; said once, however many providers it was typed for.
    void note_ineffective(const std::vector<ProviderEnable>& providers) {
        std::set<std::string> said;
        for (const ProviderEnable& provider : providers) {
            for (const std::string& text : session::ineffective(provider)) {
                if (said.insert(text).second) note(text);
            }
        }
    }

    // Everything that can be refused before a file is made for it.
    Outcome<std::vector<ProviderEnable>> checked_start(session::StartRequest& request) {
        session::Properties& p = request.properties;
        if (!p.log_file.empty()) p.log_file = absolute_path(p.log_file);
        ETW_CHECK(session::check(p));
        if ((p.log_file_mode & kModePrivate) != 0 && options_.provider_sources.empty()) {
            return Failure{Code::kInvalidParameter,
                           "a private session needs its provider: give it with -guid"};
        }
        if (session::same_name(session_, session::kKernelLoggerName))
            return std::vector<ProviderEnable>();
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
        const size_t absent = absent_providers(status.providers).size();
        if (absent == status.providers.size()) {
            return start + fmt::format(
                               "no running program has registered {}; check the GUID with "
                               "-enumguid while the program runs",
                               absent == 1 ? to_string(status.providers.front().guid)
                                           : "any of its providers");
        }
        return start +
               "its programs wrote nothing that the level and keywords let through; try -level 5 "
               "and no -matchanykw";
    }

    void update() {
        session::UpdateRequest request = options_.update;
        if (request.log_file) request.log_file = absolute_path(*request.log_file);
        if (options_.private_session) return update_private(request);
        session::UpdateRequest nothing;
        nothing.name = request.name;
        const auto status = backend_.update(request);
        show(status);
        if (status && request == nothing && options_.notes.empty())
            note(
                "nothing was asked to change; -update takes -f, -rt, -max and -ft, and of kernel "
                "events -eflag and the switches");
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

    void enable() {
        const auto asked = providers();
        if (!asked) return failed(asked.error());
        const auto result = backend_.enable({session_, *asked, options_.timeout_ms});
        if (!result) return not_enabled(result.error(), nullptr);
        show_enabled(*asked, *result);
    }

    // `started`: the session runs all the same.
    void not_enabled(const Failure& failure, const SessionStatus* started) {
        if (!options_.json && failure.code == Code::kSessionNotFound && !started)
            print("ERROR: Logger not started\n");
        failed(failure);
        if (started) note(fmt::format("'{}' runs, without its providers", session_));
    }

    void disable() {
        const auto asked = providers();
        if (!asked) return failed(asked.error());
        const auto result = backend_.disable({session_, *asked, 0});
        if (!result) return failed(result.error());
        note_failed(*asked, *result, "disabled");
        print(options_.json ? to_json(*asked, *result) : block(result->status));
    }

    // Without -guid all providers of the session are asked.
    void capture_state() {
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
        note_failed(*asked, *result, "captured");
        if (asked->empty())
            note(fmt::format("'{}' has no providers; there is no state to capture", session_));
        if (options_.json) return print(to_json(*asked, *result));
        print(capture_lines(*asked, *result) + block(result->status));
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

    void enum_guid() {
        const auto providers = backend_.registered_providers();
        if (!providers) return failed(providers.error());
        print(options_.json ? to_json(*providers) : registered_table(*providers));
        if (providers->empty()) note(kNoProviders);
    }

    void enum_guid_ex() {
        const auto wanted = providers();
        if (!wanted) return failed(wanted.error());
        auto found = backend_.registered_providers();
        if (!found) return failed(found.error());
        if (!wanted->empty()) {
            for (const Guid& guid : absent_from(*found, *wanted)) {
                report_.exit_status = kExitFailed;
                note(fmt::format("{}: no running program has registered it [{}]", to_string(guid),
                                 uint32_t(Code::kGuidNotFound)));
            }
            std::erase_if(*found, [&](const auto& provider) {
                return std::none_of(wanted->begin(), wanted->end(),
                                    [&](const auto& w) { return w.guid == provider.guid; });
            });
        }
        print(options_.json ? to_json(*found) : provider_details(*found));
        if (found->empty() && wanted->empty()) note(kNoProviders);
    }

    Outcome<std::vector<ProviderEnable>> providers() {
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

    void show_enabled(const std::vector<ProviderEnable>& asked, const EnableResult& result) {
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

    void note_failed(const std::vector<ProviderEnable>& asked, const EnableResult& result,
                     const char* what) {
        for (size_t i = 0; i < asked.size() && i < result.codes.size(); ++i) {
            const Code code = result.codes[i];
            if (code == Code::kOk) continue;
            report_.exit_status = kExitFailed;
            note(fmt::format("{}: not {}: {} [{}]", to_string(asked[i].guid), what, why_not(code),
                             uint32_t(code)));
        }
    }

    // Why a provider was left out, by its code.
    static const char* why_not(Code code) {
        switch (code) {
            case Code::kNoSystemResources:
                return "eight sessions have it enabled; -disable it in one, or stop one";
            case Code::kTimeout:
                return "a program did not answer in the time of -timeout; it may still follow";
            case Code::kGuidNotFound:
                return "the session does not have it enabled; -enable it first";
            default:
                return code_text(code);
        }
    }

    std::vector<Guid> absent_providers(const std::vector<ProviderEnable>& asked) {
        const auto registered = backend_.registered_providers();
        return registered ? absent_from(*registered, asked) : std::vector<Guid>();
    }

    void note_absent(const std::vector<ProviderEnable>& asked) {
        for (const Guid& guid : absent_providers(asked)) {
            note(fmt::format("no running program has registered {}; it records as soon as one does",
                             to_string(guid)));
        }
    }

    std::string block(const SessionStatus& status) const {
        std::string out = operation_status(Code::kOk) + "\n" + properties_block(status);
        if (options_.list_providers) out += "\n" + provider_table(status.providers);
        return out;
    }

    void show(const Outcome<SessionStatus>& status) {
        if (!status) return failed(status.error());
        print(options_.json ? to_json(*status) : block(*status));
    }

    void failed(const Failure& failure) {
        report_.exit_status = kExitFailed;
        if (options_.json) {
            print(to_json(session_, failure));
        } else {
            print(operation_status(failure.code));
            if (!session_.empty()) print("\n" + failed_block(session_));
        }
        note_failure(failure);
    }

    void note_failure(const Failure& failure) {
        const std::string subject = session_.empty() ? "" : fmt::format("'{}': ", session_);
        note(fmt::format("{}{} [{}]", subject,
                         failure.detail.empty() ? explanation(failure.code) : failure.detail,
                         uint32_t(failure.code)));
    }

    // For a code that came without words.
    std::string explanation(Code code) const {
        if (code != Code::kSessionNotFound) return code_text(code);
        if (session::same_name(session_, session::kKernelLoggerName))
            return "NT Kernel Logger does not run; give a session's name after the action";
        return "no session of that name runs; tracelog -l lists those that do";
    }

    void print(const std::string& text) { report_.output += text; }
    void note(const std::string& text) { report_.notes.push_back(text); }

    const TracelogOptions& options_;
    session::Backend& backend_;
    const Ask& ask_;
    std::string session_;  // the one that is spoken of; -x speaks of several
    TracelogReport report_;
};

}  // namespace

TracelogReport run_tracelog(const TracelogOptions& options, session::Backend& backend,
                            const Ask& ask) {
    return Command(options, backend, ask).run();
}

void print_notes(const char* tool, const std::vector<std::string>& notes) {
    for (const std::string& note : notes) fmt::print(stderr, "{}: {}\n", tool, note);
}

int print_report(const char* tool, const TracelogReport& report) {
    const bool written = std::fwrite(report.output.data(), 1, report.output.size(), stdout) ==
                             report.output.size() &&
                         std::fflush(stdout) == 0;
    print_notes(tool, report.notes);
    return written ? report.exit_status : kExitFailed;
}

}  // namespace etw::cli
