// The rings that the processes of providers are given, and the events that come without.
#include "host/journal.h"
#include "host/providers/probe_providers.h"
#include "host/session/session_clock.h"
#include "host/session/session_manager.h"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <limits>

namespace etw::host {

using State = Session::State;
using wire::EnableAction;

namespace {

// A child of a process that has left, or that had other rings, may not have connected yet.
constexpr std::chrono::seconds kRetireAfter{5};
constexpr std::chrono::seconds kReplacePatience{1};
constexpr std::chrono::hours kReplaceLimit{24};
// For what was sent to be read, by a host that other things keep from it, and how often a session
// looks meanwhile whether it can still wait.
constexpr std::chrono::milliseconds kSentPatience{100};
constexpr std::chrono::milliseconds kSentLook{2};

}  // namespace

// --- streams ---------------------------------------------------------------------------------

Result<std::shared_ptr<Stream>> SessionManager::add_stream(Session& session, uint32_t uid,
                                                           ring::RingSet rings) {
    // The last place is the socket stream's: it takes what finds no ring.
    const size_t limit = Progress::kMaxStreams - (uid == kSocketStream ? 0 : 1);
    if (session.stream_count >= limit) {
        return Error{Code::kNoSystemResources, "session: users", session.stream_count};
    }
    ETW_TRY(auto stream, Stream::make(uid, std::move(rings)));
    keeper_.store(session.kept_rings(*stream), stream->rings.fd());
    session.streams.push_back(stream);
    ++session.stream_count;
    if (session.thread != nullptr) {
        session.thread->post([stream](SessionThread& thread) {
            if (const auto added = thread.drain().add_stream(stream); !added) {
                journal("rings of a user", added.error());
            }
        });
    }
    return stream;
}

Result<const Stream*> SessionManager::stream_for(Session& session, uint32_t uid) {
    if (const Stream* known = session.stream_of(uid)) return known;
    ETW_TRY(auto rings, ring::RingSet::create(session.saved.geometry));
    rings.describe(describe(session, uid, session.saved.geometry));
    ETW_TRY(const auto stream, add_stream(session, uid, std::move(rings)));
    return static_cast<const Stream*>(stream.get());
}

wire::RingSetDescription SessionManager::describe(const Session& session, uint32_t uid,
                                                  const wire::RingGeometry& geometry) const {
    return describe_rings(session.saved, uid, geometry, folder_.path());
}

Status SessionManager::ensure_socket_stream(Session& session) {
    if (session.sent) return Ok{};
    ETW_TRY(auto rings, ring::RingSet::create(session.saved.geometry));
    rings.describe(describe(session, kSocketStream, session.saved.geometry));
    ETW_TRY(const auto stream, add_stream(session, kSocketStream, std::move(rings)));
    ETW_TRY(auto writer, StreamWriter::over(*stream));
    session.sent.emplace(std::move(writer));
    return Ok{};
}

void SessionManager::release_soon(Session& session) {
    if (std::exchange(session.releases_sent, true)) return;
    loop_.when_caught_up([this, key = session.saved.key, until = counter_now()] {
        Session* owner = find(key);
        if (owner == nullptr) return;
        owner->releases_sent = false;
        if (!owner->sent) return;
        owner->sent->release(until);
        if (!owner->sent->empty()) release_soon(*owner);
    });
}

// On the session's thread: until what was sent to it by now is in its stream.
void SessionManager::await_sent(const wire::SessionKey& key,
                                const std::function<bool()>& may_wait) {
    const auto released = std::make_shared<std::promise<void>>();
    loop_.post([this, key, released, until = counter_now()] {
        loop_.when_caught_up([this, key, released, until] {
            Session* owner = find(key);
            if (owner != nullptr && owner->sent) owner->sent->release(until);
            released->set_value();
        });
    });
    const auto waiting = released->get_future();
    const auto end = std::chrono::steady_clock::now() + kSentPatience;
    while (waiting.wait_for(kSentLook) == std::future_status::timeout && may_wait() &&
           std::chrono::steady_clock::now() < end) {
    }
}

bool SessionManager::numbers_messages(const Session& session) noexcept {
    constexpr uint32_t kNumbered = wire::kRingLocalNumbers | wire::kRingGlobalNumbers;
    return (session.saved.geometry.flags & kNumbered) != 0;
}

Status SessionManager::ensure_numbers() {
    if (numbers_) return Ok{};
    ETW_TRY(auto made, MessageNumbers::create());
    keeper_.store(kKeptNumbers, made.fd());
    numbers_.emplace(std::move(made));
    return Ok{};
}

void SessionManager::send_numbers(ProviderConnection& to, const Session& session) {
    if (!numbers_messages(session) || to.has_numbers()) return;
    if (const auto ready = ensure_numbers(); !ready) {
        return journal(
            fmt::format("message numbers of session '{}'", session.saved.properties.name),
            ready.error());
    }
    to.set_has_numbers();
    to.send(wire::Numbers{}, wire::ProviderMessage::kNumbers, numbers_->fd().get());
}

Status SessionManager::ensure_kernel_stream(Session& session) {
    if (!needs_kernel_source(session.saved) || kernel_stream(session) != nullptr) return Ok{};
    ETW_TRY(auto rings, ring::RingSet::create(session.saved.geometry));
    rings.describe(describe(session, kKernelStream, session.saved.geometry));
    ETW_TRY(const auto stream, add_stream(session, kKernelStream, std::move(rings)));
    static_cast<void>(stream);
    return Ok{};
}

std::shared_ptr<Stream> SessionManager::kernel_stream(const Session& session) {
    const Stream* newest = session.stream_of(kKernelStream);
    const auto found = std::find_if(session.streams.begin(), session.streams.end(),
                                    [&](const auto& stream) { return stream.get() == newest; });
    return found == session.streams.end() ? nullptr : *found;
}

// Once for each process and session. A process that can have no ring sends its events.
void SessionManager::attach(ProviderConnection& to, Session& session) {
    if (!to.attached().insert(session.saved.key.epoch).second) return;
    send_numbers(to, session);
    wire::Attach packet{{}, session.saved.key, session.saved.geometry};
    const bool rings = to.uses_rings() && to.peer().uid < kKernelStream &&
                       (session.saved.properties.log_file_mode & kModeNoPerProcessor) == 0;
    if (rings) {
        if (const auto stream = stream_for(session, to.peer().uid)) {
            to.send(packet, wire::ProviderMessage::kAttach, (*stream)->rings.fd().get());
            return;
        } else {
            journal(fmt::format("rings of user {} for session '{}'", to.peer().uid,
                                session.saved.properties.name),
                    stream.error());
        }
    }
    if (const auto ready = ensure_socket_stream(session); !ready) {
        journal(fmt::format("events by socket for session '{}'", session.saved.properties.name),
                ready.error());
    }
    to.send(packet, wire::ProviderMessage::kAttach);
}

void SessionManager::on_rings(ProviderConnection& from, const wire::Rings& packet, UniqueFd fd) {
    Session* session = find(packet.session);
    if (session == nullptr || session->state != State::kRunning ||
        !session->admits_user(from.peer().uid)) {
        from.send(wire::Detach{{}, packet.session, acks_.next_cookie()},
                  wire::ProviderMessage::kDetach);
        return;
    }
    const auto identity = identity_of(fd.get());
    wire::RingGeometry same_blocks = packet.geometry;  // there may have been another -max
    same_blocks.blocks = session->saved.geometry.blocks;
    if (from.peer().uid >= kKernelStream) return;
    if (!identity || !packet.geometry.valid() || !(same_blocks == session->saved.geometry)) return;
    const auto same = [&](const auto& s) { return s->rings_identity == *identity; };
    const auto theirs = [&](const auto& s) { return s->uid == from.peer().uid; };
    const auto& streams = session->streams;
    const auto& retiring = session->retiring;
    if (std::any_of(streams.begin(), streams.end(), same)) return;
    if (std::any_of(retiring.begin(), retiring.end(), same)) return;
    const auto& copied = session->copied;
    if (std::find(copied.begin(), copied.end(), *identity) != copied.end()) return;
    const auto known = std::count_if(streams.begin(), streams.end(), theirs);
    if (known >= kMaxStreamsPerUser) return;
    // Ours are allocated in full. One set for each user takes memory of this host, no more.
    if (known != 0 && !is_allocated(fd, packet.geometry.set_size())) return;
    auto rings = ring::RingSet::adopt(std::move(fd), packet.geometry);
    if (!rings) {
        journal(fmt::format("rings handed back by process {}", from.peer().pid), rings.error());
        return;
    }
    // One that the checkpoint knows, missing until now, has its place there already.
    if (session->stream_count > streams.size()) --session->stream_count;
    const auto added = add_stream(*session, from.peer().uid, std::move(*rings));
    if (!added) {
        journal(fmt::format("rings handed back by process {}", from.peer().pid), added.error());
        return;
    }
    // A process hands back its newest first: what follows is older and not to be handed out.
    std::rotate(session->streams.begin(), session->streams.end() - 1, session->streams.end());
    await_former_rings(*session);
}

// --- providers -------------------------------------------------------------------------------

void SessionManager::on_private_status(ProviderConnection& from,
                                       const wire::PrivateStatus& packet) {
    private_.on_status(from, packet);
}

void SessionManager::control_private(const session::PrivateRequest& request, RequestFiles files,
                                     StatusAnswer answer) {
    if (find(request.name, Kind::kTraced) != nullptr)
        return control_traced(request, std::move(files), std::move(answer));
    private_.control(request, std::move(files), std::move(answer));
}

// A private session whose processes do not know of it is one of the host's.
void SessionManager::control_traced(const session::PrivateRequest& request, RequestFiles files,
                                    StatusAnswer answer) {
    using Action = session::PrivateRequest::Action;
    switch (request.action) {
        case Action::kQuery: {
            const auto found = running(request.name, Kind::kTraced);
            if (!found) return answer(found.error());
            return answer((*found)->status());
        }
        case Action::kFlush:
            return flush({request.name, std::nullopt}, {}, std::move(answer), Kind::kTraced);
        case Action::kUpdate: {
            session::UpdateRequest update;
            update.name = request.name;
            update.log_file = request.log_file;
            if (request.flush_timer_s != 0) update.flush_timer_s = request.flush_timer_s;
            return this->update(update, std::move(files), std::move(answer), Kind::kTraced);
        }
        case Action::kStop:
            return stop(request.name, std::move(answer), Kind::kTraced);
    }
}

void SessionManager::on_ack(ProviderConnection& from, uint64_t cookie) {
    acks_.acknowledged(from.id(), cookie);
}

void SessionManager::on_superseded(ProviderConnection& to, uint64_t cookie, uint64_t by) {
    if (by != 0) return acks_.supersede(cookie, by);
    // Later: whoever waits for it may send more, and this comes from within a send.
    loop_.post([this, id = to.id(), cookie] { acks_.acknowledged(id, cookie); });
}

void SessionManager::on_closed(ProviderConnection& from) {
    acks_.connection_ended(from.id());
    private_.on_closed(from);
    // One timer a user, however many processes come and go.
    EventLoop::TimerId& timer = leaving_[from.peer().uid];
    loop_.cancel(timer);
    timer = loop_.after(kRetireAfter, [this, uid = from.peer().uid] {
        leaving_.erase(uid);
        bool alive = false;
        providers_.for_each([&](ProviderConnection& to) { alive |= to.peer().uid == uid; });
        if (alive) return;
        for_each([&](Session& session) {
            std::vector<std::shared_ptr<Stream>> unused;
            for (const auto& stream : session.streams) {
                if (stream->uid == uid) unused.push_back(stream);
            }
            // What a buffered session holds of programs that have ended is still to be saved.
            if (session.state == State::kRunning && !session.is_buffered()) {
                retire(session, unused);
            }
        });
    });
}

// --- rings that programs left ----------------------------------------------------------------

// Of programs that ended before this host came. Not at once: where another process has the same
// rings, these are newer. At the latest when the session ends.
void SessionManager::await_left_rings(const Session& session) {
    loop_.after(kRetireAfter, [this, key = session.saved.key] {
        Session* owner = find(key);
        if (owner != nullptr && owner->state == State::kRunning) take_up_left_rings(*owner);
    });
}

void SessionManager::take_up_left_rings(Session& session) {
    const std::string folder = state_folder(folder_.sessions_folder(), session.saved.key.slot);
    for (const LeftRings& left : find_left_rings(folder)) {
        const auto same = [&](const auto& s) { return s->rings_identity == left.rings; };
        const bool there = std::any_of(session.streams.begin(), session.streams.end(), same) ||
                           std::any_of(session.retiring.begin(), session.retiring.end(), same);
        if (!there) take_up(session, left);
        ::unlink(left.path.c_str());
    }
}

void SessionManager::take_up(Session& session, const LeftRings& left) {
    wire::RingGeometry geometry = session.saved.geometry;  // but for an earlier -max
    geometry.blocks = left.blocks;
    auto rings = read_left_rings(left.path, geometry);
    auto stream = rings ? Stream::make(::geteuid(), std::move(*rings))
                        : Result<std::shared_ptr<Stream>>(rings.error());
    if (!stream) return journal(left.path, stream.error());
    // One that the checkpoint knows has its place there already.
    const size_t present = session.streams.size() + session.retiring.size();
    if (session.stream_count <= present) ++session.stream_count;
    session.copied.push_back(left.rings);
    keeper_.store(session.kept_rings(**stream), (*stream)->rings.fd());
    session.thread->post([missing = left.rings, stream = *stream](SessionThread& thread) {
        if (const auto added = thread.drain().add_copy(missing, stream); !added) {
            journal("rings that a program left", added.error());
        }
    });
    if (session.is_buffered()) {
        session.streams.insert(session.streams.begin(), *stream);
    } else {
        session.retiring.push_back(*stream);
        drain_retiring(session, *stream);
    }
}

// --- other rings -----------------------------------------------------------------------------

// Every process that has rings gets others, of the session's new geometry. Those it had are drained
// beside them until nobody can be writing there any more. `made`: for each user that has some.
void SessionManager::replace_rings(Session& session,
                                   std::vector<std::pair<uint32_t, ring::RingSet>> made,
                                   std::function<void()> done) {
    const auto old = session.streams;
    for (auto& [uid, rings] : made) {
        if (const auto added = add_stream(session, uid, std::move(rings)); !added) {
            journal("other rings", added.error());
        }
    }
    if (session.sent) {
        session.sent->release_all();
        session.sent.reset();
        if (const auto ready = ensure_socket_stream(session); !ready) {
            journal("other rings", ready.error());
        }
    }
    if (const auto stream = kernel_stream(session)) {
        session.thread->post([stream](SessionThread& thread) {
            KernelSource* source = thread.drain().kernel_source();
            const Status used = source == nullptr ? Status(Ok{}) : source->use(*stream);
            if (!used) journal("other rings of kernel events", used.error());
        });
    }
    const uint64_t group = offer_rings(session);
    const auto answered = std::make_shared<std::function<void()>>(std::move(done));
    const wire::SessionKey key = session.saved.key;
    // One that hangs keeps the old rings in use until the session ends; the answer does not wait.
    loop_.after(kReplacePatience, [answered] {
        if (*answered) std::exchange(*answered, nullptr)();
    });
    acks_.wait(group, kReplaceLimit, [this, key, old, answered](bool all) {
        // What stands in the former rings is held by this host alone now: to the log with it,
        // before anybody is told that the change is done.
        if (Session* owner = find(key); owner != nullptr && owner->state == State::kRunning) {
            owner->thread->post([this, answered](SessionThread& thread) {
                thread.flush();
                loop_.post([answered] {
                    if (*answered) std::exchange(*answered, nullptr)();
                });
            });
        } else if (*answered) {
            std::exchange(*answered, nullptr)();
        }
        if (!all) return;
        loop_.after(kRetireAfter, [this, key, old] {
            Session* owner = find(key);
            if (owner != nullptr && owner->state == State::kRunning) retire(*owner, old);
        });
    });
}

// Hands all processes of the session the newest rings of their user; those that have them stay as
// they are. Returns the group of their acknowledgements: whoever has sent one writes there.
uint64_t SessionManager::offer_rings(Session& session) {
    const uint64_t group = acks_.open_group();
    providers_.for_each([&](ProviderConnection& to) {
        const Stream* stream = session.stream_of(to.peer().uid);
        const bool attached = to.attached().contains(session.saved.key.epoch);
        if (!attached || !to.uses_rings() || stream == nullptr) return;
        const wire::Attach packet{{}, session.saved.key, session.saved.geometry};
        to.send(packet, wire::ProviderMessage::kAttach, stream->rings.fd().get());
        // Of no registration: for the acknowledgement alone.
        send_enable(to, 0, session, {}, EnableAction::kEnable, acks_.expect(group, to.id()));
    });
    return group;
}

// Rings of which this host does not know whether anybody still writes there, since others took
// their place before a kill: from the keeper, or handed back by a process that kept them. When the
// processes have had time to come back, and all that did have the newest, they go as after a
// change. One that comes back later hands them over again.
void SessionManager::await_former_rings(const Session& session) {
    loop_.after(kRetireAfter, [this, key = session.saved.key] {
        Session* owner = find(key);
        if (owner == nullptr || owner->state != State::kRunning || owner->is_buffered()) return;
        std::vector<std::shared_ptr<Stream>> former;
        for (const auto& stream : owner->streams) {
            if (owner->stream_of(stream->uid) != stream.get()) former.push_back(stream);
        }
        if (former.empty()) return;
        acks_.wait(offer_rings(*owner), kReplaceLimit, [this, key, former](bool all) {
            Session* later = find(key);
            if (all && later != nullptr && later->state == State::kRunning) {
                retire(*later, former);
            }
        });
    });
}

// Drains the streams to their ends and frees them. Nobody is given them any more.
void SessionManager::retire(Session& session, const std::vector<std::shared_ptr<Stream>>& unused) {
    for (const auto& stream : unused) {
        if (std::erase(session.streams, stream) == 0) continue;
        session.retiring.push_back(stream);
        drain_retiring(session, stream);
    }
}

void SessionManager::drain_retiring(Session& session, const std::shared_ptr<Stream>& stream) {
    const wire::SessionKey key = session.saved.key;
    session.thread->post([this, key, stream](SessionThread& thread) {
        thread.flush();
        const bool empty = thread.drain().retire(*stream);
        loop_.post([this, key, stream, empty] {
            Session* owner = find(key);
            if (owner == nullptr || owner->state != State::kRunning) return;
            if (empty) {
                keeper_.remove(owner->kept_rings(*stream));
                owner->stream_count -= std::erase(owner->retiring, stream);
                tell_drained(*owner, *stream);
                return;
            }
            loop_.after(kRetireAfter, [this, key, stream] {
                Session* later = find(key);
                if (later != nullptr && later->state == State::kRunning) {
                    drain_retiring(*later, stream);
                }
            });
        });
    });
}

// Processes that had these rings have kept them for a host that might come after us.
void SessionManager::tell_drained(const Session& session, const Stream& stream) {
    providers_.for_each([&](ProviderConnection& to) {
        if (to.peer().uid != stream.uid || !to.attached().contains(session.saved.key.epoch)) return;
        const FileIdentity& file = stream.rings_identity;
        to.send(wire::Drained{{}, session.saved.key, file.device, file.inode},
                wire::ProviderMessage::kDrained);
    });
}

void SessionManager::on_event(ProviderConnection& from, const EventPacket& packet) {
    Session* session = find(packet.fixed.session);
    if (session == nullptr || !from.attached().contains(session->saved.key.epoch)) {
        return;  // on its way when the session ended
    }
    // A process may have been given a ring and found that it cannot map it.
    if (!ensure_socket_stream(*session)) return count_lost(*session, 1);
    static thread_local std::vector<std::byte> record;
    record.assign(packet.record.begin(), packet.record.end());
    const auto shape = shape_of(record, wire::align8(record.size()));
    ETW_ASSERT(bool(shape));  // checked by parse_provider_packet()
    const auto pid = uint32_t(from.peer().pid);
    // Who sent it is what the kernel says, where it can say it.
    if (shape->process_offset != 0 && pid != 0) {
        std::memcpy(record.data() + shape->process_offset, &pid, sizeof(pid));
    }
    session->sent->add(packet.fixed.cpu % session->saved.geometry.cpus, record, shape->time_offset,
                       counter_at(packet.fixed.monotonic_ns));
    release_soon(*session);
}

void SessionManager::on_events_lost(ProviderConnection& from, const wire::EventsLost& packet) {
    Session* session = find(packet.session);
    if (session == nullptr || !from.attached().contains(session->saved.key.epoch)) return;
    // Nobody loses more between two packets; others' losses are in the same sum.
    constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max();
    count_lost(*session, std::min(packet.count, kMost));
}

// A session whose programs have all had rings may have no stream for it.
void SessionManager::count_lost(Session& session, uint64_t events) {
    if (session.sent) return session.sent->add_lost(events);
    session.thread->post([events](SessionThread& thread) { thread.drain().count_lost(events); });
}

}  // namespace etw::host
