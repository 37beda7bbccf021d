// What stands in the registry after GlobalLogger and AutoLoggers are configured, byte by byte, and
// what is left of it where something fails.
#include "backend_windows/backend.h"
#include "recording_api.h"
#include "recording_registry.h"
#include "session/boot_rules.h"

#include <gtest/gtest.h>

namespace etw::backend_windows {
namespace {

using session::BootProvider;
using session::BootSession;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;
using Values = RecordingRegistry::Values;

constexpr Guid kProvider = {0xd58c126f, 0xb309, 0x11d1, {0x96, 0x9e, 0, 0, 0xf8, 0x75, 0xa5, 0xbc}};
constexpr char kProviderKey[] = "\\{d58c126f-b309-11d1-969e-0000f875a5bc}";
constexpr Guid kOwn = {0x12345678, 0x1234, 0x5678, {1, 2, 3, 4, 5, 6, 7, 8}};
const std::string kGlobal = "SYSTEM\\CurrentControlSet\\Control\\WMI\\GlobalLogger";
const std::string kAuto = "SYSTEM\\CurrentControlSet\\Control\\WMI\\Autologger\\Größe Ω";

RegistryData dword(uint32_t value) {
    return {4, {uint8_t(value), uint8_t(value >> 8), uint8_t(value >> 16), uint8_t(value >> 24)}};
}

RegistryData sz(const std::string& ascii) {
    RegistryData out{1, {}};
    for (const char c : ascii) {
        out.bytes.push_back(uint8_t(c));
        out.bytes.push_back(0);
    }
    out.bytes.insert(out.bytes.end(), 2, 0);
    return out;
}

class BootTest : public testing::Test {
protected:
    static BootSession auto_logger() {
        BootSession boot = session::boot_defaults("Größe Ω", "");
        boot.start = true;
        session::Properties& p = boot.properties;
        p.guid = kOwn;
        p.log_file = "D:\\a.etl";
        BootProvider& provider = boot.providers.emplace_back();
        provider.how.guid = kProvider;
        return boot;
    }
    static BootSession global_logger() {
        BootSession boot = session::boot_defaults("GlobalLogger", "");
        boot.start = true;
        boot.properties.log_file.clear();
        return boot;
    }

