#include "cli/tracelog_display.h"

#include "base/filetime.h"
#include "base/platform.h"
#include "cli/cli.h"
#include "cli/json_writer.h"
#include "cli/kernel_tracing_display.h"
#include "render/clock_text.h"
#include "session/boot_rules.h"
#include "session/kernel_groups.h"
#include "session/rules.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <iterator>
#include <set>

namespace etw::cli {
namespace {

using session::EnableResult;
using session::Failure;
using session::ProviderEnable;
using session::RegisteredProvider;
using session::SessionStatus;

template <class T>
void line(std::string& out, std::string_view label, const T& value) {
    fmt::format_to(std::back_inserter(out), "{:<24}{}\n", label, value);
}

const char* clock_name(ClockType clock) {
    switch (clock) {
        case ClockType::kPerfCounter:
            return "PerfCounter";
        case ClockType::kSystemTime:
            return "SystemTime";
        case ClockType::kCpuCycle:
            return "CPUCycle";
    }
    return "Unknown";
}

struct ModeName {
    uint32_t mode;
    const char* name;
};
// Sequence numbers, paged memory and real time have lines of their own.
constexpr ModeName kAttributes[] = {
    {kModeAppend, "Append"},           {kModePreallocate, "Preallocate"},
    {kModeSecure, "Secure"},           {kModePrivate, "Private"},
    {kModeIndependent, "Independent"}, {kModeNoPerProcessor, "LowCapacity"},
};

// Attributes, two spaces after each, then where the events go.
std::string log_mode(const session::Properties& p) {
    const auto has = [&](uint32_t mode) { return (p.log_file_mode & mode) != 0; };
    std::string out;
    for (const ModeName& attribute : kAttributes) {
        if (has(attribute.mode)) out += std::string(attribute.name) + "  ";
    }
    if (has(kModeBuffering)) return out + "Buffering-only";
    if (has(kModeRealTime) && p.log_file.empty()) return out + "RealTime-only";
    return out + (has(kModeCircular) ? "Circular" : has(kModeNewFile) ? "NewFile" : "Sequential");
}

// The options that say the same as what a provider table has no column for.
std::string further_options(const ProviderEnable& how) {
    std::string out;
    const auto list = [&out](std::string_view option, const auto& values) {
        out += fmt::format(" {} {} {}", option, values.size(), fmt::join(values, " "));
    };
    if (how.match_all_keyword != 0) out += fmt::format(" -matchallkw {:#x}", how.match_all_keyword);
    if (how.enable_property != 0) out += fmt::format(" -enableproperty {:#x}", how.enable_property);
    if (how.source_id != Guid()) out += " -sourceguid " + to_string(how.source_id);
    if (!how.exe_names.empty())
        out += fmt::format(" -ExeFilter '{}'", fmt::join(how.exe_names, ";"));
    if (!how.pids.empty()) list("-PidFilter", how.pids);
    if (!how.package_ids.empty()) out += fmt::format(" -PkgIdFilter '{}'", how.package_ids);
    if (!how.package_app_ids.empty())
        out += fmt::format(" -PkgAppIdFilter '{}'", how.package_app_ids);
    const auto ids = [&](const char* option, const std::optional<session::EventIdFilter>& filter) {
        if (filter)
            list(fmt::format("{} {}", option, filter->exclude ? "-out" : "-in"), filter->ids);
    };
    ids("-EventIdFilter", how.event_ids);
    ids("-StackWalkFilter", how.stack_walk_ids);
    return out;
}

std::string file_size(const session::Properties& p) {
    if (p.maximum_file_size == 0) return "not set";
    const char* unit = (p.log_file_mode & kModeUseKilobytes) != 0 ? "Kb" : "Mb";
    return fmt::format("{} {}", p.maximum_file_size, unit);
}

std::string flush_timer(const session::Properties& p) {
    return p.flush_timer_s == 0 ? "not set" : fmt::format("{} secs", p.flush_timer_s);
}

void enabled_tracing(std::string& out, const session::Properties& p) {
    if (p.enable_flags == 0) return;
    line(out, "Enabled tracing:",
         session::records_kernel(p) ? session::kernel_flag_words(p.enable_flags)
                                    : fmt::format("{:#010x}", p.enable_flags));
}

void write_ids(JsonWriter& out, const char* key,
               const std::optional<session::EventIdFilter>& filter) {
    if (!filter) return;
    out.key(key).begin_object().key("kind").text(filter->exclude ? "out" : "in");
    out.key("ids").begin_array();
    for (const uint16_t id : filter->ids) out.number(id);
    out.end_array().end_object();
}

void write_enable(JsonWriter& out, const ProviderEnable& how) {
    out.key("level").number(how.level);
    out.key("match_any_keyword").hex(how.match_any_keyword);
    out.key("match_all_keyword").hex(how.match_all_keyword);
    out.key("enable_property").hex(how.enable_property);
    out.key("source_id").text(to_string(how.source_id));
    out.key("pid_filter").begin_array();
    for (const uint32_t pid : how.pids) out.number(pid);
    out.end_array().key("exe_filter").begin_array();
    for (const std::string& name : how.exe_names) out.text(name);
    out.end_array();
    write_ids(out, "event_id_filter", how.event_ids);
    write_ids(out, "stack_walk_filter", how.stack_walk_ids);
}

void write_provider(JsonWriter& out, const ProviderEnable& provider) {
    out.begin_object().key("guid").text(to_string(provider.guid));
    write_enable(out, provider);
    out.end_object();
}

// Nothing where there is none: a host that does not know, or a time no clock has shown.
std::optional<time_t> unix_time(int64_t filetime) {
    constexpr int64_t kTicksPerSecond = 10'000'000;
    constexpr int64_t kYear10000 = 2'650'467'744'000'000'000;
    if (filetime < kFileTimeOfUnixEpoch || filetime >= kYear10000) return std::nullopt;
    return (filetime - kFileTimeOfUnixEpoch) / kTicksPerSecond;
}

std::string iso_time(int64_t filetime) {
    if (!unix_time(filetime)) return "";
    const render::CivilTime t = render::civil_time(filetime);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", t.year, t.month, t.day, t.hour,
                       t.minute, t.second);
}

std::string local_time(int64_t filetime) {
    const auto seconds = unix_time(filetime);
    std::tm calendar{};
    if (!seconds || !local_calendar_time(*seconds, calendar)) return "";
    return fmt::format("{:%Y-%m-%d %H:%M:%S}", calendar);
}

void write_properties(JsonWriter& out, const SessionStatus& s) {
    const session::Properties& p = s.properties;
    out.key("name").text(p.name);
    out.key("logger_id").number(s.logger_id);
    out.key("logger_thread_id").number(s.logger_thread_id);
    out.key("guid").text(to_string(p.guid));
    out.key("buffer_size_kb").number(p.buffer_size_kb);
    out.key("maximum_buffers").number(p.maximum_buffers);
    out.key("minimum_buffers").number(p.minimum_buffers);
    out.key("clock").text(clock_name(p.clock));
    out.key("log_mode").text(log_mode(p));
    out.key("log_file_mode").hex(p.log_file_mode);
    const bool kilobytes = (p.log_file_mode & kModeUseKilobytes) != 0;
    out.key("maximum_file_size_kb").number(uint64_t(p.maximum_file_size) * (kilobytes ? 1 : 1024));
    out.key("flush_timer_s").number(p.flush_timer_s);
    out.key("flush_threshold").number(p.flush_threshold);
    out.key("owner_pid").number(p.owner_pid);
    out.key("ttl_s").number(p.ttl_s);
    out.key("enable_flags").hex(p.enable_flags);
    out.key("log_file").text(p.log_file);
    write_kernel_tracing(out, p.kernel);
}

void write_processes(JsonWriter& out, const std::vector<session::PrivateProcess>& processes) {
    out.key("processes").begin_array();
    for (const session::PrivateProcess& process : processes) {
        out.begin_object().key("pid").number(process.pid);
        out.key("running").boolean(process.running);
        out.key("log_file").text(process.log_file);
        out.key("buffers_written").number(process.buffers_written);
        out.key("events_lost").number(process.events_lost);
        out.key("log_buffers_lost").number(process.log_buffers_lost);
        out.key("recorded_bytes").number(process.recorded_bytes);
        out.key("log_file_size").number(process.log_file_size);
        out.end_object();
    }
    out.end_array();
}

void write_status(JsonWriter& out, const SessionStatus& s) {
    write_properties(out, s);
    out.key("number_of_buffers").number(s.number_of_buffers);
    out.key("free_buffers").number(s.free_buffers);
    out.key("buffers_written").number(s.buffers_written);
    out.key("events_lost").number(s.events_lost);
    out.key("log_buffers_lost").number(s.log_buffers_lost);
    out.key("real_time_buffers_lost").number(s.real_time_buffers_lost);
    out.key("real_time_consumers").number(s.real_time_consumers);
    out.key("recorded_bytes").number(s.events_seen_bytes);
    out.key("log_file_size").number(s.log_file_size);
    out.key("log_unanswered_s").number(s.log_unanswered_s);
    out.key("owner_uid").number(s.owner_uid);
    out.key("start_time").text(iso_time(s.start_time));
    out.key("providers").begin_array();
    for (const ProviderEnable& provider : s.providers) write_provider(out, provider);
    out.end_array();
    if ((s.properties.log_file_mode & kModePrivate) != 0) write_processes(out, s.processes);
}

// What Windows has no line for.
std::string further_properties(const SessionStatus& s) {
    const session::Properties& p = s.properties;
    std::string out;
    // Windows tells none of the three.
    const bool told = s.owner_uid != 0 || s.start_time != 0 || s.log_file_size != 0;
    const std::string name = user_name(s.owner_uid);
    if (told)
        line(out, "Owner:",
             name.empty() ? fmt::format("{}", s.owner_uid)
                          : fmt::format("{} ({})", name, s.owner_uid));
    if (const std::string since = local_time(s.start_time); !since.empty())
        line(out, "Running Since:", since);
    if (told && !p.log_file.empty()) {
        constexpr uint64_t kKb = 1024;
        line(out, "Log File Size:", fmt::format("{} Kb", (s.log_file_size + kKb - 1) / kKb));
    }
    if (s.log_unanswered_s != 0)
        line(out, "Log Unanswered:",
             fmt::format("{} secs: its file system does not answer", s.log_unanswered_s));
    if (p.flush_threshold != 0)
        line(out, "Flush Threshold:", fmt::format("{} buffers", p.flush_threshold));
    for (const auto& [label, value] : kernel_tracing_lines(p.kernel)) line(out, label, value);
    if (p.owner_pid != 0) line(out, "Ends With Process:", p.owner_pid);
    for (const session::PrivateProcess& process : s.processes) {
        const std::string who = process.pid == 0 ? "others" : fmt::format("{}", process.pid);
        line(out, "Process:", who + "  " + process.log_file);
    }
    if (p.ttl_s != 0) line(out, "Ends After:", fmt::format("{} secs", p.ttl_s));
    return out;
}

// How those of the provider's sessions have it enabled.
std::string enable_table(const RegisteredProvider& provider, const std::set<uint32_t>& logger_ids) {
    if (logger_ids.empty()) return "";
    std::string out = "LoggerId Level Property   MatchAnyKeyword    MatchAllKeyword\n";
    for (const RegisteredProvider::Enabled& enabled : provider.sessions) {
        if (!logger_ids.contains(enabled.logger_id)) continue;
        const ProviderEnable& how = enabled.how;
        fmt::format_to(std::back_inserter(out), "{:<8} {:<5} {:#010x} {:#018x} {:#018x}\n",
                       enabled.logger_id, how.level, how.enable_property, how.match_any_keyword,
                       how.match_all_keyword);
    }
    return out;
}

void write_events(JsonWriter& out, const std::vector<RegisteredProvider::Event>& events) {
    out.key("events").begin_array();
    for (const RegisteredProvider::Event& event : events) {
        out.begin_object().key("name").text(event.name).key("level").number(event.level);
        out.key("keyword").text(fmt::format("{:#x}", event.keyword)).end_object();
    }
    out.end_array();
}

}  // namespace

