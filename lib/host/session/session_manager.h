// The sessions of this host: what controllers may do to them, which providers take part, and how
// they are taken over from a host that died. Runs on the main thread; whatever takes time is done
// by the sessions' threads and by waiting for acknowledgements, and answered later.
#pragma once
#include "etw/session.h"
#include "host/control/request_files.h"
#include "host/event_loop.h"
#include "host/in_time.h"
#include "host/providers/ack_tracker.h"
#include "host/providers/message_numbers.h"
#include "host/providers/private_sessions.h"
#include "host/providers/provider_table.h"
#include "host/runtime_folder.h"
#include "host/session/new_session.h"
#include "host/session/session.h"
#include "host/survival/keeper_link.h"
#include "host/survival/left_rings.h"
#include "session/consume.h"

#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <set>

namespace etw::host {

class SessionManager : public ProviderListener {
public:
    template <class T>
    using Answer = std::function<void(session::Outcome<T>)>;
    using StatusAnswer = Answer<session::SessionStatus>;
    using EnableAnswer = Answer<session::EnableResult>;

    SessionManager(EventLoop& loop, RuntimeFolder folder, const KeeperLink& keeper,
                   std::optional<uid_t> only_uid);

    // Takes up what a predecessor saved; before anything listens. `crashes`: how many workers have
    // crashed lately. After some, the session that the last one was taking up is set aside.
    void recover(KeptDescriptors kept, unsigned crashes);

    void start(session::StartRequest request, RequestFiles files, const PeerCredentials& peer,
               EnableAnswer answer);
    // Of which sessions one is asked for by its name: those that -um is for are not found without.
    enum class Kind : uint8_t { kOrdinary, kTraced };
    void stop(const std::string& name, StatusAnswer answer, Kind kind = Kind::kOrdinary);
    session::Outcome<session::SessionStatus> query(const std::string& name) const;
    std::vector<session::SessionStatus> list() const;
    void update(const session::UpdateRequest& request, RequestFiles files, StatusAnswer answer,
                Kind kind = Kind::kOrdinary);
    // With a file, for a buffered session: what its rings hold goes there.
    void flush(const session::FlushRequest& request, RequestFiles files, StatusAnswer answer,
               Kind kind = Kind::kOrdinary);
    void control_private(const session::PrivateRequest& request, RequestFiles files,
                         StatusAnswer answer);
    void increment_file(const std::string& name, StatusAnswer answer);
    void system_rundown(const std::string& name, StatusAnswer answer);
    void enable(const session::EnableRequest& request, wire::EnableAction action, uid_t whose,
                EnableAnswer answer);
    // With those that the kernel records for a session.
    void registered_providers(uid_t whose,
                              std::function<void(std::vector<session::RegisteredProvider>)> answer);
    std::vector<session::RegisteredProvider> kernel_providers() const;
    void consume(const session::ConsumeRequest& request, ForeignFds fds,
                 Answer<session::ConsumeGrant> answer);

    // Ends every session as stop() does, those that are just being started or stopped included, and
    // starts no more; then calls `done`.
    void stop_all(std::function<void()> done);
    bool empty() const;  // no session
    ProviderTable& providers() { return providers_; }

    void on_rings(ProviderConnection& from, const wire::Rings& packet, UniqueFd fd) override;
    void on_register(ProviderConnection& from, uint32_t registration) override;
    void on_ack(ProviderConnection& from, uint64_t cookie) override;
    void on_superseded(ProviderConnection& to, uint64_t cookie, uint64_t by) override;
    void on_event(ProviderConnection& from, const EventPacket& packet) override;
    void on_events_lost(ProviderConnection& from, const wire::EventsLost& packet) override;
    void on_private_status(ProviderConnection& from, const wire::PrivateStatus& packet) override;
    void on_closed(ProviderConnection& from) override;

private:
    struct EnableJob;
    // What is known of the programs that a request names, by their files (session_probes.cpp).
    struct Programs {
        session::Outcome<Ok> traceable = Ok{};  // where the session traces processes
        std::vector<Code> probes;               // of each provider; kOk of those without a program
    };
    void look_at_programs(const session::StartRequest& request, const PeerCredentials& peer,
                          std::function<void(Programs)> then);
    void start_known(session::StartRequest request, RequestFiles files, const PeerCredentials& peer,
                     const std::vector<Code>& probes, EnableAnswer answer);
    void enable_known(const session::EnableRequest& request, wire::EnableAction action,
                      const std::vector<Code>& probes, EnableAnswer answer);

