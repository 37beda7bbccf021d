#pragma once
#include <cstdint>

namespace etw {

// Windows' wall clock: 100 ns units since 1601-01-01 UTC.
constexpr int64_t kFileTimeOfUnixEpoch = 116'444'736'000'000'000;

constexpr int64_t filetime_from_unix_ns(int64_t ns) { return ns / 100 + kFileTimeOfUnixEpoch; }
constexpr int64_t unix_ns_from_filetime(int64_t filetime) {
    return (filetime - kFileTimeOfUnixEpoch) * 100;
}

}  // namespace etw
