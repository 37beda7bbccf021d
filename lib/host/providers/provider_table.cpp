#include "host/providers/provider_table.h"

#include "host/control/accept.h"
#include "host/journal.h"
#include "ring/clock.h"

#include <fmt/format.h>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <utility>

namespace etw::host {

ProviderTable::ProviderTable(EventLoop& loop, ProviderListener& listener,
                             std::optional<uid_t> only_uid)
    : loop_(loop), listener_(listener), only_uid_(only_uid) {}

ProviderTable::~ProviderTable() {
    if (socket_) loop_.forget(socket_.get());
}

Status ProviderTable::listen(UniqueFd socket) {
    socket_ = std::move(socket);
    return loop_.watch(socket_.get(), EPOLLIN, [this](uint32_t) { accept_some(); });
}

void ProviderTable::accept_some() {
    for (int i = 0; i < 64; ++i) {
        UniqueFd fd = accept_next(socket_.get());
        if (!fd) return;
        add(std::move(fd));
    }
}

void ProviderTable::add(UniqueFd socket) {
    const auto peer = peer_credentials(socket.get());
    if (!peer || (only_uid_ && peer->uid != *only_uid_)) return;
    // Said once: a user who keeps trying must not fill the system's journal.
    User& user = users_[peer->uid];
    if (user.connections >= kMaxConnectionsPerUser) {
        if (std::exchange(refused_user_, peer->uid) != peer->uid) {
            journal(fmt::format("user {} has too many provider processes connected", peer->uid));
        }
        return;
    }
    const uint64_t id = ++last_id_;
    const int fd = socket.get();
    auto connection = std::make_unique<ProviderConnection>(
        loop_, listener_, std::move(socket), *peer, user.share, id, ring::counter_is_usable());
    if (!loop_.watch(fd, EPOLLIN, [this, id](uint32_t events) { serve(id, events); })) return;
    std::erase_if(refused_, [&](const Refused& r) { return r.process == connection->process(); });
    ++user.connections;
    connections_.emplace(id, std::move(connection));
}

void ProviderTable::serve(uint64_t id, uint32_t events) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    if (!found->second->serve(events)) close(id);
}

void ProviderTable::close(uint64_t id) {
    auto node = connections_.extract(id);
    if (node.empty()) return;
    const uid_t uid = node.mapped()->peer().uid;
    if (--users_.at(uid).connections == 0) users_.erase(uid);
    if (const auto version = node.mapped()->other_version()) {
        return note_refused(*node.mapped(), *version);  // nobody has heard of it
    }
    listener_.on_closed(*node.mapped());
}

void ProviderTable::note_refused(const ProviderConnection& connection, uint32_t version) {
    const auto same = [&](const Refused& r) { return r.process == connection.process(); };
    if (std::any_of(refused_.begin(), refused_.end(), same)) return;
    if (refused_.size() == kMaxRefused) refused_.erase(refused_.begin());
    const session::RefusedProgram program{connection.process().pid, connection.executable(),
                                          version, wire::kProviderProtocolVersion};
    refused_.push_back({connection.process(), program});
    journal(
        fmt::format("process {} ({}) speaks version {} of the provider protocol, this host {}: "
                    "it takes no part",
                    program.pid, program.executable, version, program.host_version));
}

std::vector<session::RefusedProgram> ProviderTable::refused() const {
    std::vector<session::RefusedProgram> out;
    for (const Refused& refused : refused_) {
        if (find_process(refused.process.pid) == refused.process) out.push_back(refused.program);
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.pid < b.pid; });
    return out;
}

ProviderConnection* ProviderTable::find(uint64_t id) const {
    const auto found = connections_.find(id);
    return found == connections_.end() ? nullptr : found->second.get();
}

// A connection whose queue overflowed while others were told something is closed on the way out:
// nothing may be closed while it is being iterated over.
void ProviderTable::for_each(const ForConnection& f) {
    std::vector<uint64_t> failed;
    for (auto& [id, connection] : connections_) {
        f(*connection);
        if (connection->failed()) failed.push_back(id);
    }
    for (const uint64_t id : failed) loop_.post([this, id] { close(id); });
}

void ProviderTable::for_each_of(const Guid& guid, const ForRegistration& f) {
    for_each([&](ProviderConnection& connection) {
        for (const auto& [id, registration] : connection.registrations()) {
            if (registration.guid == guid) f(connection, id);
        }
    });
}

std::vector<session::RegisteredProvider> ProviderTable::list(
    const std::function<uint32_t(uint64_t)>& logger_of) const {
    using Instance = session::RegisteredProvider::Instance;
    struct Entry {
        std::string name;
        std::set<uint32_t> pids;
        std::multimap<uint32_t, Instance> instances;
    };
    std::map<Guid, Entry> entries;
    for (const auto& [id, connection] : connections_) {
        std::map<Guid, std::set<uint32_t>> enabled;  // registered twice is one instance
        for (const auto& [number, registration] : connection->registrations()) {
            Entry& entry = entries[registration.guid];
            if (entry.name.empty()) entry.name = registration.name;
            entry.pids.insert(connection->process().pid);
            auto& loggers = enabled[registration.guid];
            for (const uint64_t epoch : registration.enabled_by) {
                if (const uint32_t logger = logger_of(epoch)) loggers.insert(logger);
            }
        }
        for (const auto& [guid, loggers] : enabled) {
            const uint32_t pid = connection->process().pid;
            entries[guid].instances.emplace(pid, Instance{pid,
                                                          connection->peer().uid,
                                                          !connection->uses_rings(),
                                                          connection->executable(),
                                                          {loggers.begin(), loggers.end()}});
        }
    }
    std::vector<session::RegisteredProvider> out;
    for (auto& [guid, entry] : entries) {
        out.push_back({guid, entry.name, {entry.pids.begin(), entry.pids.end()}, {}, {}, {}});
        for (auto& [pid, instance] : entry.instances) {
            out.back().instances.push_back(std::move(instance));
        }
    }
    return out;
}

void ring_doorbells() {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return;
    const std::string wanted = std::string("@") + wire::kDoorbellPrefix;
    std::ifstream in("/proc/net/unix");
    for (std::string line; std::getline(in, line);) {
        const size_t at = line.rfind(' ');
        if (at == std::string::npos || line.compare(at + 1, wanted.size(), wanted) != 0) continue;
        const std::string name = line.substr(at + 2);  // without the '@'
        sockaddr_un address{};
        if (name.size() >= sizeof(address.sun_path)) continue;
        address.sun_family = AF_UNIX;
        name.copy(address.sun_path + 1, name.size());
        const auto size = socklen_t(offsetof(sockaddr_un, sun_path) + 1 + name.size());
        // A bell that cannot be rung belongs to a process that is awake already, or gone.
        ::sendto(fd.get(), nullptr, 0, MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
                 size);
    }
}

}  // namespace etw::host
