#include "host/providers/ack_tracker.h"

#include <vector>

namespace etw::host {

uint64_t AckTracker::open_group() {
    groups_.try_emplace(++last_group_);
    return last_group_;
}

uint64_t AckTracker::expect(uint64_t group, uint64_t connection) {
    const uint64_t cookie = next_cookie();
    expected_.emplace(cookie, Expected{group, connection});
    ++groups_.at(group).open;
    return cookie;
}

void AckTracker::wait(uint64_t group, std::chrono::milliseconds timeout,
                      std::function<void(bool)> done) {
    Group& g = groups_.at(group);
    g.done = std::move(done);
    if (g.open == 0) {
        finish(group, true);
    } else {
        g.timer = loop_.after(timeout, [this, group] { finish(group, false); });
    }
}

void AckTracker::supersede(uint64_t cookie, uint64_t by) {
    std::vector<Expected> same;
    const auto [begin, end] = expected_.equal_range(cookie);
    for (auto it = begin; it != end; ++it) same.push_back(it->second);
    expected_.erase(cookie);
    for (const Expected& expected : same) expected_.emplace(by, expected);
}

void AckTracker::acknowledged(uint64_t connection, uint64_t cookie) {
    std::vector<uint64_t> groups;
    const auto [begin, end] = expected_.equal_range(cookie);
    for (auto it = begin; it != end; ++it) {
        if (it->second.connection == connection) groups.push_back(it->second.group);
    }
    if (groups.empty()) return;
    expected_.erase(cookie);  // which went to one connection
    for (const uint64_t group : groups) close_one(group);
}

void AckTracker::connection_ended(uint64_t connection) {
    std::vector<uint64_t> groups;
    for (auto it = expected_.begin(); it != expected_.end();) {
        if (it->second.connection != connection) {
            ++it;
            continue;
        }
        groups.push_back(it->second.group);
        it = expected_.erase(it);
    }
    for (const uint64_t group : groups) close_one(group);
}

void AckTracker::close_one(uint64_t group) {
    const auto found = groups_.find(group);
    if (found == groups_.end()) return;  // came after its time
    if (--found->second.open == 0 && found->second.done) finish(group, true);
}

void AckTracker::finish(uint64_t group, bool all) {
    auto node = groups_.extract(group);
    if (node.empty()) return;
    loop_.cancel(node.mapped().timer);
    std::erase_if(expected_, [group](const auto& e) { return e.second.group == group; });
    node.mapped().done(all);
}

}  // namespace etw::host
