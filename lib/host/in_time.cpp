#include "host/in_time.h"

#include "host/elsewhere.h"

#include <fmt/format.h>

namespace etw::host {
namespace {

constexpr std::chrono::milliseconds kLookAgain{200};

}  // namespace

session::Failure does_not_answer(const std::string& log) {
    return {Code::kTimeout,
            fmt::format("{}: its file system does not answer; what was asked is done when it does",
                        log)};
}

void watch_for_hang(EventLoop& loop, const Unanswered& unanswered,
                    const std::shared_ptr<EventLoop::TimerId>& timer,
                    const std::function<void()>& hangs) {
    *timer = loop.after(kLookAgain, [=, &loop] {
        const auto since = unanswered();
        if (!since) return;
        if (*since >= kFilePatience) return hangs();
        watch_for_hang(loop, unanswered, timer, hangs);
    });
}

}  // namespace etw::host
