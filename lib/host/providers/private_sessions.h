// Private sessions (-um): each runs inside the processes that have one of its providers registered,
// in their memory, written by their own threads. The host opens the logs, tells processes to begin
// and to end, and adds up what they report. A process goes on without it; the next host learns from
// the processes what there is. Runs on the main thread.
#pragma once
#include "etw/session.h"
#include "host/control/request_files.h"
#include "host/in_time.h"
#include "host/providers/ack_tracker.h"
#include "host/providers/private_session.h"
#include "host/providers/provider_table.h"
#include "host/runtime_folder.h"

#include <array>
#include <functional>
#include <memory>
#include <optional>

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
    // Of those that are being stopped: their files stay as a kill would leave them.
    void drop_those_that_hang();
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
        ForeignFd first_log;
        FileIdentity first_identity;
        mode_t rights;
        std::shared_ptr<const UniqueFd> folder;
        FileIdentity folder_identity;
        bool first_taken;
    };
    // A first log that no process has; none: one has it.
    struct Untaken {
        ForeignFd log;
        SavedSession saved;
    };
    using OpenedLog = std::function<void(PrivateSession*, Result<MemberLog>)>;

    PrivateSession* find(const std::string& name) const;
    PrivateSession* find(const wire::SessionKey& key) const;
    PrivateSession* session_of(const ProviderConnection& connection) const;
    session::Outcome<PrivateSession*> running(const session::PrivateRequest& request) const;
    session::Outcome<uint32_t> free_slot(const session::StartRequest& request) const;
    session::Outcome<std::unique_ptr<PrivateSession>> prepare(const session::StartRequest& request,
                                                              RequestFiles& files,
                                                              const PeerCredentials& peer) const;
    template <class T>
    Answer<T> in_time(const PrivateSession& session, const std::string& log, Answer<T> answer);
    EnableAnswer start_in_time(const PrivateSession& session, EnableAnswer answer);
    // An acknowledgement that goes to this group, if any.
    using Group = std::optional<uint64_t>;
    void admit_all(PrivateSession& session, uint64_t group);
    void admit(PrivateSession& session, ProviderConnection& to, uint32_t registration, Group group);
    void open_log_for(PrivateSession& session, const ProviderConnection& to, Group group);
    void log_opened(PrivateSession* session, uint64_t connection, Group group,
                    Result<MemberLog> log);
    Status join(PrivateSession& session, ProviderConnection& to, MemberLog log, Group group);
    void finish_start(const wire::SessionKey& key, const EnableAnswer& answer);
    void send_all(PrivateSession& session, Action action, uint32_t flush_timer_s,
                  std::function<void()> done);
    void switch_log(PrivateSession& session, uint64_t connection, uint64_t group);
    void send_log(PrivateSession& session, ProviderConnection& to, MemberLog log, uint64_t cookie);
    void update(PrivateSession& session, const session::PrivateRequest& request, RequestFiles files,
                const StatusAnswer& answer);
    static void settle_next(PrivateSession& session, PrivateMember& member, bool taken);
    void finish_switch(const wire::SessionKey& key, const std::shared_ptr<FormerPlace>& before,
                       const std::shared_ptr<Errands>& files, const StatusAnswer& answer);
    // What asks the file system (private_logs.cpp).
    void open_log(PrivateSession& session, uint64_t connection, OpenedLog then);
    void look_at_left(PrivateSession& session, PrivateMember member);
    void identify(PrivateSession& session, uint64_t connection);
    static void finish_untaken(Errands& files, std::function<Untaken()> find,
                               std::function<void()> done);
    void reopen_files(PrivateSession& session);

    void stop(PrivateSession& session, StatusAnswer answer);
    using MemberPlace = std::map<uint64_t, PrivateMember>::iterator;
    MemberPlace take_back(PrivateSession& session, const ProviderConnection& from, bool first);
    static void retire(PrivateSession& session, PrivateMember& member);
    void drop(PrivateSession& session);
    Status save_state(const PrivateSession& session) const;
    session::SessionStatus status(const PrivateSession& session) const;
    void answer_with_status(const wire::SessionKey& key, const StatusAnswer& answer) const;
    std::unique_ptr<PrivateSession> recover_one(uint32_t slot) const;
    std::unique_ptr<PrivateSession> make_session(SavedSession saved) const;

    EventLoop& loop_;
    const RuntimeFolder& folder_;
    AckTracker& acks_;
    ProviderTable& providers_;
    Hooks hooks_;
    std::array<std::unique_ptr<PrivateSession>, wire::kMaxPrivateSessions> sessions_;
};

template <class T>
PrivateSessions::Answer<T> PrivateSessions::in_time(const PrivateSession& session,
                                                    const std::string& log, Answer<T> answer) {
    const Unanswered unanswered =
        [this, key = session.saved().key]() -> std::optional<std::chrono::nanoseconds> {
        const PrivateSession* asked = find(key);
        if (asked == nullptr) return std::nullopt;
        return asked->files->unanswered();
    };
    const bool hangs = session.files->unanswered() >= kLongCall;  // before anything else is asked
    return host::in_time<T>(loop_, unanswered, hangs ? session.saved().properties.log_file : log,
                            std::move(answer));
}

}  // namespace etw::host
