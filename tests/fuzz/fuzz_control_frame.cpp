// Any bytes as the start of a control connection, whole and byte by byte: the same requests come
// out, none of them longer than a request may be.
#include "host/control/control_frame.h"

#include <cstdlib>

namespace {

using namespace etw;

std::vector<std::byte> first_body(Bytes input, size_t step) {
    host::ControlFrameReader reader;
    while (!input.empty()) {
        const size_t n = std::min(step, input.size());
        if (!reader.feed(input.first(n), {})) return {};
        if (auto request = reader.next()) {
            if (request->body.size() > wire::kMaxControlBody) std::abort();
            // What is left would be the next request's.
            return input.size() == n ? std::move(request->body) : std::vector<std::byte>{};
        }
        input = input.subspan(n);
    }
    return {};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const Bytes input = std::as_bytes(std::span(data, size));
    if (first_body(input, input.size()) != first_body(input, 1)) std::abort();
    return 0;
}
