#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>

namespace etw::test {

inline std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

// A path with / in it, as the system spells it.
inline std::string native(const std::string& path) {
    return std::filesystem::path(path).make_preferred().string();
}

// The absolute path of a file that nobody makes.
inline std::string some_path(const std::string& name) { return native(testing::TempDir() + name); }

// A folder of its own for one test, gone with all that is in it at the end; stays for a look when
// the test fails. Paths have a / before the names on either system.
class TempFolder {
public:
    TempFolder() {
        // Whoever makes it has it to himself, whatever else runs.
        std::random_device random;
        do {
            path_ = testing::TempDir() + "etw_" + std::to_string(random());
        } while (!std::filesystem::create_directory(path_));
    }
    ~TempFolder() {
        if (testing::Test::HasFailure()) return;
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;

    const std::string& path() const { return path_; }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }

    // Writes a file, byte for byte, in folders that are made where they are missing; its path.
    std::string write(const std::string& name, std::string_view text) const {
        const std::string path = *this / name;
        std::filesystem::create_directories(std::filesystem::path(path).parent_path());
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }
    std::string read(const std::string& name) const { return read_file(*this / name); }
    bool has(const std::string& name) const { return std::filesystem::exists(*this / name); }

private:
    std::string path_;
};

}  // namespace etw::test
