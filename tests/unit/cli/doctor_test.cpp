#include "cli/doctor.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace etw::cli {
namespace {

using session::Finding;
using session::Verdict;
using testing::EndsWith;

const Finding kFine{"kernel", Verdict::kOk, "Linux 6.1", ""};
const Finding kSlow{"membarrier", Verdict::kWarning, "refused", "allow it"};
const Finding kBroken{"runtime folder", Verdict::kFailure, "full", "free space"};
const Finding kOnlyKernel{"tracefs", Verdict::kFailure, "not mounted", "mount it", true};

TEST(Doctor, EachFindingIsALineWithItsRemedy) {
    EXPECT_EQ(doctor_report({kFine, kSlow, kBroken, kOnlyKernel}, false).output,
              "ok       kernel                 Linux 6.1\n"
              "warning  membarrier             refused; remedy: allow it\n"
              "FAILED   runtime folder         full; remedy: free space\n"
              "missing  tracefs                not mounted (kernel events only); remedy: mount it\n"
              "\n1 of what a capture needs failed.\n");
}

TEST(Doctor, OnlyWhatEveryCaptureNeedsDecidesTheExitStatus) {
    EXPECT_EQ(doctor_report({kFine, kSlow, kOnlyKernel}, false).exit_status, kExitDone);
    EXPECT_EQ(doctor_report({kFine, kBroken}, false).exit_status, kExitFailed);
    EXPECT_EQ(doctor_report({kFine, kBroken}, true).exit_status, kExitFailed);
    EXPECT_THAT(doctor_report({kFine}, false).output,
                EndsWith("\nEverything that a capture needs works.\n"));
}

TEST(Doctor, JsonHasTheSame) {
    const auto document =
        nlohmann::json::parse(doctor_report({kSlow, kBroken, kOnlyKernel}, true).output);
    EXPECT_EQ(document["failed"], 1);
    ASSERT_EQ(document["checks"].size(), 3u);
    EXPECT_EQ(document["checks"][1],
              nlohmann::json::parse(R"({"check":"runtime folder","result":"failed",
                "detail":"full","remedy":"free space","needed_for":"captures"})"));
    EXPECT_EQ(document["checks"][2]["result"], "missing");
    EXPECT_EQ(document["checks"][2]["needed_for"], "kernel events");
}

}  // namespace
}  // namespace etw::cli
