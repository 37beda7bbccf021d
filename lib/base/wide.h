// Integers of 128 bits, with a sign, as each compiler's library has them.
#pragma once

// Where there is Visual Studio's, clang-cl's own __int128 lacks its division.
#if __has_include(<__msvc_int128.hpp>)
#include <__msvc_int128.hpp>
namespace etw {
using Wide = std::_Signed128;
}
#else
namespace etw {
__extension__ using Wide = __int128;
}
#endif
