// What a catalog learns of a whole log.
#include "etw/catalog.h"
#include "etw/decoder.h"
#include "event_builder.h"
#include "support/temp_folder.h"

#include <gtest/gtest.h>

#include <array>

namespace etw::decode {
namespace {

using test::ByteVector;

constexpr std::string_view kManifest =
    "<instrumentationManifest><instrumentation><events><provider name=\"Src\" "
    "guid=\"{11223344-5566-7788-0102-030405060708}\"><events><event value=\"0\" symbol=\"Hello\"/>"
    "</events></provider></events></instrumentation></instrumentationManifest>";
constexpr int kEvents = 5000;

// Many buffers of events that a manifest at the log's end describes.
class Learn : public testing::Test {
protected:
    Learn() {
        test::LogFileWriter log(path_, 4096);
        int64_t time = test::kStartRaw;
        for (int i = 0; i < kEvents; ++i) {
            ++time;
            log.add(time, test::stored_event(time, {}, {}));
        }
        ByteWriter chunk;
        chunk.write(std::array<uint8_t, 4>{1, 1, 0, 0x5B});
        chunk.write(uint16_t{1});
        chunk.write(uint16_t{0});
        chunk.append_text(kManifest);
        ++time;
        ByteVector last = test::stored_event(time, {}, chunk.bytes());
        const uint16_t id = 0xFFFE;
        std::memcpy(last.data() + offsetof(wire::EventHeader, descriptor), &id, sizeof(id));
        log.add(time, last);
        log.finish();
    }

    etl::LogReader open() const {
        auto log = etl::LogReader::open(path_);
        ETW_ASSERT(bool(log));
        return *std::move(log);
    }

    const etw::test::TempFolder folder_;
    const std::string path_ = folder_ / "log.etl";
    std::shared_ptr<Catalog> catalog_ = std::make_shared<Catalog>();
};

TEST_F(Learn, FindsAManifestThatStandsBehindItsEvents) {
    ASSERT_TRUE(catalog_->learn(open()));
    etl::LogReader log = open();
    Decoder decoder(catalog_);
    Event event;
    etl::Record record;
    int named = 0;
    while (log.next(record)) {
        decoder.decode(record, event);
        if (event.name == "Hello") ++named;
    }
    EXPECT_EQ(named, kEvents);
}

TEST_F(Learn, TellsHowFarItIs) {
    uint64_t last = 0;
    ASSERT_TRUE(catalog_->learn(open(), [&](uint64_t done, uint64_t all) {
        EXPECT_GE(done, last);
        EXPECT_LE(done, all);
        last = done;
        return true;
    }));
    EXPECT_GT(last, 0u);
}

TEST_F(Learn, EndsWhenItIsTold) {
    EXPECT_FALSE(catalog_->learn(open(), [](uint64_t, uint64_t) { return false; }));
}

}  // namespace
}  // namespace etw::decode
