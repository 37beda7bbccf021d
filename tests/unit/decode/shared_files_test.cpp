// Logs that Windows wrote: everything that describes itself or has a layout must decode.
#include "etw/decoder.h"
#include "etw/log_reader.h"
#include "support/shared_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace etw::decode {
namespace {

const std::string kFolder = etw::test::shared_folder() + "/data/etl";

// The one event with neither a description in its log nor a published one.
bool is_undescribed(const etl::Record& record) {
    return to_string(record.provider) == "6f669bfa-816a-4204-a824-47c8e6a00474";
}

std::vector<std::string> logs() {
    std::vector<std::string> out;
    if (!std::filesystem::exists(kFolder)) return out;
    for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
        if (entry.path().extension() == ".etl") out.push_back(entry.path().filename().string());
    }
    std::sort(out.begin(), out.end());
    return out;
}

class SharedFile : public testing::TestWithParam<std::string> {};

TEST_P(SharedFile, DecodesWhateverIsDescribed) {
    auto catalog = std::make_shared<Catalog>();
    auto learnt = etl::LogReader::open(kFolder + "/" + GetParam());
    ASSERT_TRUE(learnt);
    catalog->learn(*std::move(learnt));
    auto reader = etl::LogReader::open(kFolder + "/" + GetParam());
    ASSERT_TRUE(reader);
    Decoder decoder(catalog);
    Event event;
    etl::Record record;
    uint64_t records = 0;
    while (reader->next(record)) {
        ++records;
        decoder.decode(record, event);
        const std::string name = std::string(event.name) + "/" + std::string(event.opcode);
        ASSERT_NE(event.outcome, Outcome::kMalformed) << name << ": " << event.reason;
        const bool is_kernel = !event.opcode.empty();
        if (is_kernel) {
            ASSERT_EQ(event.outcome, Outcome::kDecoded)
                << name << " version " << int(record.descriptor.version);
        }
        if (record.descriptor.channel == wire::kChannelTraceLogging) {
            ASSERT_EQ(event.outcome, Outcome::kDecoded) << name;
        }
        const bool is_event =
            record.type == wire::HeaderType::kEvent32 || record.type == wire::HeaderType::kEvent64;
        if (is_event && !is_undescribed(record)) {
            ASSERT_EQ(event.outcome, Outcome::kDecoded)
                << to_string(record.provider) << ' ' << record.descriptor.id << ' ' << event.reason;
        }
    }
    EXPECT_GT(records, 1u);
}

std::string test_name(const testing::TestParamInfo<std::string>& file) {
    std::string name = file.param;
    for (char& c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    }
    return name;
}
INSTANTIATE_TEST_SUITE_P(All, SharedFile, testing::ValuesIn(logs()), test_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SharedFile);

}  // namespace
}  // namespace etw::decode
