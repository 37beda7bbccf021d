// A command line in a test: words as a shell would hand them over.
#pragma once
#include "cli/cli.h"

namespace etw::cli {

class CommandLine {
public:
    CommandLine(std::initializer_list<std::string> words) : words_(words.begin(), words.end()) {}
    explicit CommandLine(std::vector<std::string> words) : words_(std::move(words)) {}
    // Valid as long as this is.
    operator Args() {  // NOLINT(*explicit*): stands for one
        pointers_.clear();
        for (std::string& word : words_) pointers_.push_back(word.data());
        return pointers_;
    }

private:
    std::vector<std::string> words_;
    std::vector<char*> pointers_;
};

}  // namespace etw::cli
