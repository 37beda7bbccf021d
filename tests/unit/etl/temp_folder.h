#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <string>

namespace etw::etl::test {

// A folder of its own for one test; stays for a look when the test fails.
class TempFolder {
public:
    TempFolder() {
        // Whoever makes it has it to himself, whatever else runs.
        std::random_device random;
        do {
            path_ = testing::TempDir() + "etw_etl_" + std::to_string(random());
        } while (!std::filesystem::create_directory(path_));
    }
    ~TempFolder() {
        if (!testing::Test::HasFailure()) {
            std::error_code ignored;
            std::filesystem::remove_all(path_, ignored);
        }
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;

    std::string operator/(const char* name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

}  // namespace etw::etl::test
