// A session's events, as they come, as a source of records.
#pragma once
#include "cli/interrupt.h"
#include "cli/tracefmt_report.h"
#include "etw/consumer.h"
#include "render/pipeline.h"

namespace etw::cli {

class LiveEvents final : public render::RecordSource {
public:
    // While it lives, SIGINT and SIGTERM end the events instead of the process; again, they do not.
    explicit LiveEvents(session::Consumer& consumer)
        : consumer_(consumer), interrupts_(&consumer) {}
    LiveEvents(const LiveEvents&) = delete;
    LiveEvents& operator=(const LiveEvents&) = delete;

    bool next(etl::Record& record, const etl::TimeConverter*& clock) override;
    bool ready() override;
    void count(FormatTotals& totals) const;

private:
    session::Consumer& consumer_;
    Interrupts interrupts_;
    etl::Record held_;  // by ready()
    bool holds_ = false;
    bool ended_ = false;
    int64_t first_time_ = 0;
    int64_t last_time_ = 0;
};

}  // namespace etw::cli
