#include "backend_windows/enable_parameters.h"

#include "backend_windows/properties_buffer.h"
#include "backend_windows/text.h"

#include <cstring>

namespace etw::backend_windows {
namespace {

// EVENT_FILTER_TYPE_*: older headers lack some of them.
constexpr ULONG kFilterPid = 0x80000004;
constexpr ULONG kFilterExecutable = 0x80000008;
constexpr ULONG kFilterPackageId = 0x80000010;
constexpr ULONG kFilterPackageAppId = 0x80000020;
constexpr ULONG kFilterEventId = 0x80000200;
constexpr ULONG kFilterStackWalk = 0x80001000;

template <class T>
void append(std::vector<std::byte>& out, const T& value) {
    const auto* const from = reinterpret_cast<const std::byte*>(&value);
    out.insert(out.end(), from, from + sizeof(value));
}

// EVENT_FILTER_EVENT_ID: BOOLEAN FilterIn, UCHAR Reserved, USHORT Count, USHORT Events[Count].
std::vector<std::byte> id_filter(const session::EventIdFilter& filter) {
    std::vector<std::byte> out;
    append(out, uint8_t(filter.exclude ? FALSE : TRUE));
    append(out, uint8_t{0});
    append(out, uint16_t(filter.ids.size()));
    for (const uint16_t id : filter.ids) append(out, id);
    return out;
}

// With its NUL.
std::vector<std::byte> text(const std::string& utf8) {
    std::vector<std::byte> out;
    for (const wchar_t unit : to_wide(utf8)) append(out, unit);
    append(out, L'\0');
    return out;
}

// One text with the names, apart by semicolons.
std::vector<std::byte> executables(const std::vector<std::string>& names) {
    std::string joined;
    for (const std::string& name : names) joined += (joined.empty() ? "" : ";") + name;
    return text(joined);
}

std::vector<std::byte> process_ids(const std::vector<uint32_t>& pids) {
    std::vector<std::byte> out;
    for (const uint32_t pid : pids) append(out, ULONG{pid});
    return out;
}

}  // namespace

EnableParameters::EnableParameters(const session::ProviderEnable& enable) {
    if (!enable.pids.empty()) add_filter(kFilterPid, process_ids(enable.pids));
    if (!enable.exe_names.empty()) add_filter(kFilterExecutable, executables(enable.exe_names));
    if (!enable.package_ids.empty()) add_filter(kFilterPackageId, text(enable.package_ids));
    if (!enable.package_app_ids.empty())
        add_filter(kFilterPackageAppId, text(enable.package_app_ids));
    if (enable.event_ids) add_filter(kFilterEventId, id_filter(*enable.event_ids));
    if (enable.stack_walk_ids) add_filter(kFilterStackWalk, id_filter(*enable.stack_walk_ids));
    parameters_.Version = ENABLE_TRACE_PARAMETERS_VERSION_2;
    parameters_.EnableProperty = enable.enable_property;
    parameters_.SourceId = to_system(enable.source_id);
    parameters_.EnableFilterDesc = filters_.empty() ? nullptr : filters_.data();
    parameters_.FilterDescCount = ULONG(filters_.size());
}

void EnableParameters::add_filter(ULONG type, std::vector<std::byte> data) {
    const auto& kept = data_.emplace_back(std::move(data));
    EVENT_FILTER_DESCRIPTOR filter{};
    filter.Ptr = reinterpret_cast<uintptr_t>(kept.data());
    filter.Size = ULONG(kept.size());
    filter.Type = type;
    filters_.push_back(filter);
}

}  // namespace etw::backend_windows
