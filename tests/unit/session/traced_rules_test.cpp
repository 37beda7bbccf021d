#include "session/traced_rules.h"

#include "session/rules.h"

#include <gtest/gtest.h>

namespace etw::session {
namespace {

StartRequest valid(const Guid& guid = kHeapGuid) {
    StartRequest out;
    out.properties.name = "MyTrace";
    out.properties.log_file = "/tmp/my.etl";
    out.properties.log_file_mode = kModePrivate | kModeReserved;
    ProviderEnable& how = out.providers.emplace_back();
    how.guid = guid;
    how.pids = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    return out;
}

TEST(TracedRules, HeapAndLocksOfUpToTenProcessesPass) {
    for (const Guid& guid : {kHeapGuid, kCritSecGuid}) {
        StartRequest request = valid(guid);
        EXPECT_TRUE(traces_processes(request.properties));
        EXPECT_TRUE(check(request.properties));
        EXPECT_TRUE(check_traced(request));
        request.providers[0].pids.push_back(11);
        EXPECT_FALSE(check_traced(request));
    }
}

TEST(TracedRules, NoOtherProviderAndNoneWithoutProcesses) {
    StartRequest request = valid();
    request.providers[0].pids.clear();
    EXPECT_FALSE(check_traced(request));
    request = valid(Guid{1, 2, 3, {}});
    EXPECT_FALSE(check_traced(request));
    request = valid();
    request.providers.push_back(request.providers[0]);
    EXPECT_FALSE(check_traced(request));
    request.providers.clear();
    EXPECT_FALSE(check_traced(request));
}

TEST(TracedRules, TheSessionIsAPrivateOne) {
    Properties p = valid().properties;
    p.log_file_mode = kModeReserved;
    EXPECT_FALSE(traces_processes(p));
    EXPECT_FALSE(check(p));
    p.log_file_mode = kModePrivate | kModeReserved | kModeRealTime;
    EXPECT_FALSE(check(p));
}

}  // namespace
}  // namespace etw::session
