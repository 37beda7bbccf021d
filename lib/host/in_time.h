// Answers that wait for a file system, which may never answer.
#pragma once
#include "etw/session.h"
#include "host/event_loop.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace etw::host {

// Of a request to a log that has left it without an answer.
session::Failure does_not_answer(const std::string& log);

// How long the file system has left a call on the log without an answer. Nothing: what it was for
// has ended, and who ended it answers.
using Unanswered = std::function<std::optional<std::chrono::nanoseconds>()>;

// From here on it is more than a slow answer.
constexpr std::chrono::seconds kLongCall{1};

// Looks from time to time, until `timer` is cancelled; calls `hangs` once it has been too long.
void watch_for_hang(EventLoop& loop, const Unanswered& unanswered,
                    const std::shared_ptr<EventLoop::TimerId>& timer,
                    const std::function<void()>& hangs);

// Passes on what it is given. Where the log hangs meanwhile, who asked is told so, by kTimeout and
// the name of the log; what comes later is nobody's then, and done all the same.
template <class T>
std::function<void(session::Outcome<T>)> in_time(EventLoop& loop, Unanswered unanswered,
                                                 const std::string& log,
                                                 std::function<void(session::Outcome<T>)> answer) {
    const auto owed = std::make_shared<std::function<void(session::Outcome<T>)>>(std::move(answer));
    const auto give = [owed](session::Outcome<T> outcome) {
        if (*owed) std::exchange(*owed, nullptr)(std::move(outcome));
    };
    const auto timer = std::make_shared<EventLoop::TimerId>(0);
    watch_for_hang(loop, unanswered, timer, [give, log] { give(does_not_answer(log)); });
    return [&loop, give, timer](session::Outcome<T> outcome) {
        loop.cancel(*timer);
        give(std::move(outcome));
    };
}

}  // namespace etw::host
