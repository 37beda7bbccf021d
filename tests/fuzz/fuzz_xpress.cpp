// Any bytes through the expander. The first two say how long the result is to be.
#include "etl/load.h"
#include "etl/xpress.h"

#include <cstdlib>
#include <vector>

using namespace etw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) return 0;
    const Bytes input = std::as_bytes(std::span(data, size));
    const size_t want = etl::load<uint16_t>(input.data());
    const Bytes in = input.subspan(2);
    std::vector<std::byte> first(want + etl::kXpressSlack), second(first.size(), std::byte{0xEE});
    const auto done = etl::xpress_expand(in, first, want);
    const auto again = etl::xpress_expand(in, second, want);
    if (bool(done) != bool(again)) std::abort();
    if (!done) {
        if (done.error().where > in.size()) std::abort();
        return 0;
    }
    // Every byte of the result comes from the stream, none from what was in memory before.
    first.resize(want);
    second.resize(want);
    if (first != second) std::abort();
    return 0;
}
