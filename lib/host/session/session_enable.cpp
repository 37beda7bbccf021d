// Which providers take part in which sessions: what is asked for, in which processes it holds, and
// telling them.
#include "base/letter_case.h"
#include "etw/boot_session.h"
#include "host/ask_elsewhere.h"
#include "host/providers/probe_providers.h"
#include "host/session/session_manager.h"
#include "session/rules.h"
#include "session/traced_rules.h"

#include <algorithm>

namespace etw::host {

using session::EnableResult;
using session::Failure;
using session::ProviderEnable;
using State = Session::State;
using wire::EnableAction;

namespace {

wire::IdFilter wire_filter(const std::optional<session::EventIdFilter>& filter) {
    wire::IdFilter out{};
    if (!filter) return out;
    out.mode = filter->exclude ? wire::IdFilterMode::kAllBut : wire::IdFilterMode::kOnly;
    out.count = uint16_t(std::min<size_t>(filter->ids.size(), wire::IdFilter::kMaxIds));
    std::copy_n(filter->ids.begin(), out.count, out.ids);
    return out;
}

// Without a timeout nobody waits for programs, but what a script does next should be recorded: as
// long as it takes those that are not busy, and no longer where one hangs.
constexpr std::chrono::milliseconds kPrompt{20};

}  // namespace

// --- in which processes ----------------------------------------------------------------------

// A filter by process ids holds for the processes that ran when it was given: not for those that
// come later, nor for what these register later. Who comes back after a host died is neither.
bool SessionManager::admits(const Session& session, const ProviderEnable& how,
                            const ProviderConnection& who, bool registering) {
    const SavedSession& saved = session.saved;
    if (session::traces_processes(session.saved.properties)) return false;
    if (!session.admits_user(who.peer().uid)) return false;
    if (!how.exe_names.empty() && std::find(how.exe_names.begin(), how.exe_names.end(),
                                            who.executable()) == how.exe_names.end()) {
        return false;
    }
    if (how.pids.empty()) return true;
    const Admitted wanted{how.guid, who.process()};
    return !registering &&
           std::find(saved.admitted.begin(), saved.admitted.end(), wanted) != saved.admitted.end();
}

// What the process has to be told, if anything, after `asked` of the session's provider.
std::optional<EnableAction> SessionManager::settle(Session& session, const ProviderEnable& how,
                                                   EnableAction asked, ProviderConnection& to,
                                                   uint32_t id, bool registering) {
    auto& enabled_by = to.registrations().at(id).enabled_by;
    const uint64_t epoch = session.saved.key.epoch;
    const bool enabled = enabled_by.contains(epoch);
    if (asked == EnableAction::kEnable && admits(session, how, to, registering)) {
        attach(to, session);
        enabled_by.insert(epoch);
        return EnableAction::kEnable;
    }
    if (!enabled) return std::nullopt;
    if (asked == EnableAction::kCaptureState) return asked;
    enabled_by.erase(epoch);
    return EnableAction::kDisable;
}

void SessionManager::send_enable(ProviderConnection& to, uint32_t registration,
                                 const Session& session, const ProviderEnable& how,
                                 EnableAction action, uint64_t cookie) {
    wire::Enable packet{};
    packet.session = session.saved.key;
    packet.cookie = cookie;
    packet.registration = registration;
    packet.action = action;
    packet.match_any_keyword = how.match_any_keyword;
    packet.match_all_keyword = how.match_all_keyword;
    packet.source_id = how.source_id;
    packet.enable_property = how.enable_property;
    packet.level = how.level;
    // Its programs take part without being notified; their callbacks are for other controllers.
    packet.quiet = session.saved.properties.guid == session::kGlobalLoggerGuid ? 1 : 0;
    packet.events = wire_filter(how.event_ids);
    packet.stacks = wire_filter(how.stack_walk_ids);
    to.send(packet, wire::ProviderMessage::kEnable);
}

void SessionManager::on_register(ProviderConnection& from, uint32_t id) {
    const auto& registration = from.registrations().at(id);
    for_each([&](Session& session) {
        if (session.state != State::kRunning) return;
        const ProviderEnable* how = session.find_enable(registration.guid);
        if (how == nullptr) return;
        const auto action =
            settle(session, *how, EnableAction::kEnable, from, id, !registration.earlier);
        if (action) send_enable(from, id, session, *how, *action, acks_.next_cookie());
    });
    private_.on_register(from, id);
}

// What programs have of probes is read in their files.
void SessionManager::registered_providers(
    uid_t whose, std::function<void(std::vector<session::RegisteredProvider>)> answer) {
    using Described = std::vector<session::RegisteredProvider>;
    std::vector<ProviderEnable> probes;
    for_each([&](const Session& session) {
        for (const ProviderEnable& how : session.saved.providers) {
            if (is_probe_provider(how)) probes.push_back(how);
        }
    });
    const auto tell = [this, answer = std::move(answer)](const Described& described) {
        auto all = providers_.list([this](uint64_t epoch) {
            uint32_t id = 0;
            for_each([&](const Session& session) {
                if (session.saved.key.epoch == epoch) id = session.saved.key.slot + 1;
            });
            return id;
        });
        for (const auto& provider : described) {
            const auto same = [&](const auto& known) { return known.guid == provider.guid; };
            if (std::none_of(all.begin(), all.end(), same)) all.push_back(provider);
        }
        add_sessions(all);
        answer(all);
    };
    if (std::none_of(probes.begin(), probes.end(), is_of_program))
        return tell(describe_probe_providers(probes));
    const auto without = [probes](const Error&) {  // by their names alone
        Described out;
        for (const ProviderEnable& how : probes) {
            auto& provider = out.emplace_back();
            provider.guid = how.guid;
            provider.name = how.name;
        }
        return out;
    };
    ask_elsewhere<Described>(
        loop_, whose, [probes] { return describe_probe_providers(probes); }, without, tell);
}

std::vector<session::RegisteredProvider> SessionManager::kernel_providers() const {
    auto all = list_kernel_providers();
    add_sessions(all);
    return all;
}

void SessionManager::add_sessions(std::vector<session::RegisteredProvider>& providers) const {
    for (auto& provider : providers) {
        for_each([&](const Session& session) {
            if (const ProviderEnable* how = session.find_enable(provider.guid)) {
                provider.sessions.push_back({session.saved.key.slot + 1, *how});
            }
        });
    }
}

// --- on request ------------------------------------------------------------------------------

size_t SessionManager::sessions_enabling(const Guid& guid) const {
    size_t count = 0;
    for_each([&](const Session& session) { count += session.enables(guid) ? 1 : 0; });
    return count;
}

bool SessionManager::is_registered(const Guid& guid) {
    bool found = false;
    providers_.for_each_of(guid, [&](ProviderConnection&, uint32_t) { found = true; });
    return found;
}

// What the request does to the session's own list; the processes are told later.
Code SessionManager::apply_enable(Session& session, const ProviderEnable& how, EnableAction action,
                                  Code program) {
    if (how.guid == Guid{}) return Code::kInvalidParameter;
    auto& providers = session.saved.providers;
    const auto known = std::find_if(providers.begin(), providers.end(),
                                    [&](const auto& p) { return p.guid == how.guid; });
    const bool enabled = known != providers.end();
    switch (action) {
        case EnableAction::kEnable:
            if (!session::check(how)) return Code::kInvalidParameter;
            if (is_probe_provider(how)) {
                if (const Code code = check_probes(); code != Code::kOk) return code;
                if (program != Code::kOk) return program;
            } else if (may_be_hidden_tracepoints(how) && !is_registered(how.guid)) {
                return Code::kAccessDenied;
            }
            if (enabled) {
                *known = how;
            } else if (sessions_enabling(how.guid) >= session::kMaxSessionsPerProvider) {
                return Code::kNoSystemResources;
            } else {
                providers.push_back(how);
            }
            admit(session, how.guid, how.pids);
            return Code::kOk;
        case EnableAction::kDisable:
            if (enabled) providers.erase(known);
            admit(session, how.guid, {});
            return Code::kOk;
        case EnableAction::kCaptureState:
            return enabled ? Code::kOk : Code::kGuidNotFound;
    }
    return Code::kInvalidParameter;
}

// The processes of the filter that run now, in place of those of an earlier one.
void SessionManager::admit(Session& session, const Guid& provider,
                           const std::vector<uint32_t>& pids) {
    auto& admitted = session.saved.admitted;
    std::erase_if(admitted, [&](const Admitted& a) { return a.provider == provider; });
    for (const uint32_t pid : pids) {
        if (const auto process = find_process(pid)) admitted.push_back({provider, *process});
    }
}

// One request on its way through the providers it names.
struct SessionManager::EnableJob {
    wire::SessionKey key;
    session::EnableRequest request;
    EnableAction action;
    EnableAnswer answer;
    std::vector<Code> codes;
    size_t next = 0;
};

void SessionManager::enable(const session::EnableRequest& request, EnableAction action, uid_t whose,
                            EnableAnswer answer) {
    const auto found = running(request.name);
    if (!found) return answer(found.error());
    if (action != EnableAction::kEnable) {
        const std::vector<Code> untouched(request.providers.size(), Code::kOk);
        return enable_known(request, action, untouched, std::move(answer));
    }
    session::StartRequest programs;
    programs.providers = request.providers;
    look_at_programs(programs, {0, whose, 0}, [=, this](const Programs& seen) {
        enable_known(request, action, seen.probes, answer);
    });
}

void SessionManager::enable_known(const session::EnableRequest& request, EnableAction action,
                                  const std::vector<Code>& probes, EnableAnswer answer) {
    const auto found = running(request.name);
    if (!found) return answer(found.error());
    Session& session = **found;
    if (same_name(request.name, session::kKernelLoggerName)) {
        return answer(session::Failure{Code::kInvalidParameter,
                                       "System Logger does not accept application guids; a session "
                                       "of another name has both, with -eflag"});
    }
    const auto& asked = request.providers;
    if (std::any_of(asked.begin(), asked.end(), is_probe_provider)) {
        const std::string log = session.thread->snapshot().path;
        answer = in_time<session::EnableResult>(session, log, std::move(answer));
    }
    const SavedSession before = session.saved;
    auto job = std::make_shared<EnableJob>(
        EnableJob{session.saved.key, request, action, std::move(answer), {}, 0});
    for (size_t i = 0; i < request.providers.size(); ++i) {
        job->codes.push_back(apply_enable(session, request.providers[i], action, probes[i]));
    }
    if (action != EnableAction::kCaptureState) {
        if (const auto saved = save(folder_.sessions_folder(), session.saved); !saved) {
            session.saved = before;
            return job->answer(failure_of(saved.error(), folder_.path()));
        }
    }
    if (action == EnableAction::kCaptureState) return next_provider(job);
    enable_probes(session, before.providers, request.providers, job->codes,
                  [this, job](std::vector<Code> codes) {
                      job->codes = std::move(codes);
                      next_provider(job);
                  });
}

void SessionManager::tell(Session& session, const ProviderEnable& how, EnableAction action,
                          uint64_t group) {
    providers_.for_each_of(how.guid, [&](ProviderConnection& to, uint32_t id) {
        const auto settled = settle(session, how, action, to, id, false);
        if (!settled) return;
        send_enable(to, id, session, how, *settled, acks_.expect(group, to.id()));
    });
}

void SessionManager::wait_promptly(uint64_t group, std::function<void()> done) {
    acks_.wait(group, kPrompt, [done = std::move(done)](bool) { done(); });
}

// Tells the processes of one provider after the other; with a timeout, waits for each in turn.
void SessionManager::next_provider(const std::shared_ptr<EnableJob>& job) {
    const bool waits = job->request.timeout_ms != 0;
    const uint64_t group = acks_.open_group();
    size_t index = job->next;
    if (Session* session = find(job->key); session && session->state == State::kRunning) {
        for (bool told = false; job->next < job->codes.size() && !(waits && told);) {
            index = job->next++;
            if (job->codes[index] != Code::kOk) continue;
            tell(*session, job->request.providers[index], job->action, group);
            told = true;
        }
    }
    const auto go_on = [this, job] {
        Session* session = find(job->key);
        if (session == nullptr || session->state != State::kRunning) {
            job->answer(session_ended());
        } else if (job->next < job->codes.size()) {
            next_provider(job);
        } else {
            job->answer(EnableResult{session->status(), job->codes});
        }
    };
    if (!waits) return wait_promptly(group, go_on);
    acks_.wait(group, std::chrono::milliseconds(job->request.timeout_ms),
               [this, job, index, go_on](bool all) {
                   if (!all) job->codes[index] = Code::kTimeout;
                   // Not from here: a chain of providers that answer at once would nest.
                   loop_.post(go_on);
               });
}

}  // namespace etw::host
