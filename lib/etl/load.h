#pragma once
#include "etw/bytes.h"

namespace etw::etl {

// A T from bytes that need no alignment; the caller has checked that they are there. ByteReader for
// loops that cannot afford its bookkeeping.
template <Wire T>
inline T load(const std::byte* from) noexcept {
    T out;
    std::memcpy(&out, from, sizeof(T));
    return out;
}

}  // namespace etw::etl
