// Any bytes as a Windows program, as a compiled manifest, and as a message table.
#include "decode/message_table.h"
#include "decode/wevt_template.h"
#include "etw/catalog.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace etw;
    using namespace etw::decode;
    if (size == 0) return 0;
    const Bytes input = std::as_bytes(std::span(data + 1, size - 1));
    switch (data[0]) {
        case 'p': {
            Catalog catalog;
            static_cast<void>(catalog.add_binary(input));
            break;
        }
        case 'w': {
            MessageTable texts{{1, "one"}};
            if (const auto providers = parse_wevt_template(input, texts)) {
                size_t taken = 0;
                for (const ProviderModel& provider : *providers) {
                    for (const EventModel& event : provider.events) taken += size_of(event);
                }
                if (taken > kMaxModelBytes) std::abort();
            }
            break;
        }
        case 'm': {
            MessageTable texts;
            static_cast<void>(read_message_table(input, texts));
            size_t taken = 0;
            for (const auto& [id, text] : texts) taken += text.size();
            if (taken > input.size() * 3) std::abort();  // UTF-16 to UTF-8
            break;
        }
        default:
            break;
    }
    return 0;
}
