// What is to be done with the files of one owner: one thing after the other, elsewhere, as any of
// it may hang. What comes of it is looked at on the loop's thread.
#pragma once
#include "base/file_call.h"
#include "host/elsewhere.h"
#include "host/event_loop.h"

#include <deque>
#include <functional>
#include <memory>

namespace etw::host {

// Each part may be empty; they share what they need by pointers of their own.
struct Errand {
    std::function<void()> prepare;  // on the loop's thread, once those before it are done
    std::function<void()> run;      // elsewhere
    // On the loop's thread, once. Failed: there was no thread to be had, or it was given up before.
    std::function<void(Status)> done;
};

// For the loop's thread.
class Errands : public std::enable_shared_from_this<Errands> {
public:
    static std::shared_ptr<Errands> create(EventLoop& loop, uid_t whose);

    // It may be done when this returns.
    void add(Errand errand);
    // Those that have not begun are done without being run.
    void give_up();
    // How long a file system has left the present one without an answer; zero: it is in no call.
    std::chrono::nanoseconds unanswered() const noexcept;

private:
    Errands(EventLoop& loop, uid_t whose) : loop_(loop), whose_(whose) {}
    void run_next();

    EventLoop& loop_;
    uid_t whose_;
    std::deque<Errand> waiting_;
    bool busy_ = false;
    std::shared_ptr<FileCallWatch> calls_ = std::make_shared<FileCallWatch>();
};

}  // namespace etw::host
