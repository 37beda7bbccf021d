// Logs that Windows wrote, against what an independent reader found in them.
#include "base/filetime.h"
#include "etw/log_reader.h"
#include "support/shared_folder.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

namespace etw::etl {
namespace {

using nlohmann::json;
using wire::ExtendedType;
using wire::HeaderType;

const std::string kFolder = etw::test::shared_folder() + "/data/etl/";

const json& expectations() {
    static const json all = [] {
        std::ifstream in(kFolder + "expected.json");
        return in ? json::parse(in) : json::object();
    }();
    return all;
}

std::string kind_name(HeaderType type) {
    switch (type) {
        case HeaderType::kSystem32:
            return "system32";
        case HeaderType::kSystem64:
            return "system64";
        case HeaderType::kCompact32:
            return "compact32";
        case HeaderType::kCompact64:
            return "compact64";
        case HeaderType::kFull32:
            return "full32";
        case HeaderType::kInstance32:
            return "instance32";
        case HeaderType::kError:
            return "error";
        case HeaderType::kMessage:
            return "message";
        case HeaderType::kPerfInfo32:
            return "perfinfo32";
        case HeaderType::kPerfInfo64:
            return "perfinfo64";
        case HeaderType::kEvent32:
            return "event32";
        case HeaderType::kEvent64:
            return "event64";
        case HeaderType::kFull64:
            return "full64";
        case HeaderType::kInstance64:
            return "instance64";
    }
    return "?";
}

constexpr std::pair<ExtendedType, const char*> kItems[] = {
    {ExtendedType::kRelatedActivityId, "RELATED_ACTIVITYID"},
    {ExtendedType::kStackTrace64, "STACK_TRACE64"},
    {ExtendedType::kEventSchemaTl, "EVENT_SCHEMA_TL"},
    {ExtendedType::kProviderTraits, "PROV_TRAITS"},
};

// A FILETIME the way expected.json has it; null for 0.
json time_text(int64_t filetime) {
    if (filetime == 0) return nullptr;
    const std::time_t seconds = (filetime - kFileTimeOfUnixEpoch) / 10'000'000;
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:07}Z", fmt::gmtime(seconds), filetime % 10'000'000);
}

std::vector<std::string> file_names() {
    std::vector<std::string> names;
    for (const auto& [name, value] : expectations().items()) names.push_back(name);
    if (names.empty()) names.push_back("shared files");  // a test that says why it does not run
    return names;
}

class RealFile : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        if (expectations().empty()) GTEST_SKIP() << "no files in " << kFolder;
        want_ = expectations().at(GetParam());
        auto reader = LogReader::open(kFolder + GetParam());
        ASSERT_TRUE(reader) << reader.error().what;
        reader_.emplace(*std::move(reader));
    }
    json want_;
    std::optional<LogReader> reader_;
};

INSTANTIATE_TEST_SUITE_P(All, RealFile, testing::ValuesIn(file_names()), [](const auto& test) {
    std::string name = test.param;
    for (char& c : name) {
        if (!isalnum(static_cast<unsigned char>(c))) c = '_';
    }
    return name;
});

