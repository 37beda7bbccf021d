#include "host/errands.h"

#include <utility>

namespace etw::host {

std::shared_ptr<Errands> Errands::create(EventLoop& loop, uid_t whose) {
    return std::shared_ptr<Errands>(new Errands(loop, whose));
}

void Errands::add(Errand errand) {
    waiting_.push_back(std::move(errand));
    if (!busy_) run_next();
}

void Errands::give_up() {
    const Error given_up{Code::kSessionNotFound, "given up", 0};
    for (const Errand& errand : std::exchange(waiting_, {})) {
        if (errand.done) errand.done(given_up);
    }
}

std::chrono::nanoseconds Errands::unanswered() const noexcept { return calls_->unanswered(); }

void Errands::run_next() {
    const auto self = shared_from_this();  // what is done may let go of it
    while (!waiting_.empty()) {
        const auto errand = std::make_shared<Errand>(std::move(waiting_.front()));
        waiting_.pop_front();
        busy_ = true;  // prepare() and done() may add more
        if (errand->prepare) errand->prepare();
        Status ran = Ok{};
        if (errand->run) {
            ran = run_elsewhere(whose_, [self, errand, calls = calls_] {
                calls->watch_this_thread();
                {
                    const FileCall call;
                    errand->run();
                }
                self->loop_.post([self, errand] {
                    if (errand->done) errand->done(Ok{});
                    self->busy_ = false;
                    self->run_next();
                });
            });
            if (ran) return;
        }
        if (errand->done) errand->done(ran);
        busy_ = false;
    }
}

}  // namespace etw::host