std::string operation_status(Code code) {
    return fmt::format("{:<24}{:<8}{}\n", "Operation Status:", fmt::format("{}L", uint32_t(code)),
                       status_text(code));
}

std::string properties_block(const SessionStatus& s) {
    const session::Properties& p = s.properties;
    const auto has = [&](uint32_t mode) { return (p.log_file_mode & mode) != 0; };
    std::string out;
    line(out, "Logger Name:", p.name);
    line(out, "Logger Id:", fmt::format("{:#x}", s.logger_id));
    line(out, "Logger Thread Id:", fmt::format("{:016X}", s.logger_thread_id));
    line(out, "Guid:", to_string(p.guid));
    line(out, "Buffer Size:",
         fmt::format("{} Kb{}", p.buffer_size_kb,
                     has(kModePagedMemory) ? " using paged memory" : ""));
    line(out, "Maximum Buffers:", p.maximum_buffers);
    line(out, "Minimum Buffers:", p.minimum_buffers);
    line(out, "Number of Buffers:", s.number_of_buffers);
    line(out, "Free Buffers:", s.free_buffers);
    line(out, "Buffers Written:", s.buffers_written);
    line(out, "Events Lost:", s.events_lost);
    line(out, "Log Buffers Lost:", s.log_buffers_lost);
    line(out, "Real Time Buffers Lost:", s.real_time_buffers_lost);
    line(out, "AgeLimit:", 0);
    line(out, "Real Time Consumers:", s.real_time_consumers);
    line(out, "ClockType:", clock_name(p.clock));
    line(out, "Log Mode:", log_mode(p));
    if (has(kModeRealTime)) out += "Real Time mode enabled\n";
    line(out, "Maximum File Size:", file_size(p));
    line(out, "Buffer Flush Timer:", flush_timer(p));
    enabled_tracing(out, p);
    line(out, "Log Filename:", p.log_file);
    if (has(kModeLocalSequence)) out += "Local Sequence numbers in use.\n";
    if (has(kModeGlobalSequence)) out += "Global Sequence numbers in use.\n";
    return out + further_properties(s);
}

