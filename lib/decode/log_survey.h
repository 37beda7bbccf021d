// What a log has that matters before its events are decoded, without their order: whose events
// there are, and which buffers say something of events.
#pragma once
#include "etw/guid.h"
#include "etw/log_reader.h"

#include <functional>
#include <unordered_set>

namespace etw::decode {

struct LogSurvey {
    std::unordered_set<Guid> providers;  // of those asked for, the ones that have events
    bool whole = true;                   // false: `go_on` ended it
};

// Looks through the log on all processors; `log.next()` then gives those buffers that have
// something for LogDescriptions. Of all providers only those in `known` are counted: so what is
// kept is bounded, and the same whatever the number of threads. `go_on` as in LogReader::survey().
LogSurvey survey_log(etl::LogReader& log, const std::unordered_set<Guid>& known,
                     const std::function<bool(uint64_t)>& go_on);

}  // namespace etw::decode
