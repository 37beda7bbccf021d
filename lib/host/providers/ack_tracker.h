// Acknowledgements that providers owe: who waits for which, and for how long.
#pragma once
#include "host/event_loop.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <unordered_map>

namespace etw::host {

class AckTracker {
public:
    explicit AckTracker(EventLoop& loop) : loop_(loop) {}

    // A cookie nobody waits for.
    uint64_t next_cookie() { return ++last_cookie_; }

    // Several acknowledgements that are waited for together.
    uint64_t open_group();
    uint64_t expect(uint64_t group, uint64_t connection);  // the cookie to send
    // The acknowledgement of `by` is that of `cookie`, too, which is not sent any more.
    void supersede(uint64_t cookie, uint64_t by);
    // Calls `done` once: with true when all of the group have come (at once if there are none),
    // with false after `timeout`. Connections that end owe nothing any more.
    void wait(uint64_t group, std::chrono::milliseconds timeout, std::function<void(bool)> done);

    void acknowledged(uint64_t connection, uint64_t cookie);
    void connection_ended(uint64_t connection);

private:
    struct Expected {
        uint64_t group;
        uint64_t connection;
    };
    struct Group {
        size_t open = 0;
        EventLoop::TimerId timer = 0;
        std::function<void(bool)> done;  // empty until wait()
    };
    void close_one(uint64_t group);
    void finish(uint64_t group, bool all);

    EventLoop& loop_;
    uint64_t last_cookie_ = 0;
    uint64_t last_group_ = 0;
    std::unordered_multimap<uint64_t, Expected> expected_;  // by cookie
    std::unordered_map<uint64_t, Group> groups_;
};

}  // namespace etw::host
