#include "session/traced_rules.h"

#include "session/rules.h"

namespace etw::session {

bool traces_processes(const Properties& properties) {
    constexpr uint32_t kModes = kModePrivate | kModeReserved;
    return (properties.log_file_mode & kModes) == kModes;
}

Outcome<Ok> check_traced(const StartRequest& request) {
    const auto& providers = request.providers;
    const bool is_one = providers.size() == 1 && (providers.front().guid == kHeapGuid ||
                                                  providers.front().guid == kCritSecGuid);
    if (!is_one) {
        return Failure{Code::kInvalidParameter,
                       "a session with -heap or -critsec has no other providers; leave out -guid"};
    }
    if (providers.front().pids.empty()) {
        return Failure{Code::kInvalidParameter,
                       "-heap and -critsec need the processes: -pids 1 7008"};
    }
    return check(providers.front());
}

}  // namespace etw::session
