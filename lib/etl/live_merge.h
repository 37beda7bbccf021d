// Buffers that come one by one, brought into one order by time. A record is given out once nothing
// earlier can come: when its time is covered by complete_until().
#pragma once
#include "etl/damage_log.h"
#include "etl/merge.h"
#include "etl/record_parser.h"

#include <deque>
#include <limits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace etw::etl {

class LiveMerge {
public:
    struct Buffer {
        uint64_t stream = 0;  // with the cpu: whose buffers follow each other in time
        uint16_t cpu = 0;
        uint64_t number = 0;  // for reports
        std::vector<std::byte> records;
    };

    // `start_raw`: the time of records without one, until there is another.
    void set_start(int64_t start_raw) noexcept { start_raw_ = start_raw; }
    // Untrusted bytes: what makes no sense is skipped and counted.
    void add(Buffer buffer);
    // Never falls. The largest value: nothing more comes.
    void complete_until(int64_t raw) noexcept { until_ = std::max(until_, raw); }

    // False: nothing that may go out. The record's views are valid until the next call.
    bool next(Record& record);
    const Damage& damage() const noexcept { return damage_.total(); }

private:
    static constexpr uint32_t kNone = UINT32_MAX;
    // Time stamps from the future, as a hostile program may write them, must not pile up here.
    static constexpr size_t kMaxHeldBack = 64 * 1024 * 1024;

    struct Lane {
        std::deque<Buffer> buffers;
        size_t pos = 0;  // in the first one
        Peek peek;
    };
    bool settle(Lane& lane);
    bool advance(Lane& lane);

    std::unordered_map<uint64_t, std::unordered_map<uint16_t, uint32_t>> index_;
    std::vector<Lane> lanes_;
    Merge merge_;
    DamageLog damage_;
    uint32_t current_ = kNone;  // its record was given out last
    int64_t until_ = std::numeric_limits<int64_t>::min();
    int64_t start_raw_ = 0;
    size_t held_ = 0;  // bytes of buffers
};

}  // namespace etw::etl
