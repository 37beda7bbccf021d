// EnumerateTraceGuidsEx: its answers are long, grow between two calls, and hold offsets.
#include "backend_windows/providers.h"

#include "recording_api.h"

#include <gtest/gtest.h>

namespace etw::backend_windows {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

GUID guid(uint32_t number) { return {number, 0, 0, {}}; }

template <class T>
void append(std::vector<std::byte>& out, const T& value) {
    const auto* const from = reinterpret_cast<const std::byte*>(&value);
    out.insert(out.end(), from, from + sizeof(value));
}

struct Instance {
    ULONG pid;
    ULONG flags;
    std::vector<USHORT> loggers;
};

std::vector<std::byte> info(const std::vector<Instance>& instances) {
    std::vector<std::byte> out;
    append(out, TRACE_GUID_INFO{ULONG(instances.size()), 0});
    for (size_t i = 0; i < instances.size(); ++i) {
        TRACE_PROVIDER_INSTANCE_INFO head{};
        const auto& loggers = instances[i].loggers;
        const auto size = ULONG(sizeof(head) + loggers.size() * sizeof(TRACE_ENABLE_INFO));
        head.NextOffset = i + 1 < instances.size() ? size : 0;
        head.EnableCount = ULONG(loggers.size());
        head.Pid = instances[i].pid;
        head.Flags = instances[i].flags;
        append(out, head);
        for (const USHORT logger : loggers) {
            TRACE_ENABLE_INFO enable{};
            enable.IsEnabled = 1;
            enable.Level = 4;
            enable.LoggerId = logger;
            enable.EnableProperty = 0x4;
            enable.MatchAnyKeyword = 0xF0;
            enable.MatchAllKeyword = 0x0F;
            append(out, enable);
        }
    }
    return out;
}

class ProvidersTest : public testing::Test {
protected:
    void answer(std::vector<std::pair<uint32_t, std::vector<Instance>>> providers) {
        api_.enumerate = [providers](TRACE_QUERY_INFO_CLASS what, const GUID* which) {
            if (what == TraceGuidQueryInfo) {
                for (const auto& [number, instances] : providers) {
                    if (number == which->Data1) return info(instances);
                }
                return std::vector<std::byte>();
            }
            EXPECT_EQ(what, TraceGuidQueryList);
            std::vector<std::byte> list;
            for (const auto& [number, instances] : providers) append(list, guid(number));
            return list;
        };
    }
    RecordingApi api_;
};

TEST_F(ProvidersTest, AProviderHasItsProcessesAndSessions) {
    answer({{7, {{30, 0, {2}}, {20, 0, {2, 1}}}}});
    const auto all = registered_providers(api_.table());
    ASSERT_TRUE(all);
    ASSERT_THAT(*all, SizeIs(1));
    const auto& provider = (*all)[0];
    EXPECT_EQ(provider.guid.data1, 7u);
    EXPECT_THAT(provider.pids, ElementsAre(20u, 30u));
    ASSERT_THAT(provider.sessions, SizeIs(2));
    EXPECT_EQ(provider.sessions[0].logger_id, 1u);
    EXPECT_EQ(provider.sessions[1].logger_id, 2u);
    EXPECT_EQ(provider.sessions[1].how.level, 4);
    EXPECT_EQ(provider.sessions[1].how.match_any_keyword, 0xF0u);
    EXPECT_EQ(provider.sessions[1].how.match_all_keyword, 0x0Fu);
    EXPECT_EQ(provider.sessions[1].how.enable_property, 0x4u);
    ASSERT_THAT(provider.instances, SizeIs(2));
    EXPECT_THAT(provider.instances[1].logger_ids, ElementsAre(1u, 2u));
}

TEST_F(ProvidersTest, WhatIsOnlyEnabledInAdvanceIsOfASessionButNotRegistered) {
    answer({{7, {{0, TRACE_PROVIDER_FLAG_PRE_ENABLE, {3}}}}});
    const auto all = registered_providers(api_.table());
    ASSERT_TRUE(all);
    EXPECT_THAT(*all, IsEmpty());
    auto enabled = enabled_providers(api_.table());
    ASSERT_TRUE(enabled);
    ASSERT_THAT((*enabled)[3], SizeIs(1));
    EXPECT_EQ((*enabled)[3][0].guid.data1, 7u);
}

TEST_F(ProvidersTest, LongAnswersGetTheRoomTheyNeed) {
    std::vector<std::pair<uint32_t, std::vector<Instance>>> many;
    for (uint32_t i = 1; i <= 6000; ++i) many.push_back({i, {{i, 0, {}}}});
    answer(many);  // 96,000 bytes of GUIDs
    const auto all = registered_providers(api_.table());
    ASSERT_TRUE(all);
    EXPECT_THAT(*all, SizeIs(6000));
}

TEST_F(ProvidersTest, AnswersThatPointOutsideThemselvesEndThere) {
    for (size_t cut = 0; cut < 200; ++cut) {
        api_.enumerate = [cut](TRACE_QUERY_INFO_CLASS what, const GUID*) {
            std::vector<std::byte> out;
            if (what == TraceGuidQueryList) {
                append(out, guid(1));
                return out;
            }
            out = info({{1, 0, {1, 2}}, {2, 0, {3}}});
            out.resize(std::min(cut, out.size()));
            return out;
        };
        EXPECT_TRUE(registered_providers(api_.table()));
    }
    api_.enumerate = [](TRACE_QUERY_INFO_CLASS what, const GUID*) {
        std::vector<std::byte> out;
        if (what == TraceGuidQueryList) {
            append(out, guid(1));
            return out;
        }
        append(out, TRACE_GUID_INFO{0xFFFFFFFF, 0});
        TRACE_PROVIDER_INSTANCE_INFO head{};
        head.NextOffset = 0xFFFFFFF0;
        head.EnableCount = 0xFFFFFFFF;
        append(out, head);
        return out;
    };
    EXPECT_TRUE(registered_providers(api_.table()));
}

// What TdhEnumerateProviders answers: the list, then the names that it has offsets of.
std::vector<std::byte> descriptions(const std::vector<std::pair<uint32_t, std::wstring>>& named) {
    constexpr size_t kList = offsetof(PROVIDER_ENUMERATION_INFO, TraceProviderInfoArray);
    std::vector<std::byte> out(kList);
    const auto count = ULONG(named.size());
    std::memcpy(out.data(), &count, sizeof(count));
    size_t at = kList + named.size() * sizeof(TRACE_PROVIDER_INFO);
    for (const auto& [number, name] : named) {
        append(out, TRACE_PROVIDER_INFO{guid(number), 0, ULONG(at)});
        at += (name.size() + 1) * sizeof(wchar_t);
    }
    for (const auto& [number, name] : named) {
        for (const wchar_t unit : name) append(out, unit);
        append(out, wchar_t{0});
    }
    return out;
}

TEST_F(ProvidersTest, ProvidersOfWhichTheSystemHasDescriptionsHaveNames) {
    answer({{7, {{30, 0, {}}}}, {8, {{30, 0, {}}}}});
    api_.providers = descriptions({{9, L"Another"}, {7, L"Microsoft-Windows-W\u00fcrfel"}});
    const auto all = registered_providers(api_.table());
    ASSERT_TRUE(all);
    ASSERT_THAT(*all, SizeIs(2));
    EXPECT_EQ((*all)[0].name, "Microsoft-Windows-W\u00fcrfel");
    EXPECT_EQ((*all)[1].name, "");
    EXPECT_THAT(api_.provider_rooms, SizeIs(1));
}

TEST_F(ProvidersTest, NamesThatNeedMoreRoomAreAskedForAgain) {
    answer({{7, {{30, 0, {}}}}});
    api_.providers = descriptions({{9, std::wstring(100'000, L'x')}, {7, L"Seven"}});
    EXPECT_EQ((*registered_providers(api_.table()))[0].name, "Seven");
    EXPECT_THAT(api_.provider_rooms, SizeIs(2));
}

TEST_F(ProvidersTest, WithoutNamesTheProvidersAreListedAllTheSame) {
    answer({{7, {{30, 0, {}}}}});
    api_.provider_code = ERROR_ACCESS_DENIED;
    ASSERT_THAT(*registered_providers(api_.table()), SizeIs(1));
    api_.provider_code = ERROR_SUCCESS;
    api_.providers = descriptions({{7, L"Seven"}});
    const ULONG too_many = 1000, past_the_end = 1u << 30;
    std::memcpy(api_.providers.data(), &too_many, sizeof(too_many));
    EXPECT_EQ((*registered_providers(api_.table()))[0].name, "Seven");
    std::memcpy(api_.providers.data() +
                    offsetof(PROVIDER_ENUMERATION_INFO, TraceProviderInfoArray) +
                    offsetof(TRACE_PROVIDER_INFO, ProviderNameOffset),
                &past_the_end, sizeof(past_the_end));
    EXPECT_EQ((*registered_providers(api_.table()))[0].name, "");
    api_.providers.resize(3);
    EXPECT_EQ((*registered_providers(api_.table()))[0].name, "");
    api_.table().enumerate_providers = nullptr;
    EXPECT_THAT(*registered_providers(api_.table()), SizeIs(1));
}

}  // namespace
}  // namespace etw::backend_windows
