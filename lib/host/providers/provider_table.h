// All provider processes that are connected, and the socket that they come in by.
#pragma once
#include "etw/session_properties.h"
#include "host/providers/provider_connection.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>

namespace etw::host {

class ProviderTable {
public:
    static constexpr size_t kMaxConnectionsPerUser = 1024;

    // `only_uid`: a user's own host serves nobody else.
    ProviderTable(EventLoop& loop, ProviderListener& listener, std::optional<uid_t> only_uid);
    ProviderTable(const ProviderTable&) = delete;
    ProviderTable& operator=(const ProviderTable&) = delete;
    ~ProviderTable();

    Status listen(UniqueFd socket);

    bool empty() const noexcept { return connections_.empty(); }
    ProviderConnection* find(uint64_t id) const;  // null: it has ended
    using ForConnection = std::function<void(ProviderConnection&)>;
    void for_each(const ForConnection& f);
    using ForRegistration = std::function<void(ProviderConnection&, uint32_t registration)>;
    void for_each_of(const Guid& guid, const ForRegistration& f);
    // Without the sessions that have them enabled. `logger_of`: id of the session of an epoch, 0
    // for none.
    std::vector<session::RegisteredProvider> list(
        const std::function<uint32_t(uint64_t epoch)>& logger_of) const;

    // Programs that run and whose provider library is of another version, by process id.
    std::vector<session::RefusedProgram> refused() const;

private:
    void accept_some();
    void add(UniqueFd socket);
    void serve(uint64_t id, uint32_t events);
    void close(uint64_t id);
    void note_refused(const ProviderConnection& connection, uint32_t version);

    EventLoop& loop_;
    ProviderListener& listener_;
    std::optional<uid_t> only_uid_;
    UniqueFd socket_;
    uint64_t last_id_ = 0;
    std::map<uint64_t, std::unique_ptr<ProviderConnection>> connections_;
    struct User {
        size_t connections = 0;
        std::shared_ptr<UserShare> share = std::make_shared<UserShare>();
    };
    std::map<uid_t, User> users_;
    std::optional<uid_t> refused_user_;  // the last one, for lack of room
    static constexpr size_t kMaxRefused = 64;
    struct Refused {
        ProcessKey process;
        session::RefusedProgram program;
    };
    std::vector<Refused> refused_;  // those of another version, the newest last
};

// Rings the doorbell of every provider process that waits for a host to come up.
void ring_doorbells();

}  // namespace etw::host