    RecordingApi api_;
    RecordingRegistry registry_{api_.table()};
    Backend backend_{api_.table()};
};

TEST_F(BootTest, AnAutoLoggerIsTheDocumentedValues) {
    BootSession boot = auto_logger();
    session::Properties& p = boot.properties;
    p.buffer_size_kb = 128;
    p.minimum_buffers = 10;
    p.maximum_buffers = 0x1234;
    p.flush_timer_s = 7;
    p.clock = ClockType::kSystemTime;
    p.log_file_mode = kModeCircular | kModeIndependent;
    p.maximum_file_size = 50;
    BootProvider& provider = boot.providers[0];
    provider.how.level = 5;
    provider.enable_flags = 0x80000001;
    provider.how.match_any_keyword = 0x8000000000000002;
    provider.how.match_all_keyword = 0x4;
    provider.how.enable_property = 0x185;
    const auto configured = backend_.configure_boot(boot);
    ASSERT_TRUE(configured) << configured.error().detail;
    EXPECT_EQ(configured->file, "HKLM\\" + kAuto);
    EXPECT_EQ(configured->session.properties.guid, kOwn);
    EXPECT_EQ(registry_.access, uint32_t{KEY_READ | KEY_WRITE | DELETE | KEY_WOW64_64KEY});
    EXPECT_EQ(registry_.keys.at(kAuto), (Values{
                                            {"Start", dword(1)},
                                            {"Guid", sz("{12345678-1234-5678-0102-030405060708}")},
                                            {"BufferSize", dword(128)},
                                            {"MinimumBuffers", dword(10)},
                                            {"MaximumBuffers", dword(0x1234)},
                                            {"FlushTimer", dword(7)},
                                            {"ClockType", dword(2)},
                                            {"LogFileMode", dword(0x08000002)},
                                            {"MaxFileSize", dword(50)},
                                            {"FileName", sz("D:\\a.etl")},
                                        }));
    EXPECT_EQ(registry_.keys.at(kAuto + kProviderKey),
              (Values{
                  {"Enabled", dword(1)},
                  {"EnableLevel", dword(5)},
                  {"EnableFlags", dword(0x80000001)},
                  {"EnableProperty", dword(0x185)},
                  {"MatchAnyKeyword", {11, {2, 0, 0, 0, 0, 0, 0, 0x80}}},
                  {"MatchAllKeyword", {11, {4, 0, 0, 0, 0, 0, 0, 0}}},
              }));
    EXPECT_EQ(registry_.keys.size(), 2u);
}

TEST_F(BootTest, WhatNobodyAskedForIsLeftToTheSystem) {
    ASSERT_TRUE(backend_.configure_boot(auto_logger()));
    EXPECT_EQ(registry_.keys.at(kAuto), (Values{
                                            {"Start", dword(1)},
                                            {"Guid", sz("{12345678-1234-5678-0102-030405060708}")},
                                            {"ClockType", dword(1)},
                                            {"LogFileMode", dword(1)},
                                            {"MaxFileSize", dword(100)},
                                            {"FileName", sz("D:\\a.etl")},
                                        }))
        << "the limit is that of a sequential log";
    EXPECT_EQ(registry_.keys.at(kAuto + kProviderKey), (Values{{"Enabled", dword(1)}}));
}

TEST_F(BootTest, GlobalLoggerHasLevelAndFlagsForItsProviders) {
    BootSession boot = global_logger();
    boot.properties.maximum_file_size = 20;
    boot.properties.log_file_mode = kModeSequential;
    BootProvider& provider = boot.providers.emplace_back();
    provider.how.guid = kProvider;
    provider.how.level = 4;
    provider.how.match_any_keyword = 0xFFFFFFFF;
    provider.enable_flags = 0x10;
    const auto configured = backend_.configure_boot(boot);
    ASSERT_TRUE(configured) << configured.error().detail;
    const std::string log = configured->session.properties.log_file;
    EXPECT_THAT(log, testing::EndsWith("\\System32\\LogFiles\\WMI\\trace.log"));
    EXPECT_EQ(registry_.keys.at(kGlobal), (Values{
                                              {"Start", dword(1)},
                                              {"BufferSize", dword(64)},
                                              {"MinimumBuffers", dword(3)},
                                              {"MaximumBuffers", dword(25)},
                                              {"ClockType", dword(1)},
                                              {"LogFileMode", dword(1)},
                                              {"MaximumFileSize", dword(20)},
                                              {"MaxFileSize", dword(20)},
                                              {"FileName", sz(log)},
                                          }));
    EXPECT_EQ(registry_.keys.at(kGlobal + kProviderKey),
              (Values{{"Level", dword(4)}, {"Flags", dword(0xFFFFFFFF)}}))
        << "the keyword counts before the flags";
}

TEST_F(BootTest, StartIsWrittenLast) {
    ASSERT_TRUE(backend_.configure_boot(auto_logger()));
    EXPECT_EQ(registry_.calls.back(), "set " + kAuto + "\\Start");
}

TEST_F(BootTest, WhatHandsHaveWrittenStaysAndTheRestIsReplaced) {
    const Values hands = {
        {"FileMax", dword(5)},
        {"FileCounter", dword(3)},
        {"EnableKernelFlags", {3, {1, 2, 3, 4, 5, 6, 7, 8}}},
        {"Boot", dword(1)},
        {"DisableRealtimePersistence", dword(1)},
        {"Another", {7, {1, 0, 0, 0}}},
    };
    Values before = hands;
    before["Status"] = dword(161);
    before["FlushTimer"] = dword(9);
    before["FileName"] = {2, sz("%SystemRoot%\\x.etl").bytes};
    before["LogFileMode"] = dword(0x2);
    before["MaxFileSize"] = dword(7);
    registry_.keys[kGlobal] = before;
    const std::string other = kGlobal + "\\{00000001-0002-0003-0405-060708090a0b}";
    registry_.keys[other] = {{"Level", dword(0xFFFF)}, {"Flags", dword(2)}};
    registry_.keys[kGlobal + "\\Notes"] = {};
    BootSession boot = global_logger();
    boot.properties.log_file = "D:\\g.etl";
    const auto configured = backend_.configure_boot(boot);
    ASSERT_TRUE(configured) << configured.error().detail;
    const Values& now = registry_.keys.at(kGlobal);
    for (const auto& [name, data] : hands) {
        ASSERT_TRUE(now.contains(name)) << name;
        EXPECT_EQ(now.at(name), data) << name;
    }
    EXPECT_EQ(now.count("Status"), 0u) << "that of what was configured before";
    EXPECT_EQ(now.count("FlushTimer"), 0u);
    EXPECT_EQ(now.count("LogFileMode"), 0u);
    EXPECT_EQ(now.at("MaxFileSize"), dword(0));
    EXPECT_EQ(now.at("FileName"), sz("D:\\g.etl"));
    EXPECT_THAT(registry_.calls, Not(testing::Contains("set " + kGlobal + "\\FileMax")));
    const BootSession& shown = configured->session;
    EXPECT_EQ(shown.file_max, 5u);
    EXPECT_THAT(shown.kernel_flags, ElementsAre(0x04030201u, 0x08070605u));
    ASSERT_EQ(shown.providers.size(), 1u) << "a key that is no GUID is no provider";
    EXPECT_EQ(shown.providers[0].how.level, 0xFF);
    EXPECT_EQ(shown.providers[0].enable_flags, 2u);
}

TEST_F(BootTest, WhatTheRegistryHasNoValueForIsRefusedByName) {
    BootSession boot = auto_logger();
    boot.properties.flush_threshold = 3;
    EXPECT_THAT(backend_.configure_boot(boot).error().detail, HasSubstr("-bt"));
    boot = auto_logger();
    boot.properties.name = "a\\b";
    EXPECT_EQ(backend_.configure_boot(boot).error().code, Code::kInvalidName);
    for (const auto& set :
         {+[](session::ProviderEnable& how) { how.match_any_keyword = 1ull << 32; },
          +[](session::ProviderEnable& how) { how.match_all_keyword = 1; },
          +[](session::ProviderEnable& how) { how.enable_property = 4; }}) {
        boot = global_logger();
        boot.providers.resize(1);
        boot.providers[0].how.guid = kProvider;
        set(boot.providers[0].how);
        const auto refused = backend_.configure_boot(boot);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Code::kInvalidParameter);
        EXPECT_THAT(refused.error().detail, HasSubstr("-addautologger"));
    }
    boot = global_logger();
    boot.properties.log_file_mode = kModeRealTime;
    EXPECT_EQ(backend_.configure_boot(boot).error().code, Code::kInvalidParameter);
    EXPECT_THAT(registry_.calls, IsEmpty());
}

TEST_F(BootTest, AValueOfTheWrongTypeIsNamedAndStays) {
    const Values before = {{"BufferSize", sz("big")}};
    registry_.keys[kAuto] = before;
    const auto refused = backend_.configure_boot(auto_logger());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalidData);
    EXPECT_THAT(refused.error().detail, HasSubstr("BufferSize"));
    EXPECT_EQ(registry_.keys.at(kAuto), before);
}

