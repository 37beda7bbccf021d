// Any bytes as a self-describing event: the JSON line must be one line and parse, the text line
// must be one line and valid UTF-8.
#include "described_record.h"
#include "etw/decoder.h"
#include "render/renderer.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace etw;
    if (size < 2 || size > 60'000) return 0;
    static decode::Decoder decoder;
    static decode::Event event;
    static const auto json = render::make_renderer({.format = render::Format::kJson});
    static const auto text = render::make_renderer({.utc = true});
    const fuzz::DescribedRecord input(data, size);
    decoder.decode(input.record, event);

    render::OutBuffer out;
    json->render(input.record, event, 0, out);
    if (!fuzz::is_one_line(out.view()) || !nlohmann::json::accept(out.view())) std::abort();
    out.clear();
    text->render(input.record, event, 0, out);
    if (!fuzz::is_one_line(out.view()) || !fuzz::is_valid_utf8(out.view())) std::abort();
    return 0;
}
