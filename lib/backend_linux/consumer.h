// Consumer over the delivery ring that the host shares.
#pragma once
#include "backend_linux/backend.h"
#include "backend_linux/delivery_reader.h"
#include "base/mapping.h"
#include "etl/live_merge.h"
#include "etw/consumer.h"

#include <atomic>
#include <limits>

namespace etw::backend_linux {

class Consumer final : public session::Consumer {
public:
    static session::Outcome<std::unique_ptr<session::Consumer>> open(const std::string& name,
                                                                     HostLauncher host);

    const etl::LogHeader& header() const override { return header_; }
    const etl::TimeConverter& time() const override { return time_; }
    Next next(etl::Record& record, std::chrono::milliseconds patience) override;
    void interrupt() noexcept override;
    uint64_t buffers() const override { return buffers_; }
    uint64_t buffers_lost() const override { return lost_before_ + reader_->lost(); }
    uint64_t events_lost() const override;
    const etl::Damage& damage() const override { return merge_.damage(); }

private:
    Consumer(std::string name, HostLauncher host);
    session::Outcome<Ok> connect();
    Status take_over(const session::ConsumeGrant& grant);
    bool pump();
    void wait(std::chrono::milliseconds patience);
    void reconnect();
    bool something_new() const;

    std::string name_;
    Backend backend_;
    UniqueFd interrupt_;  // eventfd
    UniqueFd socket_;     // to the host
    Mapping ring_;
    Mapping page_;
    std::optional<DeliveryReader> reader_;
    etl::LogHeader header_;
    etl::TimeConverter time_;
    etl::LiveMerge merge_;
    uint64_t epoch_ = 0;
    uint64_t buffers_ = 0;
    uint64_t lost_before_ = 0;  // in rings before this one
    int64_t until_ = std::numeric_limits<int64_t>::min();
    std::atomic<bool> interrupted_{false};
    bool host_gone_ = false;
    bool ended_ = false;
};

}  // namespace etw::backend_linux
