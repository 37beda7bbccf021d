// The values of a boot session's configuration by their names, one list for everything that reads
// and writes them: the text here (boot_config.h), the registry on Windows.
#pragma once
#include "session/boot_rules.h"

#include <concepts>
#include <type_traits>

namespace etw::session {

template <class V, class T>
concept BootForm = std::same_as<std::remove_const_t<V>, T>;

// How a value's number is written; it is read in either way.
enum class NumberForm : uint8_t { kDecimal, kHex };
// Whether a value is written where it says nothing: 0, or no text.
enum class WriteBoot : uint8_t { kIfSet, kAlways };

// f(name, member [, NumberForm or WriteBoot]) for each value.
template <BootForm<BootSession> V, class F>
void boot_values(V& v, F&& f) {
    auto& p = v.properties;
    const bool global = is_global_logger(p.name);
    f("Start", v.start, WriteBoot::kAlways);
    if (!global) f("Guid", p.guid);
    // 0 is not what GlobalLogger has by default.
    const WriteBoot buffers = global ? WriteBoot::kAlways : WriteBoot::kIfSet;
    f("BufferSize", p.buffer_size_kb, buffers);
    f("MinimumBuffers", p.minimum_buffers, buffers);
    f("MaximumBuffers", p.maximum_buffers, buffers);
    f("FlushTimer", p.flush_timer_s);
    f("FlushThreshold", p.flush_threshold);
    f("ClockType", p.clock);
    f("LogFileMode", p.log_file_mode, NumberForm::kHex);
    // 0 is not what an AutoLogger has by default. Windows' documents have both names.
    f(global ? "MaximumFileSize" : "MaxFileSize", p.maximum_file_size, WriteBoot::kAlways);
    f("FileName", p.log_file);
    f("FileMax", v.file_max);
    f("FileCounter", v.file_counter);
    f("EnableKernelFlags", v.kernel_flags);
    f("DisableRealtimePersistence", v.disable_realtime_persistence);
    f("Boot", v.boot);
    f("Status", v.status);
}

// `global`: of a provider of GlobalLogger, whose values have shorter names.
template <BootForm<BootProvider> V, class F>
void boot_values(V& v, bool global, F&& f) {
    f("Enabled", v.enabled, WriteBoot::kAlways);
    f(global ? "Level" : "EnableLevel", v.how.level);
    f(global ? "Flags" : "EnableFlags", v.enable_flags, NumberForm::kHex);
    f("MatchAnyKeyword", v.how.match_any_keyword, NumberForm::kHex);
    f("MatchAllKeyword", v.how.match_all_keyword, NumberForm::kHex);
    f("EnableProperty", v.how.enable_property, NumberForm::kHex);
}

}  // namespace etw::session
