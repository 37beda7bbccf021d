// Everything the provider library knows, in memory that exists from the start of the process: no
// allocation, so that a stale handle or a late writer never meets freed memory.
//
// Threads: the agent (one a process) talks to the hosts and is the only one to change sessions and
// enable state; any thread registers; any thread or signal handler writes events. Writers take no
// lock: they read a registration's entries, each published by its `generation`:
//
//   enable   fields of the entry, then generation (release)
//   disable  generation = 0
//   write    generation (acquire), 0: skip; then the fields; ring sections check the generation
//            again against the session's map (ring/writer.h), so an entry that is read while it
//            changes hands gives at worst an event filtered by the session's former level
#pragma once
#include "etw/enable_property.h"
#include "etw/provider.h"
#include "provider/os.h"
#include "provider/ring_pages.h"
#include "ring/writer.h"
#include "wire/provider_protocol.h"

#include <sys/un.h>

namespace etw::provider {

constexpr uint32_t kMaxHosts = 2;  // the system's and the user's own
constexpr uint32_t kMaxSlots = kMaxHosts * wire::kMaxSessions;
constexpr uint32_t kPrivateEntry = wire::kMaxSessionsPerProvider;  // the private session's
constexpr uint32_t kMaxEntries = kPrivateEntry + 1;

// One session that has sent Attach: how its events travel.
struct SessionSlot {
    ring::WriterMap map;  // generation 0: not attached, or by socket
    // 0: free. Never the same twice in a process; modulo kMaxSlots it is the slot's index, so that
    // a writer that has read an entry's generation has its slot too.
    std::atomic<uint64_t> generation;
    std::atomic<uint64_t> socket_lost;  // events that found the socket full, not yet reported
    std::atomic<bool> rings;            // else events go by socket
    std::atomic<bool> in_process;       // the private session: its rings are this process's own
    bool dead;                          // the mapping could not be withdrawn: never use this again
    bool quiet;                         // callbacks hear nothing of it
    bool orphaned;                      // its host died: hand the rings to the next
    // Where its trace messages take their numbers from, or null. Mapped until the process ends.
    std::atomic<std::atomic<uint32_t>*> numbers;
    uint32_t host;
    std::atomic<uint64_t> confirmed;  // connection that last named the session; 0: not this one yet
    wire::SessionKey key;
    wire::RingGeometry geometry;
    std::byte* mapping;  // set_size() bytes or null
    RingPages pages;     // of the mapping
    GuardedFd fd;
};

// Rings that others have taken the place of. Should the host and its keeper die before what stands
// in them is written, nobody else has them: their descriptor stays until the host says Drained.
struct FormerRings {
    uint32_t host;
    wire::SessionKey key;
    wire::RingGeometry geometry;
    GuardedFd fd;
};
constexpr uint32_t kMaxFormerRings = 64;  // then the oldest goes; the host keeps no more either

// A bit for each event id.
struct IdSet {
    static constexpr size_t kWords = (1u << 16) / 64;
    std::atomic<uint64_t> words[kWords];

    bool has(uint16_t id) const noexcept {
        return (words[id / 64].load(std::memory_order_relaxed) >> id % 64 & 1) != 0;
    }
};

// What of an entry concerns few sessions, beside the EVENT_ENABLE_PROPERTY bits in the same word.
enum Special : uint32_t {
    kSpecialEventIds = 1u << 16,  // EnableEntry::events says which are written
    kSpecialStackIds = 1u << 17,  // EnableEntry::stacks says which have a stack
};

// One session's interest in one registration.
struct EnableEntry {
    std::atomic<uint64_t> generation;  // of the slot; 0: none
    std::atomic<uint64_t> match_any, match_all;
    std::atomic<uint32_t> level;
    std::atomic<uint32_t> special;  // 0: events are written as they are
    std::atomic<uint32_t> room;     // bytes of the longest record that the session takes
    // Made for the first filter, then kept: a writer may be looking at any time.
    std::atomic<IdSet*> events, stacks;
    uint64_t confirmed;  // connection that last sent this Enable
};

struct HostView {         // a registration as one host knows it
    uint64_t connection;  // that Register was sent on; 0: none
    bool answered;
    uint32_t traits_revision;  // that it told
};

// Of a record behind its header: traits and schema, or what is put together as these, and payload.
constexpr uint32_t kMaxPieces = ETW_MAX_DATA + 5;

constexpr size_t kTraitsItemSize = sizeof(wire::ExtendedItem) + ETW_MAX_TRAITS;

struct Registration {
    std::atomic<uint64_t> handle;   // 0: not registered
    std::atomic<uint32_t> entries;  // bit n: entry[n] may be in use; see kFiltered
    etw_enabled wanted;             // what all entries together want
    // What nearly every event meets: one session that takes it as it is. With any others the state
    // is kNone.
    ring::EventSource source;
    // Ready to be copied behind a header: ExtendedItem, whose linkage says that another follows,
    // traits, zeros
    alignas(8) std::byte traits_item[kTraitsItemSize];

