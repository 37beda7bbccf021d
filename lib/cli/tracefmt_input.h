// Several logs as one stream of records in order of time, until it ends or the user asks for it.
#pragma once
#include "etw/log_reader.h"
#include "render/pipeline.h"

#include <string>
#include <vector>

namespace etw::cli {

// 0 where the clock went back. Records can have any times: what has no difference in 64 bits has
// the largest there is.
int64_t elapsed_between(int64_t first, int64_t last) noexcept;

class MergedLogs final : public render::RecordSource {
public:
    // kRaw: by raw time stamps, of logs that have one clock.
    enum class Order : uint8_t { kTime, kRaw };
    explicit MergedLogs(std::vector<etl::LogReader> readers, Order order = Order::kTime);

    bool next(etl::Record& record, const etl::TimeConverter*& clock) override;

    const std::vector<etl::LogReader>& readers() const noexcept { return readers_; }
    uint64_t size_bytes() const noexcept;
    uint64_t consumed_bytes() const noexcept;
    int64_t last_time() const noexcept;  // of the last record that next() gave, as FILETIME
    // From the first record to the last that next() gave, in 100 ns units.
    int64_t elapsed() const noexcept;

private:
    struct Head {
        etl::Record record;
        int64_t time = 0;
        bool valid = false;
    };
    void advance(size_t log);

    std::vector<etl::LogReader> readers_;
    Order order_;
    // With several logs: the next record of each, but of the log `taken_`, whose record next() gave
    // last and whose views are valid until it is asked again.
    std::vector<Head> heads_;
    size_t taken_;
    const etl::TimeConverter* last_clock_ = nullptr;
    int64_t last_raw_ = 0;
    int64_t first_time_ = 0;
};

}  // namespace etw::cli
