#include "backend_windows/kernel_tracing.h"

#include "backend_windows/backend.h"
#include "backend_windows/text.h"
#include "base/letter_case.h"
#include "etl/kernel_class.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace etw::backend_windows {

using session::Failure;
using session::KernelTracing;
using session::Outcome;
using session::ProfileSource;

namespace {

constexpr TRACEHANDLE kWholeSystem = 0;
constexpr size_t kFirstAnswer = 4096;
constexpr size_t kLargestAnswer = size_t{1} << 20;
constexpr uint16_t kImageLoad = 0x030A;  // its records stand in the group of processes...
constexpr uint8_t kImageGroup = 0x14;    // ...and its documented class is this one

template <class T>
Outcome<Ok> set(const EtwApi& api, TRACEHANDLE session, TRACE_INFO_CLASS what,
                std::vector<T> values, const char* option) {
    const ULONG error =
        api.set_information(session, what, values.data(), ULONG(values.size() * sizeof(T)));
    if (error == ERROR_SUCCESS) return Ok{};
    Failure failure = failure_of(error, "TraceSetInformation", {});
    failure.detail = fmt::format("{}: {}", option, failure.detail);
    return failure;
}

// A kind of kernel event as the system names it: its documented class and its type.
Outcome<std::vector<CLASSIC_EVENT_ID>> event_ids(const std::vector<uint16_t>& hooks,
                                                 const char* option) {
    std::vector<CLASSIC_EVENT_ID> out;
    for (const uint16_t hook : hooks) {
        const auto group = hook == kImageLoad ? kImageGroup : uint8_t(hook >> 8);
        const Guid kind = etl::kernel_class(group);
        if (kind == Guid()) {
            return Failure{
                Code::kInvalidParameter,
                fmt::format("{}: no class of kernel events has the number {:#06x}", option, hook)};
        }
        CLASSIC_EVENT_ID& id = out.emplace_back();
        id.EventGuid = to_system(kind);
        id.Type = UCHAR(hook & 0xFF);
    }
    return out;
}

Outcome<ULONG> source_id(const std::vector<ProfileSource>& there, const std::string& name,
                         const char* option) {
    const auto known = std::find_if(there.begin(), there.end(), [&](const ProfileSource& s) {
        return same_name(s.name, name);
    });
    if (known != there.end()) return ULONG{known->id};
    return Failure{Code::kInvalidParameter,
                   fmt::format("{}: '{}' is no source of this machine; -ProfileSource Help lists "
                               "those there are",
                               option, name)};
}

// The samples of all sessions.
Outcome<Ok> set_sampling(const EtwApi& api, const std::vector<ProfileSource>& there,
                         const KernelTracing& asked) {
    api.take_profile_privilege();
    for (const session::ProfileInterval& interval : asked.intervals) {
        ETW_TRY(const ULONG id, source_id(there, interval.source, "-SetProfInt"));
        const std::vector<TRACE_PROFILE_INTERVAL> value = {{id, interval.interval}};
        ETW_CHECK(set(api, kWholeSystem, TraceSampledProfileIntervalInfo, value, "-SetProfInt"));
    }
    if (asked.profile_source.empty()) return Ok{};
    ETW_TRY(const ULONG id, source_id(there, asked.profile_source, "-ProfileSource"));
    return set(api, kWholeSystem, TraceProfileSourceConfigInfo, std::vector<ULONG>{id},
               "-ProfileSource");
}

Outcome<Ok> set_counters(const EtwApi& api, TRACEHANDLE session,
                         const std::vector<ProfileSource>& there, const KernelTracing& asked) {
    ETW_TRY(auto events, event_ids(asked.counter_events, "-Pmc"));
    std::vector<ULONG> counters;
    for (const std::string& name : asked.counters) {
        ETW_TRY(const ULONG id, source_id(there, name, "-Pmc"));
        counters.push_back(id);
    }
    ETW_CHECK(set(api, session, TracePmcCounterListInfo, std::move(counters), "-Pmc"));
    return set(api, session, TracePmcEventListInfo, std::move(events), "-Pmc");
}

Outcome<Ok> set_all(const EtwApi& api, TRACEHANDLE session, const KernelTracing& asked,
                    bool stacks) {
    const bool samples = !asked.profile_source.empty() || !asked.intervals.empty();
    if (!samples && !stacks && asked.counters.empty()) return Ok{};
    if (api.set_information == nullptr) {
        return Failure{Code::kNotSupported,
                       "-stackwalk, -ProfileSource, -SetProfInt and -Pmc: this system has no "
                       "TraceSetInformation"};
    }
    std::vector<ProfileSource> there;
    if (samples || !asked.counters.empty()) {
        ETW_TRY(there, profile_sources(api));
    }
    if (samples) ETW_CHECK(set_sampling(api, there, asked));
    if (!asked.counters.empty()) ETW_CHECK(set_counters(api, session, there, asked));
    if (!stacks) return Ok{};
    ETW_TRY(auto events, event_ids(asked.stack_events, "-stackwalk"));
    return set(api, session, TraceStackTracingInfo, std::move(events), "-stackwalk");
}

// Sources stand behind each other; each says how far it is to the next one, 0 for none.
std::vector<ProfileSource> parse_sources(const std::vector<std::byte>& answer) {
    constexpr size_t kName = offsetof(PROFILE_SOURCE_INFO, Description);
    std::vector<ProfileSource> out;
    for (size_t at = 0; answer.size() - at >= kName;) {
        ULONG next = 0, id = 0, minimum = 0, maximum = 0;
        const std::byte* const from = answer.data() + at;
        std::memcpy(&next, from + offsetof(PROFILE_SOURCE_INFO, NextEntryOffset), sizeof(next));
        std::memcpy(&id, from + offsetof(PROFILE_SOURCE_INFO, Source), sizeof(id));
        std::memcpy(&minimum, from + offsetof(PROFILE_SOURCE_INFO, MinInterval), sizeof(minimum));
        std::memcpy(&maximum, from + offsetof(PROFILE_SOURCE_INFO, MaxInterval), sizeof(maximum));
        const size_t rest = answer.size() - at;
        const size_t size = next == 0 ? rest : std::min<size_t>(next, rest);
        if (size < kName) break;
        std::wstring name((size - kName) / sizeof(wchar_t), L'\0');
        std::memcpy(name.data(), from + kName, name.size() * sizeof(wchar_t));
        name.resize(std::min(name.find(L'\0'), name.size()));
        out.push_back({from_wide(name), id, minimum, maximum});
        if (next == 0) break;
        at += size;
    }
    return out;
}

}  // namespace

