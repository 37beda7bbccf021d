// Any bytes as a provider's packet: refused, or views that lie inside and a record that is one.
#include "host/providers/provider_packet.h"
#include "host/recording/record.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace etw;
    const Bytes input = std::as_bytes(std::span(data, size));
    const auto packet = host::parse_provider_packet(input);
    if (!packet) return 0;
    const auto inside = [&](Bytes view) {
        return view.empty() ||
               (view.data() >= input.data() && view.data() + view.size() <= input.data() + size);
    };
    if (const auto* reg = std::get_if<host::RegisterPacket>(&*packet)) {
        if (!inside(reg->traits)) std::abort();
        if (host::traits_name(reg->traits).size() > reg->traits.size()) std::abort();
    }
    if (const auto* event = std::get_if<host::EventPacket>(&*packet)) {
        if (!inside(event->record)) std::abort();
        const auto shape = host::shape_of(event->record, wire::align8(event->record.size()));
        if (!shape || shape->size != event->record.size()) std::abort();
        if (shape->time_offset != 0 && shape->time_offset > shape->size - 8) std::abort();
        if (shape->process_offset != 0 && shape->process_offset > shape->size - 4) std::abort();
    }
    return 0;
}
