#include "backend_windows/providers.h"

#include "backend_windows/backend.h"
#include "backend_windows/text.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>

namespace etw::backend_windows {
namespace {

using session::Failure;
using session::Outcome;
using session::ProviderEnable;
using session::RegisteredProvider;

constexpr size_t kFirstAnswer = 64 * 1024;
constexpr size_t kLargestAnswer = size_t{64} << 20;

// The whole of what `call(memory, size)` answers, however large it has become since the last
// attempt, or the system's error.
template <class Call>
ULONG whole_answer(Call call, std::vector<std::byte>& out) {
    out.resize(kFirstAnswer);
    for (;;) {
        auto size = ULONG(out.size());
        const ULONG error = call(out.data(), &size);
        if (error == ERROR_SUCCESS) {
            out.resize(std::min<size_t>(size, out.size()));
            return error;
        }
        const size_t wanted = std::max<size_t>(size, 2 * out.size());
        if (error != ERROR_INSUFFICIENT_BUFFER || wanted > kLargestAnswer) return error;
        out.resize(wanted);
    }
}

Outcome<std::vector<std::byte>> ask(const EtwApi& api, TRACE_QUERY_INFO_CLASS what, void* in,
                                    ULONG in_size) {
    if (api.enumerate_guids == nullptr) {
        return Failure{Code::kNotSupported,
                       "this system has no event tracing (EnumerateTraceGuidsEx)"};
    }
    std::vector<std::byte> out;
    const ULONG error = whole_answer(
        [&](std::byte* memory, ULONG* size) {
            return api.enumerate_guids(what, in, in_size, memory, *size, size);
        },
        out);
    if (error != ERROR_SUCCESS) return failure_of(error, "EnumerateTraceGuidsEx", {});
    return out;
}

// A struct at an offset of an answer, if it is whole.
template <class T>
bool read(const std::vector<std::byte>& answer, size_t offset, T& out) {
    if (offset > answer.size() || answer.size() - offset < sizeof(T)) return false;
    std::memcpy(&out, answer.data() + offset, sizeof(T));
    return true;
}

// Up to its NUL or the end of the answer.
std::string text_at(const std::vector<std::byte>& answer, size_t offset) {
    std::wstring text;
    for (wchar_t unit = 0; read(answer, offset, unit) && unit != 0; offset += sizeof(unit)) {
        text += unit;
    }
    return from_wide(text);
}

// Of the providers that this system has descriptions of. Names are an extra: without them the
// providers are listed all the same.
std::map<Guid, std::string> provider_names(const EtwApi& api) {
    std::map<Guid, std::string> names;
    std::vector<std::byte> answer;
    PROVIDER_ENUMERATION_INFO head;
    const bool answered = api.enumerate_providers != nullptr &&
                          whole_answer(
                              [&](std::byte* memory, ULONG* size) {
                                  return api.enumerate_providers(
                                      reinterpret_cast<PROVIDER_ENUMERATION_INFO*>(memory), size);
                              },
                              answer) == ERROR_SUCCESS;
    constexpr size_t kList = offsetof(PROVIDER_ENUMERATION_INFO, TraceProviderInfoArray);
    if (!answered || answer.size() < kList) return names;
    std::memcpy(&head, answer.data(), kList);
    for (ULONG i = 0; i < head.NumberOfProviders; ++i) {
        TRACE_PROVIDER_INFO info;
        if (!read(answer, kList + i * sizeof(info), info)) break;
        if (info.ProviderNameOffset == 0) continue;
        names[from_system(info.ProviderGuid)] = text_at(answer, info.ProviderNameOffset);
    }
    return names;
}

void add_enable(const TRACE_ENABLE_INFO& info, const Guid& guid, RegisteredProvider& out) {
    if (info.IsEnabled == 0) return;
    ProviderEnable how;
    how.guid = guid;
    how.level = info.Level;
    how.match_any_keyword = info.MatchAnyKeyword;
    how.match_all_keyword = info.MatchAllKeyword;
    how.enable_property = info.EnableProperty;
    const auto known = std::find_if(
        out.sessions.begin(), out.sessions.end(),
        [&](const RegisteredProvider::Enabled& e) { return e.logger_id == info.LoggerId; });
    if (known == out.sessions.end()) out.sessions.push_back({info.LoggerId, std::move(how)});
}

// TRACE_GUID_INFO, then an instance for each process with what enabled it behind it.
void add_instances(const std::vector<std::byte>& answer, RegisteredProvider& out) {
    TRACE_GUID_INFO head;
    if (!read(answer, 0, head)) return;
    size_t at = sizeof(head);
    for (ULONG i = 0; i < head.InstanceCount; ++i) {
        TRACE_PROVIDER_INSTANCE_INFO info;
        if (!read(answer, at, info)) return;
        RegisteredProvider::Instance instance;
        instance.pid = info.Pid;
        for (ULONG k = 0; k < info.EnableCount; ++k) {
            TRACE_ENABLE_INFO enable;
            if (!read(answer, at + sizeof(info) + k * sizeof(enable), enable)) break;
            add_enable(enable, out.guid, out);
            if (enable.IsEnabled != 0) instance.logger_ids.push_back(enable.LoggerId);
        }
        std::sort(instance.logger_ids.begin(), instance.logger_ids.end());
        // Enabled before anybody registered it: no process yet.
        if ((info.Flags & TRACE_PROVIDER_FLAG_PRE_ENABLE) == 0) {
            out.pids.push_back(info.Pid);
            out.instances.push_back(std::move(instance));
        }
        if (info.NextOffset == 0) return;
        at += info.NextOffset;
    }
}

Outcome<std::vector<RegisteredProvider>> all_providers(const EtwApi& api) {
    ETW_TRY(const auto list, ask(api, TraceGuidQueryList, nullptr, 0));
    std::vector<RegisteredProvider> all;
    for (size_t at = 0; at + sizeof(GUID) <= list.size(); at += sizeof(GUID)) {
        GUID guid;
        std::memcpy(&guid, list.data() + at, sizeof(guid));
        RegisteredProvider provider;
        provider.guid = from_system(guid);
        // One that has just gone is shown without processes.
        if (const auto info = ask(api, TraceGuidQueryInfo, &guid, sizeof(guid))) {
            add_instances(*info, provider);
        }
        std::sort(provider.pids.begin(), provider.pids.end());
        provider.pids.erase(std::unique(provider.pids.begin(), provider.pids.end()),
                            provider.pids.end());
        std::sort(provider.sessions.begin(), provider.sessions.end(),
                  [](const auto& a, const auto& b) { return a.logger_id < b.logger_id; });
        all.push_back(std::move(provider));
    }
    return all;
}

}  // namespace

Outcome<std::vector<RegisteredProvider>> registered_providers(const EtwApi& api) {
    ETW_TRY(auto all, all_providers(api));
    // Those that are only enabled in advance are not registered.
    std::erase_if(all, [](const RegisteredProvider& p) { return p.instances.empty(); });
    const auto names = provider_names(api);
    for (RegisteredProvider& provider : all) {
        if (const auto it = names.find(provider.guid); it != names.end())
            provider.name = it->second;
    }
    return all;
}

Outcome<EnabledProviders> enabled_providers(const EtwApi& api) {
    ETW_TRY(const auto all, all_providers(api));
    EnabledProviders out;
    for (const RegisteredProvider& provider : all) {
        for (const RegisteredProvider::Enabled& enabled : provider.sessions) {
            out[enabled.logger_id].push_back(enabled.how);
        }
    }
    return out;
}

}  // namespace etw::backend_windows