std::string boot_block(const session::BootConfiguration& configuration) {
    const session::BootSession& boot = configuration.session;
    const session::StartRequest request = session::start_request(boot);
    const session::Properties& p = request.properties;
    const auto or_host = [](uint32_t value, const char* unit) {
        return value == 0 ? std::string("chosen at the start") : fmt::format("{}{}", value, unit);
    };
    std::string out;
    line(out, "Logger Name:", boot.properties.name);
    line(out, "Start:", boot.start ? 1 : 0);
    line(out, "Configuration:", configuration.file);
    if (!boot.start) return out;
    line(out, "Guid:", to_string(p.guid));
    line(out, "Buffer Size:", or_host(p.buffer_size_kb, " Kb"));
    line(out, "Maximum Buffers:", or_host(p.maximum_buffers, ""));
    line(out, "Minimum Buffers:", or_host(p.minimum_buffers, ""));
    line(out, "ClockType:", clock_name(p.clock));
    line(out, "Log Mode:", log_mode(p));
    if ((p.log_file_mode & kModeRealTime) != 0) out += "Real Time mode enabled\n";
    line(out, "Maximum File Size:", file_size(p));
    line(out, "Buffer Flush Timer:", flush_timer(p));
    enabled_tracing(out, p);
    line(out, "Log Filename:", p.log_file);
    if (!request.providers.empty()) out += "\n" + provider_table(request.providers);
    return out;
}

