// Integers of 128 bits, with a sign, as each compiler has them.
#pragma once

#ifdef __SIZEOF_INT128__
namespace etw {
__extension__ using Wide = __int128;
}
#else
#include <__msvc_int128.hpp>
namespace etw {
using Wide = std::_Signed128;
}
#endif
