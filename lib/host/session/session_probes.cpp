// Providers of a session that the kernel records: when it needs a source of kernel events for them
// and when it needs it no longer.
#include "base/letter_case.h"
#include "etw/kernel_flags.h"
#include "host/ask_elsewhere.h"
#include "host/journal.h"
#include "host/providers/probe_providers.h"
#include "host/providers/traced_processes.h"
#include "host/session/kernel_refusal.h"
#include "host/session/session_manager.h"
#include "session/rules.h"
#include "session/traced_rules.h"

#include <fmt/format.h>

#include <algorithm>

namespace etw::host {

using session::ProviderEnable;

void SessionManager::look_at_programs(const session::StartRequest& request,
                                      const PeerCredentials& peer,
                                      std::function<void(Programs)> then) {
    const auto& asked = request.providers;
    const bool traced = session::traces_processes(request.properties);
    Programs known{Ok{}, std::vector<Code>(asked.size(), Code::kOk)};
    if (!traced && std::none_of(asked.begin(), asked.end(), is_of_program)) return then(known);
    const auto look = [=]() -> Programs {
        Programs seen = known;
        if (traced) seen.traceable = check_traced_processes(request, peer);
        for (size_t i = 0; i < seen.probes.size(); ++i) {
            const ProviderEnable& how = request.providers[i];
            if (is_of_program(how)) seen.probes[i] = look_at_program(how);
        }
        return seen;
    };
    const auto without = [=](const Error& why) -> Programs {
        Programs unseen = known;
        if (traced) unseen.traceable = failure_of(why, "what the processes have mapped");
        for (size_t i = 0; i < unseen.probes.size(); ++i) {
            if (is_of_program(request.providers[i])) unseen.probes[i] = why.code;
        }
        return unseen;
    };
    ask_elsewhere<Programs>(loop_, peer.uid, look, without, std::move(then));
}

// Calls `done` when the providers of the session that the kernel records are as its list has them.
void SessionManager::settle_probes(Session& session, std::function<void(Status)> done) {
    const bool needed = needs_kernel_source(session.saved);
    if (needed) {
        if (const Status ready = ensure_kernel_stream(session); !ready) return done(ready);
    }
    session.thread->post([this, needed, saved = session.saved, stream = kernel_stream(session),
                          folder = folder_.sessions_folder(),
                          done = std::move(done)](SessionThread& thread) {
        const Status set = [&]() -> Status {
            Drain& drain = thread.drain();
            if (!needed) {
                thread.stop_kernel_events();
                return Ok{};
            }
            if (drain.kernel_source() != nullptr) {
                thread.flush();  // what happened before is told by those that were enabled then
                return drain.kernel_source()->set_providers(probe_providers(saved));
            }
            ETW_TRY(auto source, KernelSource::start(saved, *stream, keeper_, folder));
            drain.set_kernel_source(std::move(source));
            return Ok{};
        }();
        loop_.post([done, set] { done(set); });
    });
}

// GlobalLogger, which goes on under the other name; it answers to both.
void SessionManager::become_kernel_logger(Session& session, const session::UpdateRequest& request,
                                          StatusAnswer answer) {
    const SavedSession before = session.saved;
    session::Properties p = before.properties;
    p.name = session::kKernelLoggerName;
    p.enable_flags = request.enable_flags.value_or(kDefaultKernelFlags);
    if (request.kernel) p.kernel = *request.kernel;
    bool taken = false;
    for_each([&](const Session& other) {
        taken = taken || same_name(other.saved.properties.name, p.name);
    });
    if (taken) {
        return answer(session::Failure{Code::kAlreadyExists,
                                       fmt::format("a session '{}' is already running", p.name)});
    }
    if (const auto ok = session::check(p); !ok) return answer(ok.error());
    if (const auto ok = check_kernel_session(p); !ok) return answer(ok.error());
    const auto save_as = [this](Session& changed, const session::Properties& now) {
        changed.saved.properties = now;
        return save(folder_.sessions_folder(), changed.saved);
    };
    if (const auto saved = save_as(session, p); !saved) {
        session.saved = before;
        return answer(failure_of(saved.error(), folder_.path()));
    }
    const bool had_source = needs_kernel_source(before);
    settle_probes(session, [this, before, had_source, save_as, answer](const Status& set) {
        Session* changed = find(before.key);
        if (changed == nullptr) return answer(session_ended());
        if (set && had_source) return update_kernel_flags(*changed, before, answer);
        if (set) return answer(changed->status());
        if (const auto saved = save_as(*changed, before.properties); !saved) {
            journal(folder_.path(), saved.error());
        }
        answer(kernel_refusal(set.error()));
    });
}

// After the session's list, which was `before`, has changed by `asked`: those of them that the
// kernel does not take are out of it again, with their code in `codes`.
void SessionManager::enable_probes(Session& session, const std::vector<ProviderEnable>& before,
                                   const std::vector<ProviderEnable>& asked,
                                   std::vector<Code> codes,
                                   std::function<void(std::vector<Code>)> done) {
    const bool had = std::any_of(before.begin(), before.end(), is_probe_provider);
    const bool wants = std::any_of(asked.begin(), asked.end(), is_probe_provider);
    if (!had && !wants) return done(codes);
    const wire::SessionKey key = session.saved.key;
    settle_probes(session, [this, key, asked, codes = std::move(codes),
                            done = std::move(done)](const Status& set) mutable {
        Session* settled = find(key);
        if (set || settled == nullptr) return done(codes);
        journal(fmt::format("session '{}': probes", settled->saved.properties.name), set.error());
        for (size_t i = 0; i < asked.size(); ++i) {
            if (codes[i] != Code::kOk || !is_probe_provider(asked[i])) continue;
            codes[i] = set.error().code;
            std::erase_if(settled->saved.providers,
                          [&](const auto& how) { return how.guid == asked[i].guid; });
        }
        if (const auto saved = save(folder_.sessions_folder(), settled->saved); !saved) {
            journal(folder_.path(), saved.error());
        }
        settle_probes(*settled, [done, codes](const Status&) { done(codes); });
    });
}

}  // namespace etw::host
