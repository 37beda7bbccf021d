// Any bytes through the reader: every record and every item of it is looked at, in order and by
// the survey, which has to find the same ones.
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

// Asks for every other record's buffer.
class Counting final : public RecordVisitor {
public:
    bool visit(const Record& record) override {
        check(record);
        return count++ % 2 == 0;
    }
    uint64_t count = 0;
};

// Returns how many records there are but for trace messages.
uint64_t read(LogReader& reader) {
    uint64_t count = 0;
    Record record;
    while (reader.next(record)) {
        check(record);
        if (record.type != wire::HeaderType::kMessage) ++count;
        g_sum += uint64_t(reader.time().to_filetime(record.time_stamp));
        require(reader.consumed_bytes() <= reader.size_bytes());
    }
    require(!reader.next(record));
    require(reader.consumed_bytes() == reader.size_bytes());
    return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const Bytes file = std::as_bytes(std::span(data, size));
    auto reader = LogReader::over(file);
    if (!reader) return 0;
    const uint64_t count = read(*reader);
    auto surveyed = LogReader::over(file);
    Counting counting;
    RecordVisitor* const visitors[] = {&counting};
    require(surveyed->survey(visitors, {}));
    require(counting.count == count);
    require(read(*surveyed) <= count);
    const Damage& damage = reader->damage();
    require(damage.first.empty() == (damage.buffers + damage.records == 0));
    return 0;
}
