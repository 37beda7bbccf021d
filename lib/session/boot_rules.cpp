#include "session/boot_rules.h"

#include "base/letter_case.h"
#include "base/path.h"
#include "etw/kernel_flags.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace etw::session {
namespace {

constexpr uint32_t kGlobalBufferKb = 64;
constexpr uint32_t kGlobalMinimumBuffers = 3;
constexpr uint32_t kGlobalMaximumBuffers = 25;
constexpr uint32_t kAutoLoggerLimitMb = 100;
constexpr uint32_t kHighestLogNumber = 9999;
constexpr uint32_t kLimitedModes = kModeSequential | kModeCircular | kModeNewFile;

Failure refuse(Code code, std::string detail) { return {code, std::move(detail)}; }

bool has(const BootSession& boot, uint32_t mode) {
    return (boot.properties.log_file_mode & mode) != 0;
}

bool has_file(const BootSession& boot) { return !has(boot, kModeBuffering); }

std::string default_log(const std::string& name, const std::string& folder) {
    return folder + "/" + (is_global_logger(name) ? "trace.log" : name + ".etl");
}

Outcome<Ok> check_kind(const BootSession& boot) {
    const Properties& p = boot.properties;
    if (is_global_logger(p.name)) {
        if (p.guid != kGlobalLoggerGuid) {
            return refuse(Code::kInvalidParameter,
                          "GlobalLogger has a GUID of its own; leave out -sessionguid");
        }
        if (has(boot, kModeRealTime | kModeBuffering)) {
            return refuse(Code::kInvalidParameter,
                          "GlobalLogger writes a file and nothing else; leave out -rt and "
                          "-buffering, or use -addautologger");
        }
        return Ok{};
    }
    if (has(boot, kModeNewFile)) {
        return refuse(Code::kInvalidParameter,
                      "an AutoLogger has no -newfile; FileMax in its configuration keeps the logs "
                      "of several boots");
    }
    if (!boot.kernel_flags.empty()) {
        return refuse(Code::kInvalidParameter,
                      "an AutoLogger records no kernel events; EnableKernelFlags goes with "
                      "GlobalLogger");
    }
    if (boot.file_max.value_or(0) > kMaxLogInstances)
        return refuse(Code::kInvalidParameter, "FileMax of an AutoLogger is at most 16");
    if (p.name.find('/') != std::string::npos || p.name.starts_with('.') ||
        p.name.size() > kMaxBootNameBytes) {
        return refuse(Code::kInvalidName,
                      "the name of an AutoLogger is the name of a file, too: without /, not with . "
                      "in front, at most 240 bytes");
    }
    return Ok{};
}

// What a configuration has no value for, and what no boot could honour.
Outcome<Ok> check_expressible(const BootSession& boot) {
    const Properties& p = boot.properties;
    if (p.owner_pid != 0 || p.ttl_s != 0) {
        return refuse(Code::kInvalidParameter,
                      "a session of the boot runs until it is stopped; leave out -owner-pid and "
                      "-ttl");
    }
    if (has(boot, kModeSystemLogger)) {
        return refuse(Code::kInvalidParameter,
                      "a session of the boot is no system logger; leave out -systemlogger and name "
                      "the kernel's events: -start GlobalLogger -eflag PROC_THREAD");
    }
    if (p.kernel != KernelTracing()) {
        return refuse(Code::kInvalidParameter,
                      "the configuration of a boot has no stacks, samples and counters; leave out "
                      "-stackwalk, -ProfileSource, -SetProfInt and -Pmc, or -update the session "
                      "with them when it runs");
    }
    if (has(boot, kModePrivate)) {
        return refuse(Code::kInvalidParameter, "a boot starts no private sessions; leave out -um");
    }
    for (const BootProvider& provider : boot.providers) {
        const ProviderEnable& how = provider.how;
        if (how.name.starts_with(kUsdtPrefix)) {
            return refuse(Code::kInvalidParameter,
                          "the configuration of a boot has no probes of programs (usdt:); "
                          "-enable them in the session when it runs");
        }
        if (!how.pids.empty() || !how.exe_names.empty() || how.event_ids || how.stack_walk_ids) {
            return refuse(Code::kInvalidParameter,
                          "the configuration of a boot has no filters; leave out -PidFilter, "
                          "-ExeFilter, -EventIdFilter and -StackWalkFilter");
        }
        if (!how.package_ids.empty() || !how.package_app_ids.empty()) {
            return refuse(Code::kInvalidParameter,
                          "the configuration of a boot has no filters; leave out -PkgIdFilter and "
                          "-PkgAppIdFilter");
        }
        ETW_CHECK(check(how));
    }
    return Ok{};
}

Outcome<Ok> check_log(const BootSession& boot) {
    const std::string& file = boot.properties.log_file;
    if (file.empty()) return Ok{};
    const std::filesystem::path path = to_path(file);
    if (!path.is_absolute() || !path.has_filename())
        return refuse(Code::kBadPathname, "FileName is the absolute path of a file");
    const auto control = [](char c) { return uint8_t(c) < ' ' || c == 0x7F; };
    if (std::any_of(file.begin(), file.end(), control))
        return refuse(Code::kInvalidName, "FileName cannot contain control characters");
    if (boot.file_max && has(boot, kModeNewFile)) {
        return refuse(Code::kInvalidParameter,
                      "FileMax and -newfile both number the log; give one of them");
    }
    return Ok{};
}

}  // namespace

