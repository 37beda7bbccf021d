// Any bytes as a self-describing event: the JSON line must be one line and parse, the text line
// must be one line and valid UTF-8.
#include "base/utf16.h"
#include "etw/decoder.h"
#include "render/renderer.h"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <vector>

namespace {

using namespace etw;

bool is_valid_utf8(std::string_view text) {
    while (!text.empty()) {
        size_t used = 0;
        const bool replaced = decode_utf8(text, used) == kReplacementCharacter;
        if (replaced && used == 1) return false;  // the character itself takes three bytes
        text.remove_prefix(used);
    }
    return true;
}

bool is_one_line(std::string_view text) {
    for (size_t i = 0; i + 1 < text.size(); ++i) {
        if (uint8_t(text[i]) < 0x20) return false;
    }
    return !text.empty() && text.back() == '\n';
}

std::vector<std::byte> schema_item(Bytes schema) {
    const size_t size = wire::align8(sizeof(wire::ExtendedItem) + schema.size());
    const wire::ExtendedItem item{uint16_t(size), uint16_t(wire::ExtendedType::kEventSchemaTl), 0,
                                  uint16_t(schema.size())};
    std::vector<std::byte> out(size);
    std::memcpy(out.data(), &item, sizeof(item));
    if (!schema.empty()) std::memcpy(out.data() + sizeof(item), schema.data(), schema.size());
    return out;
}

}  // namespace

// Input: u16 size of the schema, the schema (its own size is made right), the payload.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2 || size > 60'000) return 0;
    std::vector<std::byte> bytes(size - 2);
    if (!bytes.empty()) std::memcpy(bytes.data(), data + 2, bytes.size());
    const auto schema_size = uint16_t(std::min(size_t(data[0] | data[1] << 8), bytes.size()));
    if (schema_size >= 2) std::memcpy(bytes.data(), &schema_size, sizeof(schema_size));
    const auto chain = schema_item(Bytes(bytes).first(schema_size));

    static decode::Decoder decoder;
    static decode::Event event;
    static const auto json = render::make_renderer({.format = render::Format::kJson});
    static const auto text = render::make_renderer({.utc = true});
    etl::Record record;
    record.type = wire::HeaderType::kEvent64;
    record.extended = chain;
    record.payload = Bytes(bytes).subspan(schema_size);
    decoder.decode(record, event);

    render::OutBuffer out;
    json->render(record, event, 0, out);
    if (!is_one_line(out.view()) || !nlohmann::json::accept(out.view())) std::abort();
    out.clear();
    text->render(record, event, 0, out);
    if (!is_one_line(out.view()) || !is_valid_utf8(out.view())) std::abort();
    return 0;
}