    // Lookup (session_manager.cpp).
    Session* find(const std::string& name, Kind kind = Kind::kOrdinary) const;
    Session* find(const wire::SessionKey& key) const;
    session::Outcome<Session*> running(const std::string& name, Kind kind = Kind::kOrdinary) const;
    template <class F>
    void for_each(F f) const;
    // An answer that waits for the session's thread, which is to do something with `log`.
    template <class T>
    Answer<T> in_time(const Session& session, const std::string& log, Answer<T> answer);
    static std::optional<std::string> log_that_hangs(const Session& session);
    bool log_in_use(const FileIdentity& file) const;

    // Start and end (session_start.cpp, session_manager.cpp).
    session::Outcome<std::unique_ptr<Session>> prepare(const session::Properties& asked,
                                                       const RequestFiles& files,
                                                       const PeerCredentials& peer) const;
    void control_traced(const session::PrivateRequest& request, RequestFiles files,
                        StatusAnswer answer);
    session::Outcome<uint32_t> free_slot(const session::Properties& properties) const;
    session::Outcome<Ok> check_kernel_session(const session::Properties& properties) const;
    SessionThread::Hooks hooks_for(Session& session,
                                   std::function<Result<std::unique_ptr<Drain>>()> open,
                                   std::function<void(Status)> opened);
    void finish_start(const wire::SessionKey& key,
                      const std::vector<session::ProviderEnable>& providers,
                      const std::vector<Code>& probes, const std::shared_ptr<RequestFiles>& files,
                      const std::shared_ptr<std::atomic<bool>>& given_up, const Status& opened,
                      const EnableAnswer& answer);
    void log_begun(const wire::SessionKey& key,
                   const std::vector<session::ProviderEnable>& providers,
                   const std::vector<Code>& codes, const Status& begun, const EnableAnswer& answer);
    void give_up(Session& session, const session::Failure& failure, const EnableAnswer& answer);
    // How long it lives (session_life.cpp).
    void limit_life(Session& session);
    void forget_life(Session& session);
    void end_of_life(const wire::SessionKey& key, const char* why);
    void stop_session(Session& session, StatusAnswer answer);
    void detach_all(Session& session, std::function<void()> done);
    void finish_stop(const wire::SessionKey& key, const Status& ended, const StatusAnswer& answer);
    void drop(Session& session);
    void one_dropped();
    void await_end();
    session::Outcome<std::vector<std::pair<uint32_t, ring::RingSet>>> make_rings(
        const Session& session, const wire::RingGeometry& geometry) const;
    session::Outcome<Ok> check_next_log(const session::Properties& properties,
                                        const RequestFiles& files) const;
    void go_back(Session& session, const SavedSession& before);
    void update_kernel_flags(Session& session, const SavedSession& before, StatusAnswer answer);
    void become_kernel_logger(Session& session, const session::UpdateRequest& request,
                              StatusAnswer answer);
    void switch_log(Session& session, const SavedSession& before,
                    const std::shared_ptr<RequestFiles>& files, StatusAnswer answer);
    void save_snapshot(Session& session, const std::string& path, RequestFiles files,
                       StatusAnswer answer);
    // The description of rings that processes of this user are given.
    wire::RingSetDescription describe(const Session& session, uint32_t uid,
                                      const wire::RingGeometry& geometry) const;
    // What a killed host left (session_recovery.cpp).
    KeptDescriptors rings_of_programs() const;
    void clear_left(uint32_t slot);
    std::unique_ptr<Session> recover_one(uint32_t slot, KeptDescriptors& kept);
    Status resume(Session& session, KeptDescriptors& kept);
    using Opened = std::shared_ptr<std::promise<Status>>;
    Status await_opened(const Session& session, const Opened& opened);
    template <class T>
    bool in_patience(const std::future<T>& something);
    void cannot_go_on(Session& session, const Error& error);
    void recover_streams(Session& session, KeptDescriptors& kept);

    // Consumers (session_consumers.cpp).
    session::Outcome<Ok> ensure_feed(Session& session);
    void cut_off(Session& session);
    void forget_consumers(Session& session);
    static Result<session::ConsumeGrant> join(SessionThread& thread, ConsumerEnd& end);
    void consumer_left(Session& session, uint64_t id);
    void drop_unused_feed(Session& session);
    Status recover_feed(Session& session, Drain& drain, KeptDescriptors& kept);
    void await_consumers(const Session& session);