bool is_global_logger(const std::string& name) { return same_name(name, kGlobalLoggerName); }

BootSession boot_defaults(const std::string& name, const std::string& log_folder) {
    BootSession boot;
    Properties& p = boot.properties;
    p.name = name;
    p.log_file = default_log(name, log_folder);
    if (is_global_logger(name)) {
        p.name = kGlobalLoggerName;
        p.guid = kGlobalLoggerGuid;
        p.buffer_size_kb = kGlobalBufferKb;
        p.minimum_buffers = kGlobalMinimumBuffers;
        p.maximum_buffers = kGlobalMaximumBuffers;
    } else {
        p.guid = guid_from_name(name);
        p.maximum_file_size = kAutoLoggerLimitMb;
    }
    return boot;
}

Outcome<Ok> check(const BootSession& boot, const System& system) {
    ETW_CHECK(check_kind(boot));
    ETW_CHECK(check_expressible(boot));
    ETW_CHECK(check_log(boot));
    if (!boot.kernel_flags.empty())
        ETW_CHECK(check_kernel_flags(boot.kernel_flags.front(), system));
    BootSession of_programs = boot;  // whether kernel events can be had is for the host to say
    of_programs.kernel_flags.clear();
    return check(start_request(of_programs).properties, system);
}

BootSession replaced(const BootSession& before, BootSession asked) {
    asked.file_max = before.file_max;
    asked.file_counter = before.file_counter;
    if (asked.kernel_flags.empty()) asked.kernel_flags = before.kernel_flags;
    asked.disable_realtime_persistence = before.disable_realtime_persistence;
    asked.boot = before.boot;
    for (const BootProvider& known : before.providers) {
        const bool again = std::any_of(
            asked.providers.begin(), asked.providers.end(),
            [&](const BootProvider& provider) { return provider.how.guid == known.how.guid; });
        if (!again) asked.providers.push_back(known);
    }
    return asked;
}

StartRequest start_request(const BootSession& boot) {
    StartRequest out;
    Properties& p = out.properties;
    p = boot.properties;
    if (!has_file(boot)) p.log_file.clear();
    if (p.log_file.empty()) p.maximum_file_size = 0;
    // A limit without a mode is that of a sequential log.
    if (p.maximum_file_size != 0 && (p.log_file_mode & kLimitedModes) == 0)
        p.log_file_mode |= kModeSequential;
    if (const auto number = next_log_number(boot))
        p.log_file = fmt::format("{}.{:04}", p.log_file, *number);
    if (!boot.kernel_flags.empty()) {
        p.name = kKernelLoggerName;
        p.enable_flags = boot.kernel_flags.front();
    }
    for (const BootProvider& provider : boot.providers) {
        if (!provider.enabled) continue;
        ProviderEnable& how = out.providers.emplace_back(provider.how);
        if (how.match_any_keyword == 0) how.match_any_keyword = provider.enable_flags;
    }
    return out;
}

std::optional<uint32_t> next_log_number(const BootSession& boot) {
    const bool without_end = is_global_logger(boot.properties.name);
    if (!has_file(boot) || boot.properties.log_file.empty() || !boot.file_max) return std::nullopt;
    if (*boot.file_max == 0 && !without_end) return std::nullopt;
    const uint32_t last =
        *boot.file_max == 0 ? kHighestLogNumber : std::min(*boot.file_max, kHighestLogNumber);
    return boot.file_counter >= last ? 1 : boot.file_counter + 1;
}

uint32_t counter_after(const BootSession& boot, uint32_t number) {
    return number == boot.file_max.value_or(0) ? 0 : number;
}

}  // namespace etw::session
