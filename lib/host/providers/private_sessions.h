// Private sessions (-um): each runs inside the processes that have one of its providers registered,
// in their memory, written by their own threads. The host opens the logs, tells processes to begin
// and to end, and adds up what they report. A process goes on without it; the next host learns from
// the processes what there is. Runs on the main thread.
#pragma once
#include "etw/session.h"
#include "host/control/request_files.h"
#include "host/providers/ack_tracker.h"
#include "host/providers/private_session.h"
#include "host/providers/provider_table.h"
#include "host/runtime_folder.h"

#include <array>
#include <functional>
#include <memory>

namespace etw::host {

class PrivateSessions {
public:
    template <class T>
    using Answer = std::function<void(session::Outcome<T>)>;
    using StatusAnswer = Answer<session::SessionStatus>;
    using EnableAnswer = Answer<session::EnableResult>;

    // What the other sessions' manager does for these.
    struct Hooks {
        std::function<void(ProviderConnection& to, uint32_t registration, const Session& session,
                           const session::ProviderEnable& how, uint64_t cookie)>
            send_enable;
        // The filters by process: to remember who they are for, and to ask.
        std::function<void(Session& session)> admit;
        std::function<bool(const Session& session, const session::ProviderEnable& how,
                           const ProviderConnection& who, bool registering)>
            admits;
        std::function<bool(const FileIdentity&)> log_in_use;
        std::function<void()> dropped;  // a session has ended
    };

    PrivateSessions(EventLoop& loop, const RuntimeFolder& folder, AckTracker& acks,
                    ProviderTable& providers, Hooks hooks);

    void recover();  // takes up what a predecessor saved
    void start(session::StartRequest request, RequestFiles files, const PeerCredentials& peer,
               EnableAnswer answer);
    void control(const session::PrivateRequest& request, RequestFiles files, StatusAnswer answer);
    void stop_all();
    bool empty() const;
    bool has(const std::string& name) const { return find(name) != nullptr; }
    bool log_in_use(const FileIdentity& file) const;

    void on_register(ProviderConnection& from, uint32_t id);
    void on_status(ProviderConnection& from, const wire::PrivateStatus& status);
    void on_closed(ProviderConnection& from);

private:
    using Action = session::PrivateRequest::Action;

    // Where a session was before an -update that may still fail.
    struct FormerPlace {
        SavedSession saved;
        UniqueFd first_log;
        FileIdentity first_identity;
        UniqueFd folder;
        FileIdentity folder_identity;
        bool first_taken;
    };

    PrivateSession* find(const std::string& name) const;
    PrivateSession* find(const wire::SessionKey& key) const;
    PrivateSession* session_of(const ProviderConnection& connection) const;
    session::Outcome<PrivateSession*> running(const session::PrivateRequest& request) const;
    session::Outcome<uint32_t> free_slot(const session::StartRequest& request) const;
    session::Outcome<std::unique_ptr<PrivateSession>> prepare(const session::StartRequest& request,
                                                              RequestFiles& files,
                                                              const PeerCredentials& peer) const;
    Code admit_all(PrivateSession& session, uint64_t group);
    Result<UniqueFd> open_log(const PrivateSession& session, const MemberLog& log) const;
    Result<MemberLog> next_log(const PrivateSession& session, uint32_t pid) const;
    Status admit(PrivateSession& session, ProviderConnection& to, uint64_t cookie);
    void finish_start(const wire::SessionKey& key, Code refused, const EnableAnswer& answer);
    void send_all(PrivateSession& session, Action action, uint32_t flush_timer_s,
                  std::function<void()> done);
    void switch_log(PrivateSession& session, PrivateMember& member, ProviderConnection& to,
                    uint64_t cookie);
    void update(PrivateSession& session, const session::PrivateRequest& request, RequestFiles files,
                const StatusAnswer& answer);
    static void settle_next(PrivateSession& session, PrivateMember& member, bool taken);
    static void finish_untaken(const SavedSession& saved, UniqueFd first_log);
    void finish_switch(const wire::SessionKey& key, FormerPlace& before,
                       const StatusAnswer& answer);
    void stop(PrivateSession& session, StatusAnswer answer);
    using MemberPlace = std::map<uint64_t, PrivateMember>::iterator;
    static MemberPlace take_back(PrivateSession& session, const ProviderConnection& from,
                                 bool first);
    static void retire(PrivateSession& session, PrivateMember& member);
    void drop(PrivateSession& session);
    Status save_state(const PrivateSession& session) const;
    session::SessionStatus status(const PrivateSession& session) const;
    void answer_with_status(const wire::SessionKey& key, const StatusAnswer& answer) const;
    std::unique_ptr<PrivateSession> recover_one(uint32_t slot) const;

    EventLoop& loop_;
    const RuntimeFolder& folder_;
    AckTracker& acks_;
    ProviderTable& providers_;
    Hooks hooks_;
    std::array<std::unique_ptr<PrivateSession>, wire::kMaxPrivateSessions> sessions_;
};

}  // namespace etw::host
