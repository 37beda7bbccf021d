#include "cli/tracelog_display.h"

#include "base/filetime.h"
#include "base/platform.h"
#include "cli/json_writer.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace etw::cli {
namespace {

using nlohmann::json;
using session::EnableResult;
using session::ProviderEnable;
using session::RegisteredProvider;
using session::SessionStatus;
using testing::HasSubstr;
using testing::Not;

ProviderEnable provider(const char* guid, uint8_t level, uint64_t any) {
    ProviderEnable out;
    out.guid = *parse_guid(guid);
    out.level = level;
    out.match_any_keyword = any;
    return out;
}

SessionStatus status() {
    SessionStatus s;
    s.properties.name = "MyTrace";
    s.properties.guid = *parse_guid("52dd9cee-0000-1111-2222-333344445555");
    s.properties.buffer_size_kb = 64;
    s.properties.minimum_buffers = 4;
    s.properties.maximum_buffers = 26;
    s.properties.log_file = "/tmp/my.etl";
    s.logger_id = 29;
    s.logger_thread_id = 0x5B4;
    s.number_of_buffers = 4;
    s.free_buffers = 2;
    s.buffers_written = 1;
    s.log_file_size = 1025;
    return s;
}

// The captured block of the reference, line by line.
TEST(TracelogDisplay, PropertiesStandAtColumn24) {
    const std::string user = user_name(0).empty() ? "0" : user_name(0) + " (0)";
    EXPECT_EQ(properties_block(status()),
              "Logger Name:            MyTrace\n"
              "Logger Id:              0x1d\n"
              "Logger Thread Id:       00000000000005B4\n"
              "Guid:                   52dd9cee-0000-1111-2222-333344445555\n"
              "Buffer Size:            64 Kb\n"
              "Maximum Buffers:        26\n"
              "Minimum Buffers:        4\n"
              "Number of Buffers:      4\n"
              "Free Buffers:           2\n"
              "Buffers Written:        1\n"
              "Events Lost:            0\n"
              "Log Buffers Lost:       0\n"
              "Real Time Buffers Lost: 0\n"
              "AgeLimit:               0\n"
              "Real Time Consumers:    0\n"
              "ClockType:              PerfCounter\n"
              "Log Mode:               Sequential\n"
              "Maximum File Size:      not set\n"
              "Buffer Flush Timer:     not set\n"
              "Log Filename:           /tmp/my.etl\n"
              "Owner:                  " +
                  user +
                  "\n"
                  "Log File Size:          2 Kb\n");
}

TEST(TracelogDisplay, WhatIsSetIsShownWithItsUnit) {
    SessionStatus s = status();
    s.properties.maximum_file_size = 2;
    s.properties.flush_timer_s = 5;
    s.properties.clock = ClockType::kSystemTime;
    EXPECT_THAT(properties_block(s), HasSubstr("Maximum File Size:      2 Mb\n"));
    EXPECT_THAT(properties_block(s), HasSubstr("Buffer Flush Timer:     5 secs\n"));
    EXPECT_THAT(properties_block(s), HasSubstr("ClockType:              SystemTime\n"));
    s.properties.log_file_mode = kModeUseKilobytes;
    s.properties.clock = ClockType::kCpuCycle;
    EXPECT_THAT(properties_block(s), HasSubstr("Maximum File Size:      2 Kb\n"));
    EXPECT_THAT(properties_block(s), HasSubstr("ClockType:              CPUCycle\n"));
}

TEST(TracelogDisplay, LogModeHasItsAttributesFirst) {
    const auto mode = [](uint32_t bits) {
        SessionStatus s = status();
        s.properties.log_file_mode = bits;
        const std::string block = properties_block(s);
        const size_t at = block.find("Log Mode:") + 24;
        return block.substr(at, block.find('\n', at) - at);
    };
    EXPECT_EQ(mode(kModeSequential), "Sequential");
    EXPECT_EQ(mode(kModeCircular), "Circular");
    EXPECT_EQ(mode(kModeNewFile), "NewFile");
    EXPECT_EQ(mode(kModeAppend), "Append  Sequential");
    EXPECT_EQ(mode(kModePreallocate | kModeCircular), "Preallocate  Circular");
    EXPECT_EQ(mode(kModeSecure), "Secure  Sequential");
    EXPECT_EQ(mode(kModeBuffering), "Buffering-only");
    EXPECT_EQ(mode(kModePrivate), "Private  Sequential");
    EXPECT_EQ(mode(kModeIndependent | kModeNoPerProcessor), "Independent  LowCapacity  Sequential");
    EXPECT_EQ(mode(kModeRealTime | kModeCircular), "Circular");
}

TEST(TracelogDisplay, RealTimePagedMemoryAndSequenceNumbersHaveTheirOwnWords) {
    SessionStatus s = status();
    s.properties.log_file_mode = kModeRealTime | kModePagedMemory | kModeLocalSequence;
    s.properties.log_file.clear();
    s.properties.enable_flags = 0xFF;
    EXPECT_THAT(properties_block(s),
                HasSubstr("Buffer Size:            64 Kb using paged memory\n"));
    EXPECT_THAT(properties_block(s), HasSubstr("Log Mode:               RealTime-only\n"
                                               "Real Time mode enabled\n"));
    EXPECT_THAT(properties_block(s), HasSubstr("Enabled tracing:        0x000000ff\n"
                                               "Log Filename:           \n"
                                               "Local Sequence numbers in use.\n"));
    EXPECT_THAT(properties_block(s), Not(HasSubstr("Log File Size:")));
    s.properties.log_file_mode = kModeGlobalSequence;
    EXPECT_THAT(properties_block(s), HasSubstr("Global Sequence numbers in use.\n"));
}

TEST(TracelogDisplay, WhoseASessionIsAndWhenItEndsFollowTheKnownLines) {
    SessionStatus s = status();
    s.owner_uid = 4294967294;  // nobody's
    s.start_time = kFileTimeOfUnixEpoch + 10'000'000;
    s.properties.flush_threshold = 8;
    s.properties.owner_pid = 1234;
    s.properties.ttl_s = 600;
    s.log_unanswered_s = 12;
    EXPECT_THAT(properties_block(s), HasSubstr("Owner:                  4294967294\n"
                                               "Running Since:          1970-01-01 "));
    EXPECT_THAT(properties_block(s), HasSubstr("Log File Size:          2 Kb\n"
                                               "Log Unanswered:         12 secs: its file system "
                                               "does not answer\n"
                                               "Flush Threshold:        8 buffers\n"
                                               "Ends With Process:      1234\n"
                                               "Ends After:             600 secs\n"));
}

TEST(TracelogDisplay, ACodeThatIsNotOursHasTheSystemsText) {
    constexpr Code kPrivilegeNotHeld{1314};
    const std::string theirs = system_text(1314);
    EXPECT_THAT(operation_status(kPrivilegeNotHeld),
                HasSubstr("1314L   " + (theirs.empty() ? "Unknown error." : theirs)));
    EXPECT_THAT(operation_status(Code{UINT32_MAX}), HasSubstr("Unknown error."));
    EXPECT_EQ(theirs.find_first_of("\r\n"), std::string::npos);
}

TEST(TracelogDisplay, OperationStatusHasItsTextAtColumn32) {
    EXPECT_EQ(operation_status(Code::kOk),
              "Operation Status:       0L      The operation completed successfully.\n");
    EXPECT_EQ(
        operation_status(Code::kSessionNotFound),
        "Operation Status:       4201L   The instance name passed was not recognized as valid "
        "by a WMI data provider.\n");
}

TEST(TracelogDisplay, ProviderTable) {
    EXPECT_EQ(provider_table({provider("531ab09a-fd58-4d14-bace-bdd7f8e910eb", 2, UINT64_MAX),
                              provider("ebfe7216-281a-4601-875f-17d1cabed9e0", 255, 7)}),
              "Enabled Providers:\n"
              "## Guid                                  Level  Flags\n"
              "\n"
              "531ab09a-fd58-4d14-bace-bdd7f8e910eb      2  0xffffffffffffffff\n"
              "ebfe7216-281a-4601-875f-17d1cabed9e0    255  0x00000007\n"
              "Total of 2 providers\n");
}

TEST(TracelogDisplay, WhatTheProviderTableHasNoColumnForFollowsAsOptions) {
    ProviderEnable p = provider("531ab09a-fd58-4d14-bace-bdd7f8e910eb", 2, 1);
    p.match_all_keyword = 0x10;
    p.enable_property = 4;
    p.pids = {100, 200};
    p.exe_names = {"a", "b"};
    p.event_ids = session::EventIdFilter{false, {1, 5}};
    p.stack_walk_ids = session::EventIdFilter{true, {7}};
    EXPECT_THAT(provider_table({p}),
                HasSubstr("Total of 1 providers\n"
                          "531ab09a-fd58-4d14-bace-bdd7f8e910eb -matchallkw 0x10 -enableproperty "
                          "0x4 -ExeFilter 'a;b' -PidFilter 2 100 200 -EventIdFilter -in 2 1 5 "
                          "-StackWalkFilter -out 1 7\n"));
}

TEST(TracelogDisplay, EnableLines) {
    EXPECT_EQ(enable_lines({provider("531ab09a-fd58-4d14-bace-bdd7f8e910eb", 0, 0),
                            provider("ebfe7216-281a-4601-875f-17d1cabed9e0", 255, 0x100000007)},
                           EnableResult{status(), {Code::kOk, Code::kTimeout}}),
              "Enabling 531ab09a-fd58-4d14-bace-bdd7f8e910eb (Flags = 0x00000000 Level = 0  ) to "
              "logger 29\n"
              "Enabling ebfe7216-281a-4601-875f-17d1cabed9e0 (Flags = 0x100000007 Level = 255) to "
              "logger 29\n"
              "ERROR: Failed to enable Guid...\n"
              "Operation Status:       1460L   This operation returned because the timeout period "
              "expired.\n");
}

std::vector<RegisteredProvider> registered() {
    RegisteredProvider idle, busy;
    idle.guid = *parse_guid("1046d4b1-fce5-48bc-8def-fd33196af19a");
    busy.guid = *parse_guid("d58c126f-b309-11d1-969e-0000f875a5bc");
    busy.name = "A \"name\"";
    busy.pids = {7, 8};
    busy.sessions = {{2, provider("d58c126f-b309-11d1-969e-0000f875a5bc", 0, 0)},
                     {13, provider("d58c126f-b309-11d1-969e-0000f875a5bc", 255, 0x1F)}};
    return {idle, busy};
}

TEST(TracelogDisplay, RegisteredProviders) {
    EXPECT_EQ(registered_table(registered()),
              "##     Guid                     Enabled  LoggerId Level Flags\n"
              "------------------------------------------------------------\n"
              "1046d4b1-fce5-48bc-8def-fd33196af19a     FALSE  0    0    0\n"
              "d58c126f-b309-11d1-969e-0000f875a5bc      TRUE  2    0    0\n"
              "d58c126f-b309-11d1-969e-0000f875a5bc      TRUE  13   255  0x1f\n");
}

TEST(TracelogDisplay, AFailureShowsTheShortBlock) {
    EXPECT_EQ(failed_block("X"),
              "Logger Name:            X\n"
              "Logger Id:              0\n"
              "Logger Thread Id:       0000000000000000\n");
}

TEST(TracelogJson, OneSessionIsAnObjectOfPlainMembers) {
    SessionStatus s = status();
    s.properties.maximum_file_size = 2;
    s.properties.log_file_mode = kModeCircular;
    s.start_time = 116'444'736'000'000'000;
    s.providers = {provider("531ab09a-fd58-4d14-bace-bdd7f8e910eb", 2, 0xF)};
    const json j = json::parse(to_json(s));
    EXPECT_EQ(j["operation_status"], 0);
    EXPECT_EQ(j["name"], "MyTrace");
    EXPECT_EQ(j["logger_id"], 29);
    EXPECT_EQ(j["guid"], "52dd9cee-0000-1111-2222-333344445555");
    EXPECT_EQ(j["buffer_size_kb"], 64);
    EXPECT_EQ(j["log_mode"], "Circular");
    EXPECT_EQ(j["maximum_file_size_kb"], 2048);
    EXPECT_EQ(j["log_file"], "/tmp/my.etl");
    EXPECT_EQ(j["start_time"], "1970-01-01T00:00:00Z");
    EXPECT_EQ(j["providers"][0]["level"], 2);
    EXPECT_EQ(j["providers"][0]["match_any_keyword"], "0xf");
}

TEST(TracelogJson, ATimeThatNoClockHasShownIsLeftEmpty) {
    for (const int64_t time : {INT64_MIN, int64_t{0}, INT64_MAX}) {
        SessionStatus s = status();
        s.start_time = time;
        EXPECT_EQ(json::parse(to_json(s))["start_time"], "");
    }
    SessionStatus s = status();
    s.start_time = 2'650'467'743'999'999'999;
    EXPECT_EQ(json::parse(to_json(s))["start_time"], "9999-12-31T23:59:59Z");
}

TEST(TracelogJson, ListsAreArrays) {
    EXPECT_EQ(json::parse(to_json(std::vector<SessionStatus>())), json::array());
    EXPECT_EQ(json::parse(to_json(std::vector{status(), status()})).size(), 2u);
    const json j = json::parse(to_json(registered()));
    EXPECT_EQ(j[1]["name"], "A \"name\"");
    EXPECT_EQ(j[1]["pids"], json({7, 8}));
    EXPECT_EQ(j[1]["sessions"][1]["logger_id"], 13);
    EXPECT_EQ(j[0]["sessions"], json::array());
}

TEST(TracelogJson, EnablingTellsTheCodeOfEachProvider) {
    const json j = json::parse(to_json({provider("531ab09a-fd58-4d14-bace-bdd7f8e910eb", 0, 0)},
                                       EnableResult{status(), {Code::kTimeout}}));
    EXPECT_EQ(j["name"], "MyTrace");
    EXPECT_EQ(j["results"][0]["status"], 1460);
}

TEST(TracelogJson, AFailureIsADocumentToo) {
    const json j = json::parse(to_json("X", {Code::kBadPathname, "in use"}));
    EXPECT_EQ(j["operation_status"], 161);
    EXPECT_EQ(j["detail"], "in use");
}

TEST(JsonWriter, EscapesWhatJsonCannotHold) {
    const std::string nasty = "q\" b\\ n\n t\t z\x01 \x7F ü 衛 bad\xFF";
    JsonWriter out;
    const std::string text = out.begin_object().key(nasty).text(nasty).end_object().take();
    const json j = json::parse(text);
    const std::string clean = "q\" b\\ n\n t\t z\x01 \x7F ü 衛 bad\uFFFD";
    EXPECT_EQ(j[clean], clean);
    EXPECT_THAT(text, HasSubstr("\\u0001"));
}

}  // namespace
}  // namespace etw::cli