// Whichever call fails, nothing is left of the rest.
TEST_F(BootTest, AFailureLeavesWhatWasThere) {
    ASSERT_TRUE(backend_.configure_boot(auto_logger()));
    const std::vector<std::string> calls = std::exchange(registry_.calls, {});
    for (const bool existed : {false, true}) {
        std::map<std::string, Values> before;
        if (existed) before = {{kAuto, {{"BufferSize", dword(4)}, {"Start", dword(0)}}}};
        for (const std::string& call : calls) {
            registry_.keys = before;
            registry_.fail = {{call, ERROR_ACCESS_DENIED}};
            const auto refused = backend_.configure_boot(auto_logger());
            ASSERT_FALSE(refused) << call;
            EXPECT_EQ(refused.error().code, Code::kAccessDenied);
            EXPECT_THAT(refused.error().detail, HasSubstr("elevated"));
            EXPECT_EQ(registry_.keys, before) << call;
        }
    }
}

TEST_F(BootTest, QuestionsThatFailChangeNothing) {
    registry_.keys[kAuto] = {{"Start", dword(0)}};
    registry_.keys[kAuto + kProviderKey] = {};
    const auto before = registry_.keys;
    for (const std::string& call :
         {"open " + kAuto, "query " + kAuto + "\\Guid", "enum " + kAuto,
          "open " + kAuto + kProviderKey, "query " + kAuto + kProviderKey + "\\Enabled"}) {
        registry_.fail = {{call, 1450}};
        const auto refused = backend_.configure_boot(auto_logger());
        ASSERT_FALSE(refused) << call;
        EXPECT_EQ(refused.error().code, Code::kNoSystemResources);
        EXPECT_THAT(refused.error().detail, HasSubstr(kAuto));
        EXPECT_EQ(registry_.keys, before);
    }
}

TEST_F(BootTest, RemoveLeavesAStartOf0) {
    ASSERT_TRUE(backend_.configure_boot(global_logger()));
    registry_.keys[kGlobal + kProviderKey] = {{"Level", dword(1)}};
    registry_.keys["SYSTEM\\Other"] = {};
    registry_.calls.clear();
    const auto left = backend_.remove_boot("globallogger");
    ASSERT_TRUE(left);
    EXPECT_FALSE(left->session.start);
    EXPECT_EQ(left->file, "HKLM\\" + kGlobal);
    EXPECT_EQ(registry_.keys, (std::map<std::string, Values>{{kGlobal, {{"Start", dword(0)}}},
                                                             {"SYSTEM\\Other", {}}}));
    EXPECT_THAT(registry_.calls,
                ElementsAre("create " + kGlobal, "tree " + kGlobal, "set " + kGlobal + "\\Start"));
    for (const std::string& call : std::vector(registry_.calls)) {
        registry_.fail = {{call, ERROR_ACCESS_DENIED}};
        EXPECT_EQ(backend_.remove_boot("GlobalLogger").error().code, Code::kAccessDenied) << call;
    }
}

TEST_F(BootTest, AnAutoLoggerIsTakenAwayByItsKey) {
    const auto refused = backend_.remove_boot("A");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalidParameter);
    EXPECT_THAT(refused.error().detail, HasSubstr("reg delete \"HKLM\\SYSTEM"));
    EXPECT_THAT(registry_.calls, IsEmpty());
}

TEST_F(BootTest, LongValuesGetTheRoomTheyNeed) {
    const std::string path(1000, 'x');
    registry_.keys[kAuto] = {{"FileName", sz(path)}, {"Boot", {3, std::vector<uint8_t>(70000)}}};
    EXPECT_THAT(backend_.configure_boot(auto_logger()).error().detail, HasSubstr("64 KB"));
    registry_.keys[kAuto].erase("Boot");
    EXPECT_TRUE(backend_.configure_boot(auto_logger()));
}

}  // namespace
}  // namespace etw::backend_windows
