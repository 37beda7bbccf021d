#pragma once
#include <string>

namespace etw::test {

// The folder with files of Windows and checkers that travels beside the checkout, absolute. May be
// absent: tests that need it skip then. Behind a function, so that only one object file depends on
// where the checkout is and the compiler cache serves the others to any.
std::string shared_folder();

}  // namespace etw::test
