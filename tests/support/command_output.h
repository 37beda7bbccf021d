#pragma once
#include <string>

namespace etw::test {

// What a shell prints for a command, errors included; "" and `ran` false where there is no such
// command, as there is none of ours under Windows.
std::string output_of(const std::string& command, bool& ran);

}  // namespace etw::test