    // Streams (session_providers.cpp).
    Result<std::shared_ptr<Stream>> add_stream(Session& session, uint32_t uid, ring::RingSet rings);
    Result<const Stream*> stream_for(Session& session, uint32_t uid);
    Status ensure_socket_stream(Session& session);
    void release_soon(Session& session);
    void await_sent(const wire::SessionKey& key, const std::function<bool()>& may_wait);
    static void count_lost(Session& session, uint64_t events);
    Status ensure_kernel_stream(Session& session);  // for a session that has kernel events
    static std::shared_ptr<Stream> kernel_stream(const Session& session);
    void attach(ProviderConnection& to, Session& session);
    // What programs number the messages of some sessions with.
    static bool numbers_messages(const Session& session) noexcept;
    Status ensure_numbers();
    void send_numbers(ProviderConnection& to, const Session& session);
    void replace_rings(Session& session, std::vector<std::pair<uint32_t, ring::RingSet>> made,
                       std::function<void()> done);
    uint64_t offer_rings(Session& session);
    void retire(Session& session, const std::vector<std::shared_ptr<Stream>>& unused);
    void await_former_rings(const Session& session);
    void drain_retiring(Session& session, const std::shared_ptr<Stream>& stream);
    void tell_drained(const Session& session, const Stream& stream);
    void await_left_rings(const Session& session);
    void take_up_left_rings(Session& session);
    void take_up(Session& session, const LeftRings& left);
    // Which providers take part, and in which processes (session_enable.cpp).
    static bool admits(const Session& session, const session::ProviderEnable& how,
                       const ProviderConnection& who, bool registering);
    static void admit(Session& session, const Guid& provider, const std::vector<uint32_t>& pids);
    std::optional<wire::EnableAction> settle(Session& session, const session::ProviderEnable& how,
                                             wire::EnableAction asked, ProviderConnection& to,
                                             uint32_t id, bool registering);
    void send_enable(ProviderConnection& to, uint32_t registration, const Session& session,
                     const session::ProviderEnable& how, wire::EnableAction action,
                     uint64_t cookie);
    bool is_registered(const Guid& guid);  // by a program that runs
    // `program`: what was found in its file, where it is of a program's probes.
    Code apply_enable(Session& session, const session::ProviderEnable& how,
                      wire::EnableAction action, Code program);
    size_t sessions_enabling(const Guid& guid) const;
    void add_sessions(std::vector<session::RegisteredProvider>& providers) const;
    // Those that the kernel records (session_probes.cpp).
    void settle_probes(Session& session, std::function<void(Status)> done);
    void enable_probes(Session& session, const std::vector<session::ProviderEnable>& before,
                       const std::vector<session::ProviderEnable>& asked, std::vector<Code> codes,
                       std::function<void(std::vector<Code>)> done);
    // Sends it to every process concerned; the group gets their acknowledgements.
    void tell(Session& session, const session::ProviderEnable& how, wire::EnableAction action,
              uint64_t group);
    void wait_promptly(uint64_t group, std::function<void()> done);
    void next_provider(const std::shared_ptr<EnableJob>& job);

    EventLoop& loop_;
    RuntimeFolder folder_;
    const KeeperLink& keeper_;
    AckTracker acks_;
    ProviderTable providers_;
    PrivateSessions private_;
    std::array<std::unique_ptr<Session>, wire::kMaxSessions> sessions_;
    std::set<uint64_t> opening_;   // sessions (by epoch) taken up whose threads are not that far
    std::set<uint32_t> clearing_;  // slots whose last session has left something that is to go
    uint64_t last_consumer_ = 0;
    bool ending_ = false;                             // no session is to begin any more
    std::function<void()> all_ended_;                 // to be called once the last one has ended
    std::map<uint32_t, EventLoop::TimerId> leaving_;  // users of whom a process has left
    std::optional<MessageNumbers> numbers_;           // once a session has needed them
    // What logs and programs may still take to answer, all together, while sessions are taken up.
    std::chrono::steady_clock::duration patience_ = std::chrono::seconds(2);
};

// Name under which the keeper has the numbers of trace messages.
constexpr char kKeptNumbers[] = "numbers";

template <class T>
SessionManager::Answer<T> SessionManager::in_time(const Session& session, const std::string& log,
                                                  Answer<T> answer) {
    const Unanswered unanswered =
        [this, key = session.saved.key]() -> std::optional<std::chrono::nanoseconds> {
        const Session* asked = find(key);
        if (asked == nullptr || asked->thread == nullptr) return std::nullopt;
        return asked->thread->log_unanswered();
    };
    return host::in_time<T>(loop_, unanswered, log_that_hangs(session).value_or(log),
                            std::move(answer));
}

template <class F>
void SessionManager::for_each(F f) const {
    for (const auto& session : sessions_) {
        if (session != nullptr) f(*session);
    }
}

uint64_t delivery_capacity(const SavedSession& saved);  // bytes of its delivery ring
session::Failure session_ended();                       // while a request was being served
session::Failure host_ends();                           // there will be no session

}  // namespace etw::host
