// Plain LZ77 ("XPRESS"), the compression of relogged logs; published as [MS-XCA] 2.4.
#pragma once
#include "etw/bytes.h"

namespace etw::etl {

// How much longer than the result the output has to be: copies go in whole vectors.
constexpr size_t kXpressSlack = 64;

// Expands `in` to exactly `size` bytes at the start of `out`, whatever follows in `in`. `out` holds
// size + kXpressSlack bytes at least, and those after the first `size` are clobbered. Fails with
// kInvalidData, and the offset in `in`, where the stream is damaged or too short.
Status xpress_expand(Bytes in, std::span<std::byte> out, size_t size);

}  // namespace etw::etl
