#include "export/relog.h"

#include "etw/log_file_mode.h"
#include "export_log.h"
#include "support/shared_folder.h"

namespace etw::exports {
namespace {

using test::ByteVector;
using test::EventOptions;
using test::kStartRaw;
using test::LogFile;
using test::named_event;
using test::open_log;
using test::TempFolder;

// The raw bytes of a log's records, but for its header event's.
std::vector<ByteVector> records_of(const std::string& path) {
    etl::LogReader reader = open_log(path);
    etl::Record record;
    std::vector<ByteVector> out;
    EXPECT_TRUE(reader.next(record));
    while (reader.next(record)) out.emplace_back(record.raw.begin(), record.raw.end());
    EXPECT_EQ(reader.damage().buffers + reader.damage().records, 0u);
    return out;
}

Result<render::Summary> relog(const std::string& from, const std::string& to,
                              const render::FilterOptions& filter = {}) {
    const std::vector<etl::LogReader> logs = [&] {
        std::vector<etl::LogReader> one;
        one.push_back(open_log(from));
        return one;
    }();
    ETW_TRY(const auto exporter, Relog::create(to, logs, {}));
    return test::feed(from, *exporter, filter);
}

void expect_passes(const std::string& path) {
    const std::string checker = etw::test::shared_folder() + "/tools/etlcheck.py";
    if (!std::filesystem::exists(checker)) return;
    bool ran = false;
    const std::string report =
        test::output_of("python3 " + checker + " --strictest --pretty '" + path + "'", ran);
    if (!ran) return;
    EXPECT_NE(report.find("\"violations\": {}"), std::string::npos) << report;
    EXPECT_NE(report.find("\"departures\": {}"), std::string::npos) << report;
}

LogFile busy_log() {
    LogFile log;
    for (int64_t i = 0; i < 24; ++i) {
        const int64_t time = kStartRaw + i * 10;
        EventOptions options{.id = uint16_t(i)};
        log.add(uint16_t(i % 3), time, named_event(time, "E", options));
    }
    return log;
}

TEST(Relog, KeepsEveryRecordByteForByte) {
    TempFolder folder;
    const std::string from = busy_log().lost(5).write(folder / "from.etl");
    ASSERT_TRUE(relog(from, folder / "to.etl"));
    EXPECT_EQ(records_of(folder / "to.etl"), records_of(from));
    expect_passes(folder / "to.etl");

    const auto before = open_log(from);
    const auto after = open_log(folder / "to.etl");
    EXPECT_EQ(after.events_lost(), 5u);
    EXPECT_EQ(after.header().fixed.start_time, before.header().fixed.start_time);
    EXPECT_EQ(after.header().fixed.end_time, before.header().fixed.end_time);
    EXPECT_EQ(after.header().fixed.boot_time, before.header().fixed.boot_time);
    EXPECT_EQ(after.header().fixed.perf_frequency, before.header().fixed.perf_frequency);
    EXPECT_EQ(after.header().fixed.processors, 4u);
    EXPECT_EQ(after.header().start_raw, before.header().start_raw);
    EXPECT_EQ(after.header().logger_name, "test session");
    EXPECT_EQ(after.header().log_file_name, "ReloggedFile.ETL");
    EXPECT_EQ(after.header().fixed.log_file_mode, 0x11001u);
    EXPECT_EQ(after.header().fixed.buffers_written, 4u);
}

TEST(Relog, LeavesOutWhatTheFilterDoes) {
    TempFolder folder;
    const std::string from = busy_log().write(folder / "from.etl");
    render::FilterOptions filter;
    filter.ids = {{3, 5}};
    const auto summary = relog(from, folder / "to.etl", filter);
    ASSERT_TRUE(summary);
    EXPECT_EQ(summary->events(), 3u);
    const auto all = records_of(from);
    EXPECT_EQ(records_of(folder / "to.etl"), (std::vector<ByteVector>{all[3], all[4], all[5]}));
    expect_passes(folder / "to.etl");
}

TEST(Relog, OfNoEventIsALog) {
    TempFolder folder;
    const std::string from = busy_log().write(folder / "from.etl");
    render::FilterOptions filter;
    filter.ids = {{999, 999}};
    ASSERT_TRUE(relog(from, folder / "to.etl", filter));
    EXPECT_TRUE(records_of(folder / "to.etl").empty());
    expect_passes(folder / "to.etl");
}

TEST(Relog, KeepsWhatNamesAndDescribesTheRest) {
    TempFolder folder;
    LogFile log;
    const auto at = [](int n) { return kStartRaw + n; };
    log.add(0, at(1), test::process_event(at(1), 0x0303, 7, "a.exe"));
    const std::byte chunk[] = {std::byte{1}, std::byte{1}, std::byte{0}, std::byte{0x5B}};
    EventOptions manifest{.id = 0xFFFE};
    log.add(0, at(2), test::event_at(at(2), manifest, chunk));
    log.add(0, at(3), named_event(at(3), "Kept", {.id = 1}));
    log.add(0, at(4), named_event(at(4), "Left", {.id = 2}));
    const std::string from = log.write(folder / "from.etl");
    render::FilterOptions filter;
    filter.ids = {{1, 1}};
    const auto summary = relog(from, folder / "to.etl", filter);
    ASSERT_TRUE(summary);
    EXPECT_EQ(summary->events(), 1u) << "kept records are not among the wanted";
    EXPECT_EQ(records_of(folder / "to.etl").size(), 3u);
}

TEST(Relog, KeepsTheStacksOfEventsThatStay) {
    TempFolder folder;
    LogFile log;
    const auto stack = [](int64_t time, int64_t of) {
        ByteWriter out;
        out.write(of);
        out.write(uint32_t{7});
        out.write(uint32_t{8});
        out.write(uint64_t{0x1000});
        return test::kernel_at(time, 0x1820, 2, out.bytes());
    };
    const auto at = [](int n) { return kStartRaw + n; };
    log.add(0, at(10), test::switch_event(at(10), 1, 2, 5));
    log.add(0, at(11), stack(at(11), at(10)));
    log.add(0, at(12), test::kernel_at(at(12), 0x0F33, 2, ByteVector(8)));
    log.add(0, at(13), stack(at(13), at(12)));
    const std::string from = log.write(folder / "from.etl");
    render::FilterOptions filter;
    filter.events = {"Thread/CSwitch"};
    ASSERT_TRUE(relog(from, folder / "to.etl", filter));
    const auto all = records_of(from);
    EXPECT_EQ(records_of(folder / "to.etl"), (std::vector<ByteVector>{all[0], all[1]}));
}

TEST(Relog, RefusesLogsOfDifferentClocks) {
    TempFolder folder;
    const std::string one = busy_log().write(folder / "one.etl");
    LogFile other = busy_log();
    other.info().start_time += 3600 * int64_t{10'000'000};
    const std::string two = other.write(folder / "two.etl");
    std::vector<etl::LogReader> logs;
    logs.push_back(open_log(one));
    logs.push_back(open_log(two));
    const auto exporter = Relog::create(folder / "to.etl", logs, {});
    ASSERT_FALSE(exporter);
    EXPECT_EQ(exporter.error().code, Code::kInvalidParameter);
    EXPECT_FALSE(std::filesystem::exists(folder / "to.etl.part"));
}

// Every file of Windows comes out with the same records and passes the checker's strictest rules.
TEST(Relog, OfWindowsLogsPassesTheChecker) {
    const std::string data = etw::test::shared_folder() + "/data/etl";
    if (!std::filesystem::exists(data)) GTEST_SKIP() << "no " << data;
    TempFolder folder;
    for (const auto& entry : std::filesystem::directory_iterator(data)) {
        if (entry.path().extension() != ".etl") continue;
        SCOPED_TRACE(entry.path().filename().string());
        ASSERT_TRUE(relog(entry.path().string(), folder / "to.etl"));
        EXPECT_TRUE(records_of(folder / "to.etl") == records_of(entry.path().string()));
        if (std::filesystem::file_size(entry.path()) < 8'000'000) expect_passes(folder / "to.etl");
    }
}

}  // namespace
}  // namespace etw::exports
