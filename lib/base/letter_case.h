#pragma once
#include <string>
#include <string_view>

namespace etw {

// The capital of a letter by Unicode's simple mapping, one code point for one; any other character
// is itself. Names are compared by it, as Windows compares them: whatever the locale is, and no
// letter outside ASCII (dotless i, long s) is one of ASCII.
char32_t capital(char32_t c) noexcept;

// All letters of UTF-8 text as capitals; what is malformed stays as it is.
std::string capitals(std::string_view utf8);

// The same name, without regard to case.
bool same_name(std::string_view a, std::string_view b);

// `*` stands for any characters, `?` for one; letters match in either case.
bool matches_name(std::string_view pattern, std::string_view name);

}  // namespace etw