    std::atomic<bool> typed;  // etw_data::reserved says what a piece is
    bool ready;               // every host in reach has answered
    bool in_callback;
    uint32_t generation;    // upper half of the handle; odd while registered
    int64_t awaited_until;  // monotonic ns: when a thread gives up to wait for that; 0: none does
    uint32_t traits_revision;           // counts changes of the traits
    std::atomic<uint64_t> first_state;  // no state that it had is less
    etw_enabled* enabled;               // the application's copy of `wanted`, or null
    etw_message_control* control;       // of trace messages, in the place of `enabled`; else null
    etw_callback callback;
    bool callback_of_module;  // at its registration
    void* context;
    HostView hosts[kMaxHosts];
    bool known[kMaxHosts];  // to this host or to one before it
    uint64_t born;          // the newest connection when it was registered
    EnableEntry entry[kMaxEntries];

    bool live() const noexcept { return generation % 2 != 0; }  // with the lock
};
static_assert(offsetof(Registration, traits_item) ==
              offsetof(Registration, source) + ETW_SOURCE_TRAITS);

struct Host {
    char path[108];  // sun_path
    bool trusted;    // the folder is the system's: the peer need not be root or this user
    GuardedFd socket;
    uint64_t connection;            // 0: none; counts up
    bool welcome;                   // has answered Hello
    wire::MessageNumbers* numbers;  // mapped until the process ends, or null
    dev_t numbers_device;           // of its file
    ino_t numbers_inode;
    bool no_rings;
    bool was_connected;
    int64_t retry_at;  // monotonic ns; 0: not before the doorbell rings
    int64_t retry_pause;
    int64_t retry_until;
    int64_t room_by;  // monotonic ns; 0: no registration is untold for want of room in the socket
};

// A callback that is due, run by the agent without the lock.
struct DueCallback {
    uint32_t registration;
    uint32_t generation;
    etw_guid source;
    uint32_t is_enabled;
    uint8_t level;
    uint64_t match_any, match_all;
    uint32_t ack_host;  // kMaxHosts: no Ack waits for this callback
    uint64_t ack_connection;
    uint64_t ack_cookie;
};
// A packet makes one due for each registration at most. No packet is taken from a host while there
// is no room for its callbacks.
constexpr uint32_t kMaxDueCallbacks = 2 * ETW_MAX_REGISTRATIONS;

struct State {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;  // all but what writers read
    std::atomic<uint32_t> changes;  // of ready and in_callback; futex word of who waits for one
    sigset_t signals_before_fork;   // of the thread that forks
    bool wait_budget_known;
    bool agent_started;
    pid_t agent_pid;  // process that the sockets belong to
    pthread_t agent;
    int64_t agent_delay_until;  // of a forked child
    int64_t wait_budget_ns;     // of a registration, for the hosts' answers
    uint64_t next_generation;
    uint64_t last_state_number;  // of etw_enabled::state, in all registrations
    uint64_t next_connection;
    uint32_t registrations_end;  // none in use at or after
    uint32_t host_count;
    bool unmap_works;  // ring::prepare_detach()
    GuardedFd wake;    // a socket connected to itself
    GuardedFd doorbell;
    sockaddr_un doorbell_address;
    socklen_t doorbell_length;  // of the address; 0: it has none
    Host hosts[kMaxHosts];
    SessionSlot slots[kMaxSlots];
    uint32_t former_count;
    FormerRings former[kMaxFormerRings];  // oldest first
    uint32_t due_first, due_count;        // modulo kMaxDueCallbacks
    DueCallback due[kMaxDueCallbacks];
    Registration registrations[ETW_MAX_REGISTRATIONS];
};

// Nothing initialises it as the program starts: constructors that run before may have registered.
extern State g_state;

// Registration::entries, bit kFiltered + n: entry[n] has a filter of event ids.
constexpr uint32_t kFiltered = 16;
constexpr uint32_t kEntryBits = (1u << kFiltered) - 1;
static_assert(kMaxEntries <= kFiltered);

// Handles: generation << 32 | index + 1.
inline Registration* registration_of(uint64_t handle) noexcept {
    const uint64_t index = (handle & 0xFFFFFFFFu) - 1;
    if (index >= ETW_MAX_REGISTRATIONS) return nullptr;
    Registration& registration = g_state.registrations[index];
    return registration.handle.load(std::memory_order_acquire) == handle ? &registration : nullptr;
}

// --- write.cpp ---
// EventSource::rest of every registration.
uint32_t write_rest(const ring::EventSource* source, const void* head, uint64_t state,
                    const ring::Piece* pieces, uint64_t extent, uint32_t described,
                    ring::HeaderPart activity) noexcept;

// --- agent.cpp ---
// Static TLS, rseq descriptors in use by the kernel and the agent's code must never be unmapped.
// Without the lock: the loader's own is held while modules' constructors run, which may register.
void pin_module() noexcept;
// Bytes of the thread-local variables of all modules; known once the module is pinned. glibc takes
// them from a thread's stack.
extern std::atomic<size_t> g_tls_size;
// Is the function's code that of a module which is loaded? Without the loader's own lock, which is
// held while modules' constructors run: this takes the one of the list of modules.
bool in_module(etw_callback function) noexcept;
bool start_agent() noexcept;  // with the lock; false: no thread to be had
void wake_agent() noexcept;   // async-signal-safe; preserves errno

// --- registry.cpp, called by the agent with the lock ---
// The session wants (or no longer wants) events of the registration. False: it has 8 already.
bool set_entry(Registration& registration, SessionSlot& slot, const wire::Enable& enable,
               uint64_t connection) noexcept;
void clear_entry(Registration& registration, const SessionSlot& slot) noexcept;
// Publishes what all entries together want, behind each change of one.
void publish(Registration& registration) noexcept;

// Who waits for a registration to be ready, or for its callback's end, looks again.
void announce_change() noexcept;
// Until the hosts in reach know this process and have told it what they want, but for no longer
// than a registration would wait. Without the lock.
void await_hosts() noexcept;

// --- sessions.cpp, called by the agent with the lock ---
SessionSlot* find_slot(uint32_t host, const wire::SessionKey& key) noexcept;
// Takes over `fd` (-1: by socket). Null: no slot is left.
SessionSlot* attach_session(uint32_t host, const wire::Attach& attach, int fd) noexcept;
// The private session's slot. `set`: rings in this process's memory; null: events are appended
// under a lock. Null: no slot is left.
SessionSlot* attach_private(uint32_t host, const wire::SessionKey& key,
                            const wire::RingGeometry& geometry, std::byte* set) noexcept;
// What the host numbers the trace messages of some sessions with. Takes over `fd`.
void take_numbers(Host& host, int fd) noexcept;
// No thread is in its rings after this, and no registration is enabled by it.
void detach_session(SessionSlot& slot) noexcept;
// Lets go of former rings: those of the session, or the one that Drained names.
void forget_former(uint32_t host, const wire::SessionKey& key) noexcept;
void forget_former(uint32_t host, const wire::Drained& drained) noexcept;
void forget_all_former() noexcept;

// --- left_rings.cpp, with the lock ---
// At the end of the program: what a next host is to find of sessions whose host does not live.
void leave_rings() noexcept;

// --- host_link.cpp, called by the agent with the lock ---
void connect_host(uint32_t host) noexcept;
void disconnect_host(uint32_t host) noexcept;
void receive_packets(uint32_t host) noexcept;
// Brings the host up to date with registrations that came or went.
void announce_registrations(uint32_t host) noexcept;
void send_ack(uint32_t host, uint64_t connection, uint64_t cookie) noexcept;
void send_private_status(uint32_t host, const wire::PrivateStatus& status) noexcept;
// Detaches the session and tells the providers that it had enabled.
void end_session(uint32_t host, SessionSlot& slot) noexcept;
bool has_room_for_callbacks() noexcept;
// Marks registrations ready that no host in reach has still to answer.
void release_waiters() noexcept;

// --- socket_path.cpp ---
// The way of events without rings; async-signal-safe.
struct SocketEvent {
    const std::byte* staged;
    const ring::Piece* pieces;
    uint32_t staged_size, piece_count, size, time_stamp_offset;
};
uint32_t send_event(SessionSlot& slot, uint64_t generation, const SocketEvent& event) noexcept;
// Tells the hosts what was dropped and not told yet: nothing may be written after this that would.
// Waits for room, but not for long.
void settle_lost() noexcept;
void settle_lost(SessionSlot& slot) noexcept;  // that is gone, or is about to be
bool has_untold_losses() noexcept;

// --- items.cpp ---
// Makes the unwinder ready, so that a writer neither loads code nor takes a lock. Without the lock:
// it takes that of the loader. False: the unwinder of this system cannot do without one.
bool prepare_stacks() noexcept;
bool stacks_ready() noexcept;

// Extended items that enable properties add to an event, put together where its record is: the
// stack that they are on may be small.
constexpr uint32_t kMaxFrames = 192;
constexpr uint32_t kOwnFrames = 16;            // of this library, above the caller's
constexpr uint32_t kFewItemWords = 3 + 3 * 2;  // without a stack
constexpr uint32_t kMaxItemWords = kFewItemWords + 2 + kMaxFrames + kOwnFrames;
struct AddedItems {
    uint64_t* words;    // as many as that
    uint32_t size = 0;  // bytes, a multiple of 8
    uint32_t last = 0;  // where the last one begins
};
// The properties without that of a stack where the caller's has no room to find it out: see
// items.cpp. Async-signal-safe.
uint32_t without_stack_for_want_of_room(uint32_t properties) noexcept;
// `properties`: EnableProperty bits that it has let pass. `event_key`: 0 until it is known.
// `caller`: where the application called, the innermost frame to record. What does not go into
// `room` bytes is left out. Each item says that another follows. Async-signal-safe.
void add_items(AddedItems& items, uint32_t properties, uint64_t& event_key, const void* caller,
               uint32_t room) noexcept;

// --- identity.cpp ---
// Process and thread id of the caller, right also in a child of a bare clone(); three loads and a
// branch but for the first call of a thread.
struct alignas(8) Identity {
    uint32_t thread_id, process_id;  // as event headers have them
};

// Lives in a page that the kernel clears in a forked child, whichever way it was forked.
struct ProcessPage {
    std::atomic<uint32_t> epoch;  // 0: a new process that has not asked yet
    std::atomic<uint32_t> process_id;
    std::atomic<uint64_t> activity_seed;
    std::atomic<uint64_t> activities;
    std::atomic<uint64_t> event_keys;
    std::atomic<uint64_t> start_key;      // 0: not asked yet
    std::atomic<uint32_t> login_session;  // valid once start_key is
};
[[gnu::visibility("hidden")]] extern std::atomic<ProcessPage*> g_process_page;

struct ThreadState {
    uint32_t epoch;  // of the process page when the thread asked, which is never 0; kNotAsked
    Identity identity;
    ring::RseqArea* rseq;  // valid once the identity is
    etw_guid activity;
};
constexpr uint32_t kNotAsked = ~0u;
#define ETW_STATIC_TLS __attribute__((tls_model("initial-exec")))
extern ETW_STATIC_TLS constinit thread_local ThreadState t_state;

Identity learn_identity() noexcept;

inline bool identity_known() noexcept {
    const ProcessPage& page = *g_process_page.load(std::memory_order_acquire);
    return page.epoch.load(std::memory_order_acquire) == t_state.epoch;
}
inline Identity current_identity() noexcept {
    return __builtin_expect(identity_known(), true) ? t_state.identity : learn_identity();
}
inline const etw_guid& current_activity() noexcept { return t_state.activity; }
void forget_identity() noexcept;  // in a forked child, for kernels that cannot clear its page

}  // namespace etw::provider
