#include "backend_windows/backend.h"

#include "backend_windows/boot_registry.h"
#include "backend_windows/enable_parameters.h"
#include "backend_windows/kernel_tracing.h"
#include "backend_windows/providers.h"
#include "backend_windows/text.h"
#include "etw/kernel_flags.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <algorithm>

namespace etw::backend_windows {

using session::BootConfiguration;
using session::EnableRequest;
using session::EnableResult;
using session::Failure;
using session::FlushRequest;
using session::Outcome;
using session::PrivateRequest;
using session::ProviderEnable;
using session::RegisteredProvider;
using session::SessionStatus;
using session::StartRequest;
using session::UpdateRequest;

namespace {

constexpr ULONG kCaptureState = 2;                // EVENT_CONTROL_CODE_*
constexpr ULONG kFilterTraceHandle = 0x80000002;  // EVENT_FILTER_TYPE_TRACEHANDLE
constexpr ULONG kIncrementFile = 4;               // EVENT_TRACE_CONTROL_*
constexpr size_t kMaxListed = 4096;               // sessions; the system allows 256 at most

Failure missing(const char* function) {
    return {Code::kNotSupported, fmt::format("this system has no event tracing ({})", function)};
}

// What only a host of ours can keep.
std::optional<Failure> refuse_foreign(const session::Properties& properties) {
    if (properties.owner_pid != 0) {
        return Failure{Code::kNotSupported,
                       "-owner-pid: sessions of Windows outlive their owners; stop it by a script"};
    }
    if (properties.ttl_s != 0) {
        return Failure{Code::kNotSupported,
                       "-ttl: sessions of Windows have no lifetime; stop it by a script"};
    }
    return std::nullopt;
}

Outcome<Ok> refuse_probes(const std::vector<ProviderEnable>& providers) {
    for (const ProviderEnable& provider : providers) {
        if (!provider.name.starts_with(kUsdtPrefix)) continue;
        return Failure{Code::kNotSupported,
                       provider.name + ": Windows has no events of probes in programs"};
    }
    return Ok{};
}

}  // namespace

Failure failure_of(ULONG code, const char* function, const std::string& session) {
    switch (Code(code)) {
        case Code::kAccessDenied:
            return {Code(code),
                    "that takes an elevated prompt, or membership in the group "
                    "Performance Log Users"};
        case Code::kSessionNotFound:
            return {Code(code), fmt::format("no session '{}' is running", session)};
        case Code::kAlreadyExists:
            return {Code(code), fmt::format("a session '{}', or one of its GUID, is running "
                                            "already",
                                            session)};
        default:
            return {Code(code), fmt::format("{} failed", function)};
    }
}

Outcome<SessionStatus> Backend::control(const std::string& name, ULONG code,
                                        PropertiesBuffer& buffer) {
    if (api_.control_trace == nullptr) return missing("ControlTrace");
    const ULONG error = api_.control_trace(0, to_wide(name).c_str(), &buffer.get(), code);
    if (error != ERROR_SUCCESS) return failure_of(error, "ControlTrace", name);
    SessionStatus status = status_of(buffer);
    if (status.properties.name.empty()) status.properties.name = name;
    return status;
}

Outcome<SessionStatus> Backend::control(const std::string& name, ULONG code) {
    PropertiesBuffer buffer;
    return control(name, code, buffer);
}

Outcome<EnableResult> Backend::start(const StartRequest& request) {
    const session::Properties& properties = request.properties;
    if (const auto refused = refuse_foreign(properties)) return *refused;
    ETW_CHECK(refuse_probes(request.providers));
    if (api_.start_trace == nullptr) return missing("StartTrace");
    PropertiesBuffer buffer = properties_for_start(properties);
    const bool is_private = (properties.log_file_mode & kModePrivate) != 0;
    // A private session is found by its provider: that and the filters that choose processes say
    // where it runs.
    std::optional<EnableParameters> scope;
    if (is_private && !request.providers.empty()) {
        ProviderEnable first = request.providers.front();
        buffer.get().Wnode.Guid = to_system(first.guid);
        first.event_ids.reset();
        first.stack_walk_ids.reset();
        auto& filters = scope.emplace(first).filters();
        if (!filters.empty()) {
            EVENT_TRACE_PROPERTIES_V2& p = buffer.version2();
            p.FilterDescCount = ULONG(filters.size());
            p.FilterDesc = filters.data();
        }
    }
    TRACEHANDLE session = 0;
    const ULONG error = api_.start_trace(&session, to_wide(properties.name).c_str(), &buffer.get());
    if (error != ERROR_SUCCESS) return failure_of(error, "StartTrace", properties.name);
    if (const auto set = begin_kernel_tracing(api_, session, properties.kernel); !set) {
        static_cast<void>(stop(properties.name));  // nothing is left behind
        return set.error();
    }
    EnableResult result;
    for (const ProviderEnable& provider : request.providers) {
        result.codes.push_back(
            enable_one(session, EVENT_CONTROL_CODE_ENABLE_PROVIDER, provider, 0));
    }
    result.status = status_of(buffer);
    result.status.properties.name = properties.name;
    result.status.logger_id = uint16_t(session);
    if (is_private) return result;
    // StartTrace fills in what it chose; counts and the thread come with a question.
    if (auto status = query(properties.name)) result.status = *std::move(status);
    return result;
}

Outcome<SessionStatus> Backend::stop(const std::string& name) {
    return control(name, EVENT_TRACE_CONTROL_STOP);
}

Outcome<SessionStatus> Backend::query(const std::string& name) {
    ETW_TRY(SessionStatus status, control(name, EVENT_TRACE_CONTROL_QUERY));
    // Who may not look at the providers is shown the session without them.
    if (auto enabled = enabled_providers(api_)) {
        status.providers = std::move((*enabled)[status.logger_id]);
    }
    return status;
}

Outcome<std::vector<SessionStatus>> Backend::list() {
    if (api_.query_all_traces == nullptr) return missing("QueryAllTraces");
    // The function refuses more room than the system has sessions at most, a number that it does
    // not tell: 64, or up to 256. So the room is looked for between what was too little and too
    // much.
    size_t too_little = 0, too_much = kMaxListed + 1;
    for (size_t room = session::kMaxSessions;;) {
        std::vector<PropertiesBuffer> buffers(room);
        std::vector<EVENT_TRACE_PROPERTIES*> pointers;
        for (PropertiesBuffer& buffer : buffers) pointers.push_back(&buffer.get());
        ULONG count = 0;
        const ULONG error = api_.query_all_traces(pointers.data(), ULONG(room), &count);
        if (error == ERROR_MORE_DATA) too_little = room;
        if (error == ERROR_INVALID_PARAMETER && too_little != 0) too_much = room;
        const bool other_room = too_little == room || too_much == room;
        if (other_room && too_much - too_little > 1) {
            const size_t wanted = std::max<size_t>(count, 2 * room);
            room = wanted < too_much ? wanted : too_little + (too_much - too_little) / 2;
            continue;
        }
        if (error != ERROR_SUCCESS) return failure_of(error, "QueryAllTraces", {});
        std::vector<SessionStatus> all;
        for (size_t i = 0; i < count && i < room; ++i) all.push_back(status_of(buffers[i]));
        if (auto enabled = enabled_providers(api_)) {
            for (SessionStatus& status : all) {
                status.providers = std::move((*enabled)[status.logger_id]);
            }
        }
        return all;
    }
}

Outcome<SessionStatus> Backend::update(const UpdateRequest& request) {
    // The call replaces all that can be changed: what is not to change must be said again.
    PropertiesBuffer buffer;
    ETW_TRY(const SessionStatus now, control(request.name, EVENT_TRACE_CONTROL_QUERY, buffer));
    EVENT_TRACE_PROPERTIES& p = buffer.get();
    // Of the mode, real-time delivery can be changed, and is all that the member is to say.
    const bool delivers = (p.LogFileMode & EVENT_TRACE_REAL_TIME_MODE) != 0;
    p.LogFileMode = request.real_time.value_or(delivers) ? EVENT_TRACE_REAL_TIME_MODE : 0;
    if (request.maximum_buffers) p.MaximumBuffers = *request.maximum_buffers;
    // Zero leaves the timer as it is, which is what it says here too.
    p.FlushTimer = request.flush_timer_s.value_or(0);
    if (request.enable_flags) p.EnableFlags = *request.enable_flags;
    // The name of the file that is being written is an error.
    if (request.log_file && *request.log_file != now.properties.log_file) {
        buffer.set_log_file(*request.log_file);
    } else {
        buffer.set_no_log_file();
    }
    const TRACEHANDLE session = p.Wnode.HistoricalContext;
    ETW_CHECK(control(request.name, EVENT_TRACE_CONTROL_UPDATE, buffer));
    if (request.kernel) ETW_CHECK(change_kernel_tracing(api_, session, *request.kernel));
    return query(request.name);
}

Outcome<SessionStatus> Backend::flush(const FlushRequest& request) {
    PropertiesBuffer buffer;
    if (request.snapshot_file) {
        ETW_TRY(const SessionStatus now, query(request.name));
        // Other sessions take a name here for a mistake; the rule is that they ignore it.
        if ((now.properties.log_file_mode & kModeBuffering) != 0) {
            buffer.set_log_file(*request.snapshot_file);
        }
    }
    return control(request.name, EVENT_TRACE_CONTROL_FLUSH, buffer);
}

Outcome<SessionStatus> Backend::control_private(const PrivateRequest& request) {
    PropertiesBuffer buffer;
    EVENT_TRACE_PROPERTIES& p = buffer.get();
    p.LogFileMode = EVENT_TRACE_PRIVATE_LOGGER_MODE;
    if (!request.providers.empty()) p.Wnode.Guid = to_system(request.providers.front());
    switch (request.action) {
        case PrivateRequest::Action::kQuery:
            return control(request.name, EVENT_TRACE_CONTROL_QUERY, buffer);
        case PrivateRequest::Action::kFlush:
            return control(request.name, EVENT_TRACE_CONTROL_FLUSH, buffer);
        case PrivateRequest::Action::kStop:
            return control(request.name, EVENT_TRACE_CONTROL_STOP, buffer);
        case PrivateRequest::Action::kUpdate:
            break;
    }
    p.FlushTimer = request.flush_timer_s;
    if (request.log_file) {
        buffer.set_log_file(*request.log_file);
    } else {
        buffer.set_no_log_file();
    }
    return control(request.name, EVENT_TRACE_CONTROL_UPDATE, buffer);
}

Outcome<std::vector<session::RecoveredLog>> Backend::recover(const session::RecoverRequest&) {
    return Failure{Code::kNotSupported,
                   "-recover: sessions of Windows are the kernel's; a debugger saves them from a "
                   "dump (!wmitrace.logsave)"};
}

Outcome<SessionStatus> Backend::increment_file(const std::string& name) {
    return control(name, kIncrementFile);
}

// The kernel's provider is asked to tell its state to the session that the filter names.
Outcome<SessionStatus> Backend::system_rundown(const std::string& name) {
    PropertiesBuffer buffer;
    ETW_CHECK(control(name, EVENT_TRACE_CONTROL_QUERY, buffer));
    if (api_.enable_trace == nullptr) return missing("EnableTraceEx2");
    TRACEHANDLE session = buffer.get().Wnode.HistoricalContext;
    EVENT_FILTER_DESCRIPTOR filter{};
    filter.Ptr = reinterpret_cast<uintptr_t>(&session);
    filter.Size = sizeof(session);
    filter.Type = kFilterTraceHandle;
    ENABLE_TRACE_PARAMETERS parameters{};
    parameters.Version = ENABLE_TRACE_PARAMETERS_VERSION_2;
    parameters.EnableFilterDesc = &filter;
    parameters.FilterDescCount = 1;
    const GUID kernel = to_system(session::kSystemTraceControlGuid);
    const ULONG error = api_.enable_trace(session, &kernel, kCaptureState, 0, 0, 0, 0, &parameters);
    if (error != ERROR_SUCCESS) return failure_of(error, "EnableTraceEx2", name);
    return query(name);
}

Outcome<std::vector<session::ProfileSource>> Backend::profile_sources() {
    return backend_windows::profile_sources(api_);
}

Outcome<EnableResult> Backend::enable(const EnableRequest& request) {
    return for_each(request, EVENT_CONTROL_CODE_ENABLE_PROVIDER);
}

Outcome<EnableResult> Backend::disable(const EnableRequest& request) {
    return for_each(request, EVENT_CONTROL_CODE_DISABLE_PROVIDER);
}

Outcome<EnableResult> Backend::capture_state(const EnableRequest& request) {
    return for_each(request, kCaptureState);
}

Outcome<EnableResult> Backend::for_each(const EnableRequest& request, ULONG code) {
    ETW_CHECK(refuse_probes(request.providers));
    PropertiesBuffer buffer;
    EnableResult result;
    ETW_TRY(result.status, control(request.name, EVENT_TRACE_CONTROL_QUERY, buffer));
    const TRACEHANDLE session = buffer.get().Wnode.HistoricalContext;
    std::vector<ProviderEnable> providers = request.providers;
    if (providers.empty()) {  // all that the session has enabled
        ETW_TRY(auto enabled, enabled_providers(api_));
        providers = std::move(enabled[result.status.logger_id]);
    }
    for (const ProviderEnable& provider : providers) {
        result.codes.push_back(enable_one(session, code, provider, request.timeout_ms));
    }
    if (auto after = query(request.name)) result.status = *std::move(after);
    return result;
}

Code Backend::enable_one(TRACEHANDLE session, ULONG code, const ProviderEnable& enable,
                         uint32_t timeout_ms) {
    if (api_.enable_trace == nullptr) return Code::kNotSupported;
    const GUID guid = to_system(enable.guid);
    EnableParameters parameters(enable);
    return Code(api_.enable_trace(session, &guid, code, enable.level, enable.match_any_keyword,
                                  enable.match_all_keyword, timeout_ms, parameters.get()));
}

Outcome<std::vector<RegisteredProvider>> Backend::registered_providers() {
    return backend_windows::registered_providers(api_);
}

Outcome<BootConfiguration> Backend::configure_boot(const session::BootSession& asked) {
    return backend_windows::configure_boot(api_, asked);
}

Outcome<BootConfiguration> Backend::remove_boot(const std::string& name) {
    return backend_windows::remove_boot(api_, name);
}

}  // namespace etw::backend_windows

namespace etw::session {

std::unique_ptr<Backend> make_backend() {
    return std::make_unique<backend_windows::Backend>(backend_windows::system_api());
}

std::unique_ptr<Backend> make_observer() { return make_backend(); }

}  // namespace etw::session
