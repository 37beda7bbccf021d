#include "cli/tracelog.h"

#include "cli/provider_list.h"
#include "cli/tracelog_display.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

namespace etw::cli {
namespace {

using session::EnableRequest;
using session::EnableResult;
using session::Failure;
using session::Outcome;
using session::ProviderEnable;
using session::SessionStatus;

// The log file is the caller's: its folder is the caller's too, not the host's.
std::string absolute_path(const std::string& path) {
    return std::filesystem::absolute(path).lexically_normal();
}

bool is_buffered(const SessionStatus& status) {
    return (status.properties.log_file_mode & kModeBuffering) != 0;
}

constexpr char kMaxIgnored[] = "-max has no effect: a buffered session has the buffers of -min";
constexpr char kTimerIgnored[] = "-ft has no effect: a buffered session writes no file by itself";

class Command {
public:
    Command(const TracelogOptions& options, session::Backend& backend)
        : options_(options), backend_(backend) {
        report_.notes = options.notes;
    }

    TracelogReport run() {
        switch (options_.action) {
            case TracelogAction::kStart:
                start();
                break;
            case TracelogAction::kStop:
                stop();
                break;
            case TracelogAction::kQuery:
                show(backend_.query(options_.session));
                break;
            case TracelogAction::kFlush:
                flush();
                break;
            case TracelogAction::kUpdate:
                update();
                break;
            case TracelogAction::kEnable:
                enable();
                break;
            case TracelogAction::kDisable:
                disable();
                break;
            case TracelogAction::kList:
                list();
                break;
            case TracelogAction::kEnumGuid:
                enum_guid();
                break;
            case TracelogAction::kHelp:
                ETW_ASSERT(false);
                break;
        }
        return std::move(report_);
    }

private:
    void start() {
        session::StartRequest request;
        request.properties = options_.properties;
        if (session::same_name(options_.session, session::kKernelLoggerName) &&
            !options_.provider_sources.empty()) {
            note("System Logger does not accept application guids");
        }
        const auto providers = checked_start(request);
        if (!providers) return could_not_start(providers.error());
        // Only -enable waits; a start with -timeout is a start and an enable.
        const bool waits = options_.timeout_ms != 0 && !providers->empty();
        if (!waits) request.providers = *providers;
        auto result = backend_.start(request);
        if (!result) return could_not_start(result.error());
        if (waits) {
            const SessionStatus started = result->status;
            result = backend_.enable({options_.session, *providers, options_.timeout_ms});
            if (!result) return not_enabled(result.error(), &started);
        }
        if (!options_.json) print("Logger Started...\n");
        show_enabled(*providers, *result);
        note_absent(*providers);
        if (is_buffered(result->status)) {
            if (options_.properties.maximum_buffers != 0) note(kMaxIgnored);
            if (options_.properties.flush_timer_s != 0) note(kTimerIgnored);
        }
    }

    // Everything that can be refused before a file is made for it.
    Outcome<std::vector<ProviderEnable>> checked_start(session::StartRequest& request) {
        session::Properties& p = request.properties;
        if (!p.log_file.empty()) p.log_file = absolute_path(p.log_file);
        ETW_CHECK(session::check(p));
        return providers();
    }

    void could_not_start(const Failure& failure) {
        if (!options_.json) print(fmt::format("Could not start logger: {}\n", options_.session));
        failed(failure);
    }

    void stop() {
        const auto status = backend_.stop(options_.session);
        show(status);
        if (!status) return;
        const uint64_t lost_buffers =
            uint64_t(status->log_buffers_lost) + status->real_time_buffers_lost;
        if (status->events_lost != 0 || lost_buffers != 0) {
            report_.exit_status = kExitLoss;
            note(fmt::format(
                "'{}' lost {} events and {} buffers; more or larger buffers (-max, -b), "
                "a faster or emptier disk, or fewer events (-level, -matchanykw) help",
                options_.session, status->events_lost, lost_buffers));
        } else if (status->events_seen_bytes == 0) {
            note(why_nothing(*status));
        }
        if (is_buffered(*status) && status->events_seen_bytes != 0) {
            note(
                fmt::format("what the buffers of '{0}' held is gone; tracelog -flush {0} -f FILE "
                            "before -stop saves it",
                            options_.session));
        }
    }

