// Any bytes as the state that a host left of a session: refused, or a session whose values the next
// host can work with, and that is saved as the same bytes again.
#include "etw/check.h"
#include "host/survival/saved_session.h"

#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace etw;
    const Bytes input = std::as_bytes(std::span(data, size));
    constexpr char kBoot[] = "00000000-0000-0000-0000-000000000000";
    const auto saved = host::decode_saved(input, kBoot);
    if (!saved) {
        if (saved.error().code == Code::kInvalidData) ETW_ASSERT(saved.error().where <= size);
        return 0;
    }
    ETW_ASSERT(saved->geometry.valid() && saved->key.epoch != 0 && saved->counter_hz != 0);
    ETW_ASSERT(saved->key.slot < wire::kMaxSessions + wire::kMaxPrivateSessions);
    const auto again = host::decode_saved(host::encode_saved(*saved, kBoot), kBoot);
    ETW_ASSERT(again && *again == *saved);
    return 0;
}
