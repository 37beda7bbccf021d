// Records to events with named, typed fields. Sources of the description: the record itself
// (TraceLogging), the layouts of the classic kernel events, the catalog. docs/decoding.md has all.
#pragma once
#include "etw/catalog.h"
#include "etw/event.h"
#include "etw/log_reader.h"

#include <memory>

namespace etw::decode {

class DecoderImpl;

// Keeps what it has learnt of descriptions from event to event. One per thread; what it gives
// depends on the record and the catalog alone, never on the records before it.
class Decoder {
public:
    // Without a catalog: only what events say themselves, and the classic kernel events.
    explicit Decoder(std::shared_ptr<const Catalog> catalog = nullptr);
    Decoder(Decoder&&) noexcept;
    Decoder& operator=(Decoder&&) noexcept;
    ~Decoder();

    // Fills `event`, whose vectors keep their memory from call to call. Always leaves something to
    // show: what could not be decoded is in event.rest.
    void decode(const etl::Record& record, Event& event);

private:
    std::unique_ptr<DecoderImpl> impl_;
};

}  // namespace etw::decode