std::string failed_block(const std::string& name) {
    std::string out;
    line(out, "Logger Name:", name);
    line(out, "Logger Id:", "0");
    line(out, "Logger Thread Id:", fmt::format("{:016X}", 0));
    return out;
}

std::string provider_table(const std::vector<ProviderEnable>& providers) {
    std::string out =
        "Enabled Providers:\n"
        "## Guid                                  Level  Flags\n\n";
    for (const ProviderEnable& provider : providers) {
        fmt::format_to(std::back_inserter(out), "{}{:>7}  0x{:08x}\n", to_string(provider.guid),
                       provider.level, provider.match_any_keyword);
    }
    fmt::format_to(std::back_inserter(out), "Total of {} providers\n", providers.size());
    for (const ProviderEnable& provider : providers) {
        if (const std::string more = further_options(provider); !more.empty())
            out += to_string(provider.guid) + more + "\n";
    }
    return out;
}

std::string enable_lines(const std::vector<ProviderEnable>& asked, const EnableResult& result) {
    std::string out;
    for (size_t i = 0; i < asked.size(); ++i) {
        fmt::format_to(std::back_inserter(out),
                       "Enabling {} (Flags = 0x{:08x} Level = {:<3}) to logger {}\n",
                       to_string(asked[i].guid), asked[i].match_any_keyword, asked[i].level,
                       result.status.logger_id);
        if (i < result.codes.size() && result.codes[i] != Code::kOk)
            out += "ERROR: Failed to enable Guid...\n" + operation_status(result.codes[i]);
    }
    return out;
}

