// Any bytes as a manifest in XML, as event information, as a map, and as a message's text. Whatever
// comes out of them compiles or says why not, and payloads can be walked with it.
#include "decode/compile_event.h"
#include "decode/event_info.h"
#include "decode/manifest_xml.h"
#include "decode/message_text.h"
#include "decode/walk.h"

#include <algorithm>
#include <cstdlib>

namespace {

using namespace etw;
using namespace etw::decode;

void try_events(const ProviderModel& provider, Bytes payload) {
    size_t left = 64;
    for (const EventModel& event : provider.events) {
        if (left-- == 0) return;
        for (const bool is_64_bit : {false, true}) {
            const CompiledEvent compiled = compile_event(event, is_64_bit);
            if (compiled.error != nullptr) continue;
            Event out;
            walk(compiled.program, payload, is_64_bit, out);
            if (out.rest.size() > payload.size() || out.items.size() > kMaxItems) std::abort();
            for (const Item& item : out.items) {
                if (item.bytes.size() > payload.size()) std::abort();
            }
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const Bytes input = std::as_bytes(std::span(data + 1, size - 1));
    const Bytes payload = input.first(std::min<size_t>(input.size(), 256));
    switch (data[0]) {
        case 'x':
            if (const auto providers = parse_manifest(input)) {
                for (const ProviderModel& provider : *providers) try_events(provider, payload);
            }
            break;
        case 'i':
            if (const auto provider = parse_event_info(input, {})) try_events(*provider, payload);
            break;
        case 'm':
            if (const auto map = parse_map_info(input)) {
                if (!std::is_sorted(
                        map->map.names.begin(), map->map.names.end(),
                        [](const auto& a, const auto& b) { return a.first < b.first; })) {
                    std::abort();
                }
            }
            break;
        case 't': {
            std::deque<std::string> store;
            const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
            for (const MessagePart& part : parse_message(text, store)) {
                if (part.text.find('\n') != part.text.npos &&
                    part.kind == MessagePart::Kind::kText) {
                    std::abort();  // an event is a line
                }
            }
            break;
        }
        default:
            break;
    }
    return 0;
}