Outcome<std::vector<ProfileSource>> profile_sources(const EtwApi& api) {
    if (api.query_information == nullptr) {
        return Failure{Code::kNotSupported,
                       "this system does not list what it can count (TraceQueryInformation)"};
    }
    for (size_t room = kFirstAnswer;; room *= 2) {
        std::vector<std::byte> answer(room);
        ULONG size = 0;
        const ULONG error = api.query_information(kWholeSystem, TraceProfileSourceListInfo,
                                                  answer.data(), ULONG(room), &size);
        const bool short_of_room = error == ERROR_INSUFFICIENT_BUFFER || error == ERROR_MORE_DATA ||
                                   error == ERROR_BAD_LENGTH;
        if (short_of_room && room < kLargestAnswer) continue;
        if (error != ERROR_SUCCESS) return failure_of(error, "TraceQueryInformation", {});
        answer.resize(std::min<size_t>(size, room));
        return parse_sources(answer);
    }
}

Outcome<Ok> begin_kernel_tracing(const EtwApi& api, TRACEHANDLE session,
                                 const KernelTracing& asked) {
    return set_all(api, session, asked, !asked.stack_events.empty());
}

Outcome<Ok> change_kernel_tracing(const EtwApi& api, TRACEHANDLE session,
                                  const KernelTracing& asked) {
    return set_all(api, session, asked, true);
}

}  // namespace etw::backend_windows