std::string capture_lines(const std::vector<ProviderEnable>& asked, const EnableResult& result) {
    std::string out;
    for (size_t i = 0; i < asked.size(); ++i) {
        fmt::format_to(std::back_inserter(out), "Capturing state of {} for logger {}\n",
                       to_string(asked[i].guid), result.status.logger_id);
        if (i < result.codes.size() && result.codes[i] != Code::kOk)
            out += operation_status(result.codes[i]);
    }
    return out;
}

std::string provider_details(const std::vector<RegisteredProvider>& providers) {
    std::string out;
    for (const RegisteredProvider& provider : providers) {
        if (!out.empty()) out += "\n";
        line(out, "Guid:", to_string(provider.guid));
        line(out, "Name:", provider.name);
        std::set<uint32_t> missing;
        for (const auto& enabled : provider.sessions) missing.insert(enabled.logger_id);
        for (const RegisteredProvider::Instance& instance : provider.instances) {
            line(out, "Process:",
                 fmt::format("{} {}{}", instance.pid, instance.executable,
                             instance.by_socket ? " (events by socket)" : ""));
            const std::set<uint32_t> here(instance.logger_ids.begin(), instance.logger_ids.end());
            out += enable_table(provider, here);
            for (const uint32_t id : here) missing.erase(id);
        }
        if (!missing.empty() && !provider.instances.empty())
            line(out, "Process:", "none (filtered out)");
        if (!missing.empty()) out += enable_table(provider, missing);
        for (const RegisteredProvider::Event& event : provider.events) {
            line(out, "Event:",
                 fmt::format("{:<32} level {}  keyword {:#x}", event.name, event.level,
                             event.keyword));
        }
    }
    return out;
}

std::string registered_table(const std::vector<RegisteredProvider>& providers) {
    std::string out =
        "##     Guid                     Enabled  LoggerId Level Flags\n"
        "------------------------------------------------------------\n";
    const auto row = [&](const Guid& guid, bool enabled, uint32_t id, uint32_t level,
                         uint64_t flags) {
        fmt::format_to(std::back_inserter(out), "{}{:>10}  {:<5}{:<5}{}\n", to_string(guid),
                       enabled ? "TRUE" : "FALSE", id, level,
                       flags == 0 ? "0" : fmt::format("{:#x}", flags));
    };
    for (const RegisteredProvider& provider : providers) {
        for (const RegisteredProvider::Enabled& enabled : provider.sessions) {
            row(provider.guid, true, enabled.logger_id, enabled.how.level,
                enabled.how.match_any_keyword);
        }
        if (provider.sessions.empty()) row(provider.guid, false, 0, 0, 0);
    }
    return out;
}

