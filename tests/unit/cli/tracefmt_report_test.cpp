#include "cli/tracefmt_report.h"

#include "../render/described.h"
#include "cli/tracefmt_input.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <nlohmann/json.hpp>

namespace etw::cli {
namespace {

using decode::Format;
using render::test::Described;

// A damaged or hostile log can have any times.
TEST(Elapsed, NeverOverflows) {
    constexpr int64_t kLast = std::numeric_limits<int64_t>::max();
    constexpr int64_t kFirst = std::numeric_limits<int64_t>::min();
    EXPECT_EQ(elapsed_between(10, 30), 20);
    EXPECT_EQ(elapsed_between(30, 10), 0);
    EXPECT_EQ(elapsed_between(kFirst, kLast), kLast);
    EXPECT_EQ(elapsed_between(kLast, kFirst), 0);
}

class SummaryJson : public testing::Test {
protected:
    // What a kernel event of `hook` tells is added by `fill`.
    template <class Fill>
    void event(uint16_t hook, Fill fill) {
        Described e;
        e.record.hook_id = hook;
        fill(e);
        summary_.add(e.record, e.event);
    }
    nlohmann::json json() const {
        const std::string files[] = {"k.etl"};
        return nlohmann::json::parse(summary_json(files, {}, summary_));
    }

    render::Summary summary_;
};

TEST_F(SummaryJson, HasTheProcessesOfAKernelLog) {
    for (const uint16_t hook : {uint16_t{0x0301}, uint16_t{0x0302}}) {
        event(hook, [](Described& e) {
            e.value("ProcessId", Format::kUnsigned, uint32_t{7})
                .value("ExitStatus", Format::kSigned, int32_t{-9})
                .text("ImageFileName", "ma\"ke");
        });
    }
    event(0x0301, [](Described& e) {
        e.value("ProcessId", Format::kUnsigned, uint32_t{8}).text("ImageFileName", "lasts");
    });
    EXPECT_EQ(json()["processes"], nlohmann::json::parse(R"([
        {"pid": 7, "name": "ma\"ke", "exit_status": -9, "switches": 0, "read_bytes": 0,
         "written_bytes": 0, "received_bytes": 0, "sent_bytes": 0},
        {"pid": 8, "name": "lasts", "switches": 0, "read_bytes": 0, "written_bytes": 0,
         "received_bytes": 0, "sent_bytes": 0}])"));
}

TEST_F(SummaryJson, HasTheDisksOfAKernelLog) {
    event(0x0B0B, [](Described& e) {
        e.value("DiskNumber", Format::kUnsigned, uint32_t{5}).text("Manufacturer", "M1");
    });
    for (const uint16_t hook : {uint16_t{0x010A}, uint16_t{0x010B}, uint16_t{0x010B}}) {
        event(hook, [](Described& e) {
            e.value("DiskNumber", Format::kUnsigned, uint32_t{5})
                .value("TransferSize", Format::kUnsigned, uint32_t{512});
        });
    }
    EXPECT_EQ(json()["disks"], nlohmann::json::parse(R"([
        {"disk": 5, "model": "M1", "reads": 1, "read_bytes": 512, "writes": 2,
         "written_bytes": 1024, "flushes": 0}])"));
}

TEST_F(SummaryJson, HasTheConnectionsOfAKernelLog) {
    event(0x060A, [](Described& e) {
        e.value("PID", Format::kUnsigned, uint32_t{7})
            .value("size", Format::kUnsigned, uint32_t{30})
            .value("daddr", Format::kIpv4, std::array<uint8_t, 4>{10, 0, 0, 2})
            .value("saddr", Format::kIpv4, std::array<uint8_t, 4>{10, 0, 0, 1})
            .value("dport", Format::kPort, std::array<uint8_t, 2>{0, 80})
            .value("sport", Format::kPort, std::array<uint8_t, 2>{16, 0});
    });
    EXPECT_EQ(json()["connections"], nlohmann::json::parse(R"([
        {"pid": 7, "protocol": "TCP", "local": "10.0.0.1:4096", "remote": "10.0.0.2:80",
         "received_bytes": 0, "sent_bytes": 30}])"));
}

}  // namespace
}  // namespace etw::cli
