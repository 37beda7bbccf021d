// Runs a program over a payload.
#pragma once
#include "decode/schema.h"

namespace etw::decode {

constexpr size_t kMaxItems = size_t{1} << 17;  // per event: twice the bytes a payload can have

inline constexpr char kBytesLeft[] = "bytes behind the last field";

// Fills event.items, rest, outcome and reason; the rest of the event is left alone. Fields that are
// not whole are dropped together with all behind them and become the rest.
void walk(const Program& program, Bytes payload, bool is_64_bit, Event& event);

}  // namespace etw::decode