std::string to_json(const SessionStatus& status) {
    JsonWriter out;
    out.begin_object().key("operation_status").number(0);
    write_status(out, status);
    return out.end_object().take() + "\n";
}

std::string to_json(const std::vector<SessionStatus>& sessions) {
    JsonWriter out;
    out.begin_array();
    for (const SessionStatus& status : sessions) {
        out.begin_object();
        write_status(out, status);
        out.end_object();
    }
    return out.end_array().take() + "\n";
}

std::string to_json(const std::vector<ProviderEnable>& asked, const EnableResult& result) {
    JsonWriter out;
    out.begin_object().key("operation_status").number(0);
    write_status(out, result.status);
    out.key("results").begin_array();
    for (size_t i = 0; i < asked.size() && i < result.codes.size(); ++i) {
        out.begin_object().key("guid").text(to_string(asked[i].guid));
        out.key("status").number(uint32_t(result.codes[i]));
        out.key("status_text").text(status_text(result.codes[i])).end_object();
    }
    return out.end_array().end_object().take() + "\n";
}

std::string to_json(const std::vector<RegisteredProvider>& providers) {
    JsonWriter out;
    out.begin_array();
    for (const RegisteredProvider& provider : providers) {
        out.begin_object().key("guid").text(to_string(provider.guid));
        out.key("name").text(provider.name).key("pids").begin_array();
        for (const uint32_t pid : provider.pids) out.number(pid);
        out.end_array().key("instances").begin_array();
        for (const RegisteredProvider::Instance& instance : provider.instances) {
            out.begin_object().key("pid").number(instance.pid);
            out.key("uid").number(instance.uid);
            out.key("executable").text(instance.executable);
            out.key("events_by").text(instance.by_socket ? "socket" : "rings");
            out.key("logger_ids").begin_array();
            for (const uint32_t id : instance.logger_ids) out.number(id);
            out.end_array().end_object();
        }
        out.end_array().key("sessions").begin_array();
        for (const RegisteredProvider::Enabled& enabled : provider.sessions) {
            out.begin_object().key("logger_id").number(enabled.logger_id);
            write_enable(out, enabled.how);
            out.end_object();
        }
        out.end_array();
        if (!provider.events.empty()) write_events(out, provider.events);
        out.end_object();
    }
    return out.end_array().take() + "\n";
}

std::string to_json(const std::vector<session::RecoveredLog>& logs) {
    JsonWriter out;
    out.begin_array();
    for (const session::RecoveredLog& log : logs) {
        out.begin_object().key("operation_status").number(uint32_t(log.code));
        out.key("name").text(log.session).key("file").text(log.buffers == 0 ? "" : log.file);
        out.key("recorded_bytes").number(log.bytes).key("buffers").number(log.buffers);
        out.key("detail").text(log.detail).end_object();
    }
    return out.end_array().take() + "\n";
}

std::string to_json(const session::BootConfiguration& configuration) {
    const session::StartRequest request = session::start_request(configuration.session);
    SessionStatus status;
    status.properties = request.properties;
    status.properties.name = configuration.session.properties.name;
    JsonWriter out;
    out.begin_object().key("operation_status").number(0);
    write_properties(out, status);
    out.key("start").boolean(configuration.session.start);
    out.key("configuration").text(configuration.file);
    out.key("providers").begin_array();
    for (const ProviderEnable& provider : request.providers) write_provider(out, provider);
    return out.end_array().end_object().take() + "\n";
}

std::string to_json(const std::string& name, const Failure& failure) {
    JsonWriter out;
    out.begin_object().key("operation_status").number(uint32_t(failure.code));
    out.key("status_text").text(status_text(failure.code));
    out.key("name").text(name).key("detail").text(failure.detail);
    return out.end_object().take() + "\n";
}

}  // namespace etw::cli
