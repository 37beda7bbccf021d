// The device that is always full; there is none on Windows.
#include "export/out_file.h"

#include <gtest/gtest.h>

namespace etw::exports {
namespace {

TEST(OutFile, ReportsAFullDevice) {
    auto full = OutFile::create("/dev/full");
    ASSERT_TRUE(full) << "a device is written directly";
    ASSERT_TRUE(full->write("x"));
    const Status done = full->finish();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::kDiskFull);
}

}  // namespace
}  // namespace etw::exports
