// What a provider process and the host say to each other: one SOCK_SEQPACKET connection for each
// (process, host), one struct a packet, the same machine and byte order on both ends. The first
// packet either way names the version, and is of this form in all versions; with a peer of another
// one that is all there is to say. A host tells of such programs (RefusedProgram), and they do not
// come back before another host rings.
//
//   provider                                   host
//   Hello                        ->
//                                <-            Welcome
//   [Rings + fd] ...             ->            rings this process still holds from a host that died
//   Register                     ->
//                                <-            [Attach + fd, Enable] ... then Registered
//                                <-            Enable (enable, disable, capture state), any time
//   Ack                          ->            after the new state is in force in this process
//                                <-            Attach + fd: other rings for the session; those it
//                                              had are kept, and handed back to a next host
//                                <-            Drained: what stood in former rings is written
//                                <-            Numbers + fd: before the first Attach to a session
//                                              that numbers trace messages
//                                <-            Detach: the session is gone
//   Ack                          ->            no thread of this process is in its rings any more
//   Event                        ->            from a process that cannot use rings
//   EventsLost                   ->            what such a process could not send, the socket full
//   Unregister                   ->
//                                <-            PrivateStart + front of a log + fd: a session in
//                                              this process's memory
//                                <-            PrivateControl [+ front of a log + fd]
//   PrivateStatus                ->            the answer to either; unasked at exit, and, before
//                                              Register, of a session whose host died
//
// Identity comes from SO_PEERCRED, never from a packet. Each side treats the other as hostile:
// packets of another size than their type demands end the connection.
#pragma once
#include "wire/ring.h"

namespace etw::wire {

constexpr uint32_t kProviderProtocolVersion = 4;

enum class ProviderMessage : uint32_t {
    kHello = 1,
    kWelcome,
    kRings,
    kRegister,
    kRegistered,
    kUnregister,
    kAttach,
    kEnable,
    kDetach,
    kAck,
    kEvent,
    kEventsLost,
    kPrivateStart,
    kPrivateControl,
    kPrivateStatus,
    kDrained,
    kNumbers,
};

struct PacketHeader {
    ProviderMessage type;
    uint32_t size;  // of the whole packet
};
static_assert(sizeof(PacketHeader) == 8);

enum HelloFlag : uint32_t { kHelloNoRings = 1 };  // no restartable sequences here: send by socket

struct Hello {
    PacketHeader header;
    uint32_t version;
    uint32_t flags;  // HelloFlag
};
static_assert(sizeof(Hello) == 16);

enum WelcomeFlag : uint32_t {
    kWelcomeNoRings = 1
};  // the counter is unusable here: send by socket

struct Welcome {
    PacketHeader header;
    uint32_t version;
    uint32_t flags;  // WelcomeFlag
};
static_assert(sizeof(Welcome) == 16);

// A session as the wire names it: the slot is reused, the epoch never is (random at start).
struct SessionKey {
    uint32_t slot;  // 0..kMaxSessions-1; private sessions: the kMaxPrivateSessions after those
    uint32_t reserved;
    uint64_t epoch;  // never 0