TEST_P(RealFile, HeaderHasTheFieldsOfTheIndependentReader) {
    const auto& header = reader_->header();
    const auto& fixed = header.fixed;
    const json& want = want_["header"];
    EXPECT_EQ(reader_->buffer_count(), want_["buffers"]);
    EXPECT_EQ(reader_->size_bytes(), want_["bytes"]);
    EXPECT_EQ(reader_->events_lost(), want_["events_lost"]);
    EXPECT_EQ(reader_->buffers_lost(), want_["buffers_lost"]);
    EXPECT_EQ(reader_->finished(), !want["end"].is_null());
    EXPECT_EQ(fixed.buffer_size, want["buffer_size"]);
    EXPECT_EQ(fmt::format("{}.{}.{}.{}", fixed.os_major, fixed.os_minor, fixed.format_major,
                          fixed.format_minor),
              want["version"]);
    EXPECT_EQ(fixed.provider_version, want["provider_version"]);
    EXPECT_EQ(fixed.processors, want["processors"]);
    EXPECT_EQ(time_text(fixed.end_time), want["end"]);
    EXPECT_EQ(fixed.timer_resolution, want["timer_resolution"]);
    EXPECT_EQ(fixed.max_file_size, want["max_file_mb"]);
    EXPECT_EQ(fmt::format("{:#x}", fixed.log_file_mode), want["mode"]);
    EXPECT_EQ(fixed.buffers_written, want["buffers_written"]);
    EXPECT_EQ(fixed.start_buffers, want["start_buffers"]);
    EXPECT_EQ(fixed.pointer_size, want["pointer_size"]);
    EXPECT_EQ(fixed.cpu_mhz, want["mhz"]);
    EXPECT_EQ(fixed.time_zone.bias, want["tz_bias"]);
    EXPECT_EQ(fixed.time_zone.standard_bias, want["tz_stdbias"]);
    EXPECT_EQ(fixed.time_zone.daylight_bias, want["tz_dltbias"]);
    EXPECT_EQ(time_text(fixed.boot_time), want["boot"]);
    EXPECT_EQ(fixed.perf_frequency, want["freq"]);
    EXPECT_EQ(time_text(fixed.start_time), want["start"]);
    EXPECT_EQ(fixed.clock_type, want["clock"]);
    EXPECT_EQ(header.logger_name, want["strings"][0]);
    EXPECT_EQ(header.log_file_name, want["strings"][1]);
}

TEST_P(RealFile, RecordsAreAllThereAndNothingIsDamaged) {
    std::map<std::string, uint64_t> kinds, cpus, items;
    uint64_t count = 0;
    int64_t first = std::numeric_limits<int64_t>::max(), last = 0;
    Record record;
    while (reader_->next(record)) {
        if (count == 0) {
            EXPECT_EQ(record.hook_id, 0);
            EXPECT_EQ(record.time_stamp, reader_->header().start_raw);
        }
        ++count;
        ++kinds[kind_name(record.type)];
        ++cpus[std::to_string(record.cpu)];
        for (const auto& [type, name] : kItems) {
            if (find_extended(record, type)) ++items[name];
        }
        first = std::min(first, record.time_stamp);
        last = std::max(last, record.time_stamp);
    }
    EXPECT_EQ(count, want_["records"]);
    EXPECT_EQ(json(kinds), want_["kinds"]);
    EXPECT_EQ(json(cpus), want_["records_per_cpu"]);
    json want_items = want_["extended_items"];
    for (const char* trait : {"trait1", "trait2", "trait3"}) want_items.erase(trait);
    EXPECT_EQ(items.empty() ? json::object() : json(items), want_items);
    EXPECT_EQ(time_text(reader_->time().to_filetime(first)), want_["first_time"]);
    EXPECT_EQ(time_text(reader_->time().to_filetime(last)), want_["last_time"]);
    EXPECT_EQ(reader_->consumed_bytes(), reader_->size_bytes());
    EXPECT_EQ(reader_->damage().buffers, 0u);
    EXPECT_EQ(reader_->damage().records, 0u);
    EXPECT_EQ(reader_->damage().first, "");
}

// Also in files of tools that stamp buffers with FILETIMEs, not with the session's clock.
TEST_P(RealFile, DescribesItsBuffers) {
    constexpr int64_t kDay = 864'000'000'000;
    const auto buffers = reader_->buffers();
    ASSERT_EQ(buffers.size() + 1, reader_->buffer_count());
    const int64_t start = reader_->header().fixed.start_time;
    for (const BufferInfo& buffer : buffers) {
        EXPECT_GE(buffer.time, start);
        EXPECT_LT(buffer.time, start + kDay);
        EXPECT_GT(buffer.filled, sizeof(wire::BufferHeader));
    }
}

TEST_P(RealFile, TimesNeverFallAfterTheHeaderEvent) {
    Record record;
    ASSERT_TRUE(reader_->next(record));
    int64_t previous = std::numeric_limits<int64_t>::min();
    uint64_t inversions = 0;
    while (reader_->next(record)) {
        inversions += record.time_stamp < previous;
        previous = record.time_stamp;
    }
    EXPECT_EQ(inversions, 0u);
}

}  // namespace
}  // namespace etw::etl
