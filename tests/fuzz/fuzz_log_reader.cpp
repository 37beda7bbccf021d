// Any bytes through the reader: every record and every item of it is looked at.
#include "etw/log_reader.h"

#include <cstdlib>

using namespace etw;
using namespace etw::etl;

namespace {

uint64_t g_sum = 0;  // keeps the reads alive

void touch(Bytes bytes) {
    for (const std::byte b : bytes) g_sum += uint64_t(b);
}

void require(bool condition) {
    if (!condition) std::abort();
}

bool within(Bytes inner, Bytes outer) {
    return inner.empty() || (inner.data() >= outer.data() && inner.size() <= outer.size() &&
                             inner.data() + inner.size() <= outer.data() + outer.size());
}

void check(const Record& record) {
    require(record.raw.size() == record.size);
    require(within(record.payload, record.raw) && within(record.extended, record.raw));
    touch(record.raw);
    for (uint16_t type = 0; type < 20; ++type) {
        if (const auto data = find_extended(record, wire::ExtendedType{type})) {
            require(within(*data, record.extended));
            touch(*data);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const Bytes file = std::as_bytes(std::span(data, size));
    auto reader = LogReader::over(file);
    if (!reader) return 0;
    Record record;
    while (reader->next(record)) {
        check(record);
        g_sum += uint64_t(reader->time().to_filetime(record.time_stamp));
        require(reader->consumed_bytes() <= reader->size_bytes());
    }
    require(!reader->next(record));
    require(reader->consumed_bytes() == reader->size_bytes());
    const Damage& damage = reader->damage();
    require(damage.first.empty() == (damage.buffers + damage.records == 0));
    return 0;
}
