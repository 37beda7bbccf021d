// How long sessions live that nobody stops: until their owner ends, or for a time.
#include "host/journal.h"
#include "host/session/session_clock.h"
#include "host/session/session_manager.h"

#include <fmt/format.h>

#include <sys/epoll.h>

#include <algorithm>

namespace etw::host {

using State = Session::State;

// For a session that has just begun to run, here or, after a host died, again.
void SessionManager::limit_life(Session& session) {
    const SavedSession& saved = session.saved;
    const wire::SessionKey key = saved.key;
    if (saved.owner.pid != 0) {
        const auto gone = [this, key] { end_of_life(key, "its owner has ended"); };
        if (!session.owner) {
            if (auto watched = watch_process(saved.owner)) session.owner = std::move(*watched);
        }
        const bool watched = session.owner && loop_.watch(session.owner.get(), EPOLLIN,
                                                          [gone](uint32_t) { gone(); });
        if (!watched) loop_.post(gone);
    }
    if (saved.properties.ttl_s != 0) {
        const double ticks = double(std::max<int64_t>(0, counter_now() - saved.start_counter));
        const std::chrono::milliseconds lived(int64_t(ticks * 1000 / double(saved.counter_hz)));
        const std::chrono::milliseconds all = std::chrono::seconds(saved.properties.ttl_s);
        session.end_timer =
            loop_.after(std::max(all - lived, std::chrono::milliseconds(0)),
                        [this, key] { end_of_life(key, "its time to live is over"); });
    }
}

void SessionManager::forget_life(Session& session) {
    if (session.owner) loop_.forget(session.owner.get());
    session.owner.reset();
    loop_.cancel(session.end_timer);
}

void SessionManager::end_of_life(const wire::SessionKey& key, const char* why) {
    Session* session = find(key);
    if (session == nullptr || session->state != State::kRunning) return;
    journal(fmt::format("session '{}' is stopped: {}", session->saved.properties.name, why));
    forget_life(*session);
    stop_session(*session, [](const auto&) {});
}

}  // namespace etw::host