    // A log without events: what was seen, and what to try.
    std::string why_nothing(const SessionStatus& status) {
        const std::string start = fmt::format("'{}' recorded no event: ", options_.session);
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

    void flush() {
        session::FlushRequest request{options_.session, options_.update.log_file};
        if (request.snapshot_file) request.snapshot_file = absolute_path(*request.snapshot_file);
        const auto status = backend_.flush(request);
        show(status);
        if (!status) return;
        const bool buffered = is_buffered(*status);
        if (!buffered && request.snapshot_file) {
            note("-f has no effect: the session is not a buffered one");
        } else if (buffered && !request.snapshot_file) {
            note(
                fmt::format("'{0}' is a buffered session: nothing is written without a file; "
                            "tracelog -flush {0} -f FILE saves what its buffers hold",
                            options_.session));
        }
    }

    void update() {
        session::UpdateRequest request = options_.update;
        if (request.log_file) request.log_file = absolute_path(*request.log_file);
        const auto status = backend_.update(request);
        show(status);
        if (!status || !is_buffered(*status)) return;
        if (request.maximum_buffers) note(kMaxIgnored);
        if (request.flush_timer_s) note(kTimerIgnored);
    }

    void enable() {
        const auto asked = providers();
        if (!asked) return failed(asked.error());
        const auto result = backend_.enable({options_.session, *asked, options_.timeout_ms});
        if (!result) return not_enabled(result.error(), nullptr);
        show_enabled(*asked, *result);
        note_absent(*asked);
    }

    // `started`: the session runs all the same.
    void not_enabled(const Failure& failure, const SessionStatus* started) {
        if (!options_.json && failure.code == Code::kSessionNotFound && !started)
            print("ERROR: Logger not started\n");
        failed(failure);
        if (started) note(fmt::format("'{}' runs, without its providers", options_.session));
    }

    void disable() {
        const auto asked = providers();
        if (!asked) return failed(asked.error());
        const auto result = backend_.disable({options_.session, *asked, 0});
        if (!result) return failed(result.error());
        note_failed(*asked, *result, "disabled");
        print(options_.json ? to_json(*asked, *result) : block(result->status));
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
        if (providers->empty())
            note(
                "no provider is registered with the session host; it starts with the first -start");
    }

    Outcome<std::vector<ProviderEnable>> providers() {
        ETW_TRY(ProviderList list,
                resolve_providers(options_.provider_sources, options_.provider_defaults));
        for (const std::string& line : list.notes) note(line);
        return std::move(list.providers);
    }

    void show_enabled(const std::vector<ProviderEnable>& asked, const EnableResult& result) {
        note_failed(asked, result, "enabled");
        if (options_.json) return print(to_json(asked, result));
        print(enable_lines(asked, result) + block(result.status));
    }

    void note_failed(const std::vector<ProviderEnable>& asked, const EnableResult& result,
                     const char* what) {
        for (size_t i = 0; i < asked.size() && i < result.codes.size(); ++i) {
            const Code code = result.codes[i];
            if (code == Code::kOk) continue;
            report_.exit_status = kExitFailed;
            note(fmt::format("{}: not {}: {} [{}]", to_string(asked[i].guid), what, code_text(code),
                             uint32_t(code)));
        }
    }

    std::vector<Guid> absent_providers(const std::vector<ProviderEnable>& asked) {
        std::vector<Guid> out;
        const auto registered = backend_.registered_providers();
        if (!registered) return out;
        for (const ProviderEnable& provider : asked) {
            const bool there = std::any_of(registered->begin(), registered->end(),
                                           [&](const auto& r) { return r.guid == provider.guid; });
            if (!there) out.push_back(provider.guid);
        }
        return out;
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
            print(to_json(options_.session, failure));
        } else {
            print(operation_status(failure.code));
            if (!options_.session.empty()) print("\n" + failed_block(options_.session));
        }
        const std::string subject =
            options_.session.empty() ? "" : fmt::format("'{}': ", options_.session);
        note(fmt::format("{}{} [{}]", subject,
                         failure.detail.empty() ? explanation(failure.code) : failure.detail,
                         uint32_t(failure.code)));
    }

    // For a code that came without words.
    std::string explanation(Code code) const {
        if (code != Code::kSessionNotFound) return code_text(code);
        if (session::same_name(options_.session, session::kKernelLoggerName))
            return "no session of that name runs; give the session's name after the action";
        return "no session of that name runs; tracelog -l lists those that do";
    }

    void print(const std::string& text) { report_.output += text; }
    void note(const std::string& text) { report_.notes.push_back(text); }

    const TracelogOptions& options_;
    session::Backend& backend_;
    TracelogReport report_;
};

}  // namespace

TracelogReport run_tracelog(const TracelogOptions& options, session::Backend& backend) {
    return Command(options, backend).run();
}

int print_report(const char* tool, const TracelogReport& report) {
    const bool written = std::fwrite(report.output.data(), 1, report.output.size(), stdout) ==
                             report.output.size() &&
                         std::fflush(stdout) == 0;
    for (const std::string& note : report.notes) fmt::print(stderr, "{}: {}\n", tool, note);
    return written ? report.exit_status : kExitFailed;
}

}  // namespace etw::cli