    friend bool operator==(const SessionKey&, const SessionKey&) = default;
};
static_assert(sizeof(SessionKey) == 16);
constexpr uint32_t kMaxSessions = 64;
constexpr uint32_t kMaxPrivateSessions = 64;  // of one host; a process has one at most
constexpr bool is_private(const SessionKey& key) { return key.slot >= kMaxSessions; }
constexpr uint32_t kMaxSessionsPerProvider = 8;

// With one descriptor: the ring set. Host to provider (Attach): map it; its geometry is from here.
// Provider to host (Rings): handed back after a host died. Where rings cannot be used the Attach
// comes without a descriptor and the provider sends Event packets.
struct Rings {
    PacketHeader header;
    SessionKey session;
    RingGeometry geometry;
};
static_assert(sizeof(Rings) == 40);
using Attach = Rings;

// The rings of the file that is named here, which others have taken the place of, hold nothing any
// more and nobody writes to them: their descriptor can go.
struct Drained {
    PacketHeader header;
    SessionKey session;
    uint64_t device;
    uint64_t inode;
};
static_assert(sizeof(Drained) == 40);

// With one descriptor, a memory file of sizeof(MessageNumbers) bytes that every process in a
// session with numbers maps. A number is taken with one atomic addition, before the record is
// written: numbers are unique, those of a thread rise, and a message that is lost leaves a gap. A
// hostile process can spoil the numbers of others, and nothing else.
struct Numbers {
    PacketHeader header;
};
static_assert(sizeof(Numbers) == 8);
struct MessageNumber {
    alignas(128) std::atomic<uint32_t> last;  // the next is one more
};
struct MessageNumbers {
    MessageNumber global;
    MessageNumber local[kMaxSessions];  // by SessionKey::slot
};
static_assert(sizeof(MessageNumbers) == 65 * 128);

struct Detach {
    PacketHeader header;
    SessionKey session;
    uint64_t cookie;
};
static_assert(sizeof(Detach) == 32);

// Registration ids are the provider's to choose, unique on its connection, never 0. `traits` is the
// blob of etl-format (f): u16 size, UTF-8 name, NUL, traits; traits_size 0 where there is none.
constexpr uint32_t kMaxTraitsSize = 2048;
enum RegisterFlag : uint16_t {
    // It is older than the connection (the host has just come up, or come back), or the host has
    // known it with other traits.
    kRegisterEarlier = 1,
};
struct Register {
    PacketHeader header;  // size covers the traits that follow the struct
    uint32_t registration;
    uint16_t traits_size;
    uint16_t flags;  // RegisterFlag
    Guid provider;
};
static_assert(sizeof(Register) == 32);

struct Registered {  // every Enable that was due at registration has been sent before this
    PacketHeader header;
    uint32_t registration;
    uint32_t reserved;
};
static_assert(sizeof(Registered) == 16);

struct Unregister {
    PacketHeader header;
    uint32_t registration;
    uint32_t reserved;
};
static_assert(sizeof(Unregister) == 16);

// EVENT_CONTROL_CODE_* of evntprov.h.
enum class EnableAction : uint32_t { kDisable = 0, kEnable = 1, kCaptureState = 2 };

// Which events are let through by their ids. Self-describing events have none and always are.
enum class IdFilterMode : uint16_t { kNone = 0, kOnly = 1, kAllBut = 2 };
struct IdFilter {
    static constexpr uint32_t kMaxIds = 64;
    IdFilterMode mode;
    uint16_t count;  // of ids, at most kMaxIds
    uint16_t ids[kMaxIds];
};
static_assert(sizeof(IdFilter) == 132);

struct Enable {
    PacketHeader header;
    SessionKey session;
    uint64_t cookie;  // returned in Ack
    uint32_t registration;
    EnableAction action;
    uint64_t match_any_keyword;
    uint64_t match_all_keyword;
    Guid source_id;
    uint32_t enable_property;
    uint8_t level;
    uint8_t
        quiet;  // 1: the program takes part and is not told of it; the same for all of a session
    uint8_t reserved[2];
    IdFilter events;  // which are written
    IdFilter stacks;  // which of these with the writer's stack, under kPropertyStackTrace
};
static_assert(sizeof(Enable) == 344);

struct Ack {
    PacketHeader header;
    uint64_t cookie;
};
static_assert(sizeof(Ack) == 16);

// One record for a session whose rings this process cannot write. The host puts the process id of
// the credentials into it, where these have one, and the time.
struct Event {
    PacketHeader header;  // size covers the record that follows the struct
    SessionKey session;
    int64_t monotonic_ns;        // CLOCK_MONOTONIC; the host converts it to the session's clock
    uint32_t cpu;                // where it was written; reduced modulo the session's CPUs
    uint32_t time_stamp_offset;  // of the i64 in the record that the host fills in
};
static_assert(sizeof(Event) == 40);

// The sender of Event packets never waits for the host: what finds the socket full is dropped, and
// the count goes out before the next packet that fits. Add it to the session's events lost.
struct EventsLost {
    PacketHeader header;
    SessionKey session;
    uint64_t count;  // since the last EventsLost of this connection and session
};
static_assert(sizeof(EventsLost) == 32);

// --- private sessions --------------------------------------------------------------------------

// Host to provider, with one descriptor: the log. The process makes the rings in its own memory, a
// thread of its own writes the log, and the session lives on without the host. Enable packets name
// it as any other session. Answered with PrivateStatus.
//
// What the file holds is replaced by the process, when nothing else can fail any more. What it
// begins with follows the struct: the log's header buffer up to where its unused rest begins.
enum PrivateFlag : uint32_t {
    kPrivateFirst = 1,      // the log is the session's file itself, not one with the process's id
    kPrivateCircular = 2,   // at its limit the log begins again behind its header
    kPrivateOneStream = 4,  // one ring for all processors
    kPrivateSystemTime = 8  // time stamps are FILETIMEs
};
struct PrivateStart {
    PacketHeader header;
    SessionKey session;
    uint64_t cookie;  // returned in PrivateStatus
    RingGeometry geometry;
    uint64_t limit_bytes;  // of the log; 0: none
    int64_t start_counter;
    int64_t start_filetime;  // the same instant
    uint64_t counter_hz;
    uint32_t flush_timer_s;  // 0: only full buffers are written
    uint32_t flags;          // PrivateFlag
};
static_assert(sizeof(PrivateStart) == 88);

enum class PrivateAction : uint32_t {
    kQuery = 1,
    kFlush,   // what was committed is in the log before the answer
    kUpdate,  // the flush timer; with a descriptor, and what follows a PrivateStart: the log goes
              // on in that file
    kStop,    // the log gets its final header, the session is gone
};
struct PrivateControl {
    PacketHeader header;
    SessionKey session;
    uint64_t cookie;
    PrivateAction action;
    uint32_t flush_timer_s;  // kUpdate; 0: as it was
    uint32_t flags;          // kUpdate with a descriptor: kPrivateFirst
    uint32_t reserved;
};
static_assert(sizeof(PrivateControl) == 48);

enum class PrivateResult : uint32_t {
    kOk = 0,
    kHasAnother,   // the process has its one private session already
    kNoResources,  // no memory or thread for it
    kBadRequest,   // the log or the geometry cannot be used
    kBadLog,       // the file could not be written: it is as it was
};
enum PrivateStatusFlag : uint32_t {
    kPrivateIsFirst = 1,  // as kPrivateFirst said
    kPrivateEnded = 2,    // stopped, its limit reached, or the process ends
};
struct PrivateStatus {
    PacketHeader header;
    SessionKey session;
    uint64_t cookie;  // 0: unasked
    PrivateResult result;
    uint32_t flags;  // PrivateStatusFlag
    uint64_t events_lost;
    uint64_t record_bytes;
    uint64_t log_size;  // bytes
    uint32_t buffers_written;
    uint32_t buffers_lost;
    uint32_t number_of_buffers;
    uint32_t free_buffers;
    uint64_t thread_id;
};
static_assert(sizeof(PrivateStatus) == 88);

constexpr size_t kMaxLogFront = 16 * 1024;  // bytes

constexpr size_t kMaxPacketSize = sizeof(Event) + align8(size_t{kMaxRecordSize});
static_assert(sizeof(PrivateStart) + kMaxLogFront <= kMaxPacketSize);

// --- rendezvous ------------------------------------------------------------------------------

// In the folder of the host: see base/runtime_folder.h.
constexpr char kProviderSocketName[] = "provider.sock";
constexpr char kControlSocketName[] = "control.sock";

// A provider process that is connected to no host, or not to all that it may reach, waits on an
// abstract datagram socket named with this prefix and its process id: "\0etw-provider-<pid>". A
// host that starts rings every such doorbell found in /proc/net/unix with one empty datagram, and
// the agents try their hosts again. No polling, no inotify instance taken from the user's few.
constexpr char kDoorbellPrefix[] = "etw-provider-";

}  // namespace etw::wire
