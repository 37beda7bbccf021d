// Several logs as one stream of records in order of time, until it ends or the user asks for it.
#pragma once
#include "etw/log_reader.h"
#include "render/pipeline.h"

#include <string>
#include <vector>

namespace etw::cli {

class MergedLogs final : public render::RecordSource {
public:
    explicit MergedLogs(std::vector<etl::LogReader> readers);

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
    // With several logs: the next record of each, but of the log `taken_`, whose record next() gave
    // last and whose views are valid until it is asked again.
    std::vector<Head> heads_;
    size_t taken_;
    const etl::TimeConverter* last_clock_ = nullptr;
    int64_t last_raw_ = 0;
    int64_t first_time_ = 0;
};

}  // namespace etw::cli
