// Any bytes as each type of the control socket: what decodes must encode to the same bytes.
#include "session/codec.h"

#include <algorithm>
#include <cstdlib>

namespace {

template <class T>
void round_trip(etw::Bytes input) {
    const auto value = etw::session::decode<T>(input);
    if (!value) {
        if (value.error().code != etw::Code::kInvalidData) std::abort();
        if (value.error().where > input.size()) std::abort();  // points into the input
        return;
    }
    etw::ByteWriter out;
    etw::session::encode(out, *value);
    if (!std::equal(input.begin(), input.end(), out.bytes().begin(), out.bytes().end()))
        std::abort();
}

}  // namespace

// The first byte chooses the type.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace etw::session;
    if (size == 0) return 0;
    const etw::Bytes input = std::as_bytes(std::span(data, size)).subspan(1);
    switch (data[0] % 14) {
        case 0:
            round_trip<Properties>(input);
            break;
        case 1:
            round_trip<ProviderEnable>(input);
            break;
        case 2:
            round_trip<SessionStatus>(input);
            break;
        case 3:
            round_trip<StartRequest>(input);
            break;
        case 4:
            round_trip<UpdateRequest>(input);
            break;
        case 5:
            round_trip<EnableRequest>(input);
            break;
        case 6:
            round_trip<EnableResult>(input);
            break;
        case 7:
            round_trip<RegisteredProvider>(input);
            break;
        case 8:
            round_trip<Failure>(input);
            break;
        case 9:
            round_trip<std::vector<SessionStatus>>(input);
            break;
        case 10:
            round_trip<std::vector<RegisteredProvider>>(input);
            break;
        case 11:
            round_trip<FlushRequest>(input);
            break;
        case 12:
            round_trip<ConsumeRequest>(input);
            break;
        case 13:
            round_trip<ConsumeGrant>(input);
            break;
    }
    return 0;
}
