// A session's events, as they come, as a source of records.
#pragma once
#include "cli/tracefmt_report.h"
#include "etw/consumer.h"
#include "render/pipeline.h"
#include "symbols/symbolizer.h"

namespace etw::cli {

class LiveEvents final : public render::RecordSource {
public:
    // `names`: learns from each event; null: none are wanted.
    LiveEvents(session::Consumer& consumer, symbols::Symbolizer* names)
        : consumer_(consumer), names_(names) {}
    LiveEvents(const LiveEvents&) = delete;
    LiveEvents& operator=(const LiveEvents&) = delete;

    bool next(etl::Record& record, const etl::TimeConverter*& clock) override;
    bool ready() override;
    void count(FormatTotals& totals) const;

private:
    session::Consumer& consumer_;
    symbols::Symbolizer* names_;
    etl::Record held_;  // by ready()
    bool holds_ = false;
    bool ended_ = false;
    int64_t first_time_ = 0;
    int64_t last_time_ = 0;
};

}  // namespace etw::cli
