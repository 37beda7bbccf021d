// ENABLE_TRACE_PARAMETERS with the filters that it points to.
#pragma once
#include "backend_windows/windows.h"
#include "etw/session_properties.h"

#include <deque>
#include <vector>

namespace etw::backend_windows {

class EnableParameters {
public:
    explicit EnableParameters(const session::ProviderEnable& enable);
    EnableParameters(const EnableParameters&) = delete;
    EnableParameters& operator=(const EnableParameters&) = delete;

    // For the time of this object's life.
    ENABLE_TRACE_PARAMETERS* get() noexcept { return &parameters_; }
    // The filters alone.
    std::vector<EVENT_FILTER_DESCRIPTOR>& filters() noexcept { return filters_; }

private:
    void add_filter(ULONG type, std::vector<std::byte> data);

    ENABLE_TRACE_PARAMETERS parameters_{};
    std::vector<EVENT_FILTER_DESCRIPTOR> filters_;
    std::deque<std::vector<std::byte>> data_;  // of the filters; elements do not move
};

}  // namespace etw::backend_windows
