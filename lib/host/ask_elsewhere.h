// What is asked of a file system, elsewhere, before a request can be served.
#pragma once
#include "host/elsewhere.h"
#include "host/event_loop.h"

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace etw::host {

// Asks on the account of the user `whose` and calls `then` with the answer on the loop's thread.
// Where there is none after kFilePatience (kTimeout), or no thread is to be had, with what
// `without` makes of that; an answer that comes later is let go of.
template <class T>
void ask_elsewhere(EventLoop& loop, uid_t whose, std::function<T()> ask,
                   std::function<T(const Error&)> without, std::function<void(T)> then) {
    struct Question {
        std::function<void(T)> then;  // empty once it was called
        EventLoop::TimerId timer = 0;
        std::optional<T> found;
    };
    const auto question = std::make_shared<Question>();
    question->then = std::move(then);
    const auto answer = [&loop, question](T found) {
        loop.cancel(question->timer);
        if (question->then) std::exchange(question->then, nullptr)(std::move(found));
    };
    const Status begun = run_elsewhere(whose, [&loop, question, answer, ask = std::move(ask)] {
        question->found = ask();
        loop.post([question, answer] { answer(*std::move(question->found)); });
    });
    if (!begun) return answer(without(begun.error()));
    question->timer = loop.after(kFilePatience, [answer, without] {
        answer(without({Code::kTimeout, "its file system does not answer", 0}));
    });
}

}  // namespace etw::host
