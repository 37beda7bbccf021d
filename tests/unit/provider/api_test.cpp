// The codes and rules of evntprov.h.
#include "base/runtime_folder.h"
#include "provider/state.h"
#include "served.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdio>

namespace etw::provider {
namespace {

class Api : public Served {};

wire::EventHeader header_of(const std::vector<std::byte>& record) {
    wire::EventHeader header;
    std::memcpy(static_cast<void*>(&header), record.data(), sizeof(header));
    return header;
}

TEST_F(Api, RefusesWhatCannotBe) {
    start();
    EXPECT_EQ(EventRegister(nullptr, nullptr, nullptr, &handle_), ULONG{ERROR_INVALID_PARAMETER});
    EXPECT_EQ(EventRegister(&kId, nullptr, nullptr, nullptr), ULONG{ERROR_INVALID_PARAMETER});
    register_provider();
    EVENT_DESCRIPTOR descriptor = {};
    std::vector<EVENT_DATA_DESCRIPTOR> data(129);
    const REGHANDLE handle = handle_;
    EXPECT_EQ(EventWrite(handle, nullptr, 0, nullptr), ULONG{ERROR_INVALID_PARAMETER});
    EXPECT_EQ(EventWrite(handle, &descriptor, 1, nullptr), ULONG{ERROR_INVALID_PARAMETER});
    EXPECT_EQ(EventWrite(handle, &descriptor, 129, data.data()), ULONG{ERROR_INVALID_PARAMETER});
    EXPECT_EQ(EventWrite(handle, &descriptor, 128, data.data()), 0u);
    EXPECT_EQ(EventWriteString(handle, 1, 0, nullptr), ULONG{ERROR_INVALID_PARAMETER});
    EXPECT_EQ(EventWriteEx(handle, &descriptor, 0, 0x80, nullptr, nullptr, 0, nullptr),
              ULONG{ERROR_INVALID_PARAMETER});
    EXPECT_EQ(host_->take_records().size(), 1u) << "the one with 128 empty pieces";
    unregister();
    EXPECT_EQ(EventWrite(handle, &descriptor, 0, nullptr), ULONG{ERROR_INVALID_HANDLE});
    EXPECT_EQ(EventWriteString(handle, 1, 0, u"x"), ULONG{ERROR_INVALID_HANDLE});
    EXPECT_EQ(EventUnregister(handle), ULONG{ERROR_INVALID_HANDLE});
    EXPECT_FALSE(EventProviderEnabled(handle, 0, 0));
}

TEST(EventDescriptor, HasFunctionsForEachOfItsMembers) {
    EVENT_DESCRIPTOR descriptor;
    EventDescZero(&descriptor);
    EventDescOrKeyword(EventDescSetKeyword(&descriptor, 0x10), 1);
    EventDescSetId(EventDescSetVersion(EventDescSetChannel(&descriptor, 3), 2), 0x101);
    EventDescSetTask(EventDescSetOpcode(EventDescSetLevel(&descriptor, 4), 5), 0x106);
    const EVENT_DESCRIPTOR expected = {0x101, 2, 3, 4, 5, 0x106, 0x11};
    EXPECT_EQ(std::memcmp(&descriptor, &expected, sizeof(expected)), 0);
    EXPECT_EQ(EventDescGetId(&expected), 0x101);
    EXPECT_EQ(EventDescGetVersion(&expected), 2);
    EXPECT_EQ(EventDescGetChannel(&expected), 3);
    EXPECT_EQ(EventDescGetLevel(&expected), 4);
    EXPECT_EQ(EventDescGetOpcode(&expected), 5);
    EXPECT_EQ(EventDescGetTask(&expected), 0x106);
    EXPECT_EQ(EventDescGetKeyword(&expected), 0x11u);
}

// On Windows; a source that reads a callback's filters compiles here, too.
static_assert(sizeof(EVENT_FILTER_HEADER) == 24 && sizeof(EVENT_FILTER_EVENT_ID) == 6);
static_assert(offsetof(EVENT_FILTER_EVENT_NAME, Names) == 20);
static_assert(offsetof(EVENT_FILTER_LEVEL_KW, FilterIn) == 17);
static_assert(sizeof(SID) == 12 && EVENT_FILTER_TYPE_STACKWALK_LEVEL_KW == 0x80004000u);

TEST_F(Api, WritesScenariosAsEvents) {
    start();
    register_provider();
    const EVENT_DESCRIPTOR begin = {7, 0, 0, 1, 1, 0, 1}, end = {8, 0, 0, 1, 2, 0, 1};
    EVENT_DATA_DESCRIPTOR data;
    EventDataDescCreate(&data, "ab", 2);
    EXPECT_EQ(EventWriteStartScenario(handle_, &begin, 1, &data), 0u);
    EXPECT_EQ(EventWriteEndScenario(handle_, &end, 0, nullptr), 0u);
    const auto records = host_->take_records();
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(header_of(records[0]).descriptor.id, 7);
    EXPECT_EQ(header_of(records[0]).size, sizeof(wire::EventHeader) + 2u);
    EXPECT_EQ(header_of(records[1]).descriptor.id, 8);
}

TEST_F(Api, WritesStringsWithTheirNul) {
    start();
    register_provider();
    EXPECT_EQ(EventWriteString(handle_, 2, 0x10, u"h\u20ac"), 0u);
    const auto records = host_->take_records();
    ASSERT_EQ(records.size(), 1u);
    const auto header = header_of(records[0]);
    EXPECT_EQ(header.descriptor.level, 2);
    EXPECT_EQ(header.descriptor.keyword, 0x10u);
    ASSERT_EQ(header.size, sizeof(header) + 6);
    EXPECT_EQ(std::memcmp(records[0].data() + sizeof(header), "h\0\xac\x20\0\0", 6), 0);
}

TEST_F(Api, WritesTheActivityThatIsGivenOrElseTheThreadsOwn) {
    start();
    register_provider();
    EVENT_DESCRIPTOR descriptor = {};
    GUID own = {1, 2, 3, {}}, given = {4, 5, 6, {}};
    EventActivityIdControl(EVENT_ACTIVITY_CTRL_SET_ID, &own);
    EXPECT_EQ(EventWriteEx(handle_, &descriptor, 0, EVENT_WRITE_FLAG_NO_FAULTING, nullptr, nullptr,
                           0, nullptr),
              0u);
    EXPECT_EQ(EventWriteEx(handle_, &descriptor, 0, 0, &given, &own, 0, nullptr), 0u);
    const auto records = host_->take_records();
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(header_of(records[0]).activity_id.data1, 1u);
    EXPECT_EQ(header_of(records[0]).size, sizeof(wire::EventHeader));
    EXPECT_EQ(header_of(records[1]).activity_id.data1, 4u);
    EXPECT_EQ(header_of(records[1]).size, sizeof(wire::EventHeader) + 24u);
    own = {};
    EventActivityIdControl(EVENT_ACTIVITY_CTRL_SET_ID, &own);
}

TEST_F(Api, ControlsTheThreadsActivity) {
    const auto same = [](const GUID& a, const GUID& b) { return std::memcmp(&a, &b, 16) == 0; };
    const GUID first = {1, 2, 3, {4}};
    GUID id = first;
    EXPECT_EQ(EventActivityIdControl(EVENT_ACTIVITY_CTRL_SET_ID, &id), 0u);
    GUID created{}, again{};
    EXPECT_EQ(EventActivityIdControl(EVENT_ACTIVITY_CTRL_CREATE_ID, &created), 0u);
    EXPECT_EQ(EventActivityIdControl(EVENT_ACTIVITY_CTRL_CREATE_ID, &again), 0u);
    EXPECT_FALSE(same(created, again));
    EXPECT_EQ(EventActivityIdControl(EVENT_ACTIVITY_CTRL_GET_ID, &id), 0u);
    EXPECT_TRUE(same(id, first)) << "creating one does not set it";
    id = created;
    EXPECT_EQ(EventActivityIdControl(EVENT_ACTIVITY_CTRL_GET_SET_ID, &id), 0u);
    EXPECT_TRUE(same(id, first));
    EXPECT_EQ(EventActivityIdControl(EVENT_ACTIVITY_CTRL_CREATE_SET_ID, &id), 0u);
    EXPECT_TRUE(same(id, created));
    EXPECT_EQ(EventActivityIdControl(EVENT_ACTIVITY_CTRL_GET_ID, &id), 0u);
    EXPECT_FALSE(same(id, created));
    std::thread([] {
        GUID other = {9, 9, 9, {}};
        EventActivityIdControl(EVENT_ACTIVITY_CTRL_GET_ID, &other);
        EXPECT_EQ(other.Data1, 0u) << "of another thread";
    }).join();
    EXPECT_EQ(EventActivityIdControl(0, &id), ULONG{ERROR_INVALID_PARAMETER});
    EXPECT_EQ(EventActivityIdControl(6, &id), ULONG{ERROR_INVALID_PARAMETER});
    EXPECT_EQ(EventActivityIdControl(EVENT_ACTIVITY_CTRL_GET_ID, nullptr),
              ULONG{ERROR_INVALID_PARAMETER});
    id = {};
    EventActivityIdControl(EVENT_ACTIVITY_CTRL_SET_ID, &id);
}

TEST_F(Api, SetsTraitsAndNothingElse) {
    start();
    register_provider();
    char traits[] = "\x06\0abc";  // u16 size, name, NUL
    EXPECT_EQ(EventSetInformation(handle_, EventProviderBinaryTrackInfo, traits, 6),
              ULONG{ERROR_NOT_SUPPORTED});
    EXPECT_EQ(EventSetInformation(handle_, EventProviderSetTraits, traits, 5),
              ULONG{ERROR_INVALID_PARAMETER})
        << "the blob says 6";
    EXPECT_EQ(EventSetInformation(handle_, EventProviderSetTraits, nullptr, 0),
              ULONG{ERROR_INVALID_PARAMETER});
    EXPECT_EQ(EventSetInformation(1, EventProviderSetTraits, traits, 6),
              ULONG{ERROR_INVALID_HANDLE});
    const size_t before = host_->registered.size();
    EXPECT_EQ(EventSetInformation(handle_, EventProviderSetTraits, traits, 6), 0u);
    ASSERT_TRUE(host_->serve_until([&] { return host_->registered.size() > before; }));
    EXPECT_EQ(host_->registered.back().traits_size, 6u);
}

// Pieces of an event of several types. `Type` is looked at where the provider has said so.
struct Typed {
    void add(const void* bytes, size_t size, UCHAR type) {
        EventDataDescCreate(&data.emplace_back(), bytes, ULONG(size));
        data.back().Reserved = type;
    }
    ULONG write(REGHANDLE handle, LPCGUID related = nullptr) {
        EVENT_DESCRIPTOR descriptor;
        EventDescCreate(&descriptor, 0, 0, 11, 1, 0, 0, 0);
        return EventWriteTransfer(handle, &descriptor, nullptr, related, ULONG(data.size()),
                                  data.data());
    }
    std::vector<EVENT_DATA_DESCRIPTOR> data;
};

// The extended items of a record, and the payload, which has the type 0.
std::vector<std::pair<unsigned, std::string>> parts_of(const std::vector<std::byte>& record) {
    std::vector<std::pair<unsigned, std::string>> parts;
    const auto* bytes = reinterpret_cast<const char*>(record.data());
    size_t at = sizeof(wire::EventHeader);
    bool more = (header_of(record).flags & wire::kEventExtended) != 0;
    while (more) {
        wire::ExtendedItem item;
        std::memcpy(&item, bytes + at, sizeof(item));
        parts.emplace_back(item.type, std::string(bytes + at + sizeof(item), item.data_size));
        EXPECT_EQ(item.size, wire::align8(sizeof(item) + item.data_size));
        at += item.size;
        more = (item.linkage & 1) != 0;
    }
    parts.emplace_back(0, std::string(bytes + at, record.size() - at));
    return parts;
}

TEST_F(Api, DescribesEventsByWhatTheyAreGiven) {
    constexpr char kTraits[] = "\x06\0abc", kEvent[] = "\x06\0\0ev";  // with their NULs
    using Parts = std::vector<std::pair<unsigned, std::string>>;
    const std::string traits(kTraits, sizeof(kTraits)), event(kEvent, sizeof(kEvent));
    start();
    register_provider();
    Typed typed;
    typed.add("one", 3, EVENT_DATA_DESCRIPTOR_TYPE_NONE);
    typed.add(kTraits, sizeof(kTraits), EVENT_DATA_DESCRIPTOR_TYPE_PROVIDER_METADATA);
    typed.add(kEvent, 2, EVENT_DATA_DESCRIPTOR_TYPE_EVENT_METADATA);  // in two pieces
    typed.add("two", 3, EVENT_DATA_DESCRIPTOR_TYPE_NONE);
    typed.add(kEvent + 2, sizeof(kEvent) - 2, EVENT_DATA_DESCRIPTOR_TYPE_EVENT_METADATA);
    const auto written = [&](LPCGUID related = nullptr) {
        EXPECT_EQ(typed.write(handle_, related), 0u);
        const auto records = host_->take_records();
        EXPECT_EQ(records.size(), 1u);
        return records.empty() ? Parts() : parts_of(records[0]);
    };
    EXPECT_EQ(written(),
              (Parts{{0, "one" + traits + event.substr(0, 2) + "two" + event.substr(2)}}))
        << "types count where the provider has said that it sets them";
    BOOLEAN respected = TRUE;
    EXPECT_EQ(EventSetInformation(handle_, EventProviderUseDescriptorType, &respected, 0),
              ULONG{ERROR_INVALID_PARAMETER});
    EXPECT_EQ(EventSetInformation(handle_, EventProviderUseDescriptorType, &respected, 1), 0u);
    EXPECT_EQ(written(), (Parts{{12, traits}, {11, event}, {0, "onetwo"}}));
    const GUID related = {1, 2, 3, {}};
    EXPECT_EQ(written(&related),
              (Parts{{1, std::string(reinterpret_cast<const char*>(&related), sizeof(related))},
                     {12, traits},
                     {11, event},
                     {0, "onetwo"}}));
    host_->enable.enable_property = 0x80;
    host_->send_enable(registration());
    wait_for_ack();
    const Parts with_key = written();
    ASSERT_EQ(with_key.size(), 4u);
    EXPECT_EQ(with_key[0].first, 13u) << "the process's start key";
    host_->enable.enable_property = 0;
    host_->enable.events = {wire::IdFilterMode::kOnly, 1, {7}};
    host_->send_enable(registration());
    wait_for_ack();
    EXPECT_EQ(written().size(), 3u) << "self-describing events have no ids";
    // Traits of the registration take the place of the event's.
    char own[] = "\x06\0xyz";
    EXPECT_EQ(EventSetInformation(handle_, EventProviderSetTraits, own, sizeof(own)), 0u);
    EXPECT_EQ(written(), (Parts{{12, std::string(own, sizeof(own))}, {11, event}, {0, "onetwo"}}));
    respected = FALSE;
    EXPECT_EQ(EventSetInformation(handle_, EventProviderUseDescriptorType, &respected, 1), 0u);
    EXPECT_EQ(typed.write(handle_), 0u);
    EXPECT_TRUE(host_->take_records().empty()) << "an event with an id, which the filter is for";
}

TEST_F(Api, TakesAsManyTypedPiecesAsOthers) {
    for (const bool rings : {true, false}) {
        start(rings);
        register_provider();
        BOOLEAN respected = TRUE;
        EventSetInformation(handle_, EventProviderUseDescriptorType, &respected, 1);
        Typed typed;
        typed.add("\x03\0", 3, EVENT_DATA_DESCRIPTOR_TYPE_PROVIDER_METADATA);
        typed.add("\x05\0\0e", 5, EVENT_DATA_DESCRIPTOR_TYPE_EVENT_METADATA);
        while (typed.data.size() < 128) typed.add("x", 1, EVENT_DATA_DESCRIPTOR_TYPE_NONE);
        EXPECT_EQ(typed.write(handle_), 0u);
        size_t size = 0;
        if (rings) {
            size = host_->take_records().at(0).size();
        } else {
            ASSERT_TRUE(host_->serve_until([&] { return !host_->packets.empty(); }));
            size = host_->packets[0].size();
        }
        EXPECT_EQ(size, sizeof(wire::EventHeader) + 16 + 16 + 126);
        typed.data.back().Reserved = EVENT_DATA_DESCRIPTOR_TYPE_TIMESTAMP_OVERRIDE;
        EXPECT_EQ(typed.write(handle_), ULONG{ERROR_NOT_SUPPORTED});
        typed.data.back().Reserved = 4;
        EXPECT_EQ(typed.write(handle_), ULONG{ERROR_INVALID_PARAMETER});
        const std::string large(65536, 'x');
        typed.data.pop_back();
        typed.add(large.data(), large.size(), EVENT_DATA_DESCRIPTOR_TYPE_EVENT_METADATA);
        EXPECT_EQ(typed.write(handle_), ULONG{ERROR_ARITHMETIC_OVERFLOW});
        unregister();
    }
}

TEST_F(Api, LeavesPrivateEventsOutWhereTheSessionSaysSo) {
    start();
    register_provider();
    const auto written = [&](ULONG64 filter, ULONG flags) {
        EVENT_DESCRIPTOR descriptor = {};
        EXPECT_EQ(EventWriteEx(handle_, &descriptor, filter, flags, nullptr, nullptr, 0, nullptr),
                  0u);
        return host_->take_records().size();
    };
    EXPECT_EQ(written(0, EVENT_WRITE_FLAG_INPRIVATE), 1u);
    host_->enable.enable_property = 0x200;  // EVENT_ENABLE_PROPERTY_EXCLUDE_INPRIVATE
    host_->send_enable(registration());
    wait_for_ack();
    EXPECT_EQ(written(0, EVENT_WRITE_FLAG_INPRIVATE | EVENT_WRITE_FLAG_NO_FAULTING), 0u);
    EXPECT_EQ(written(0, 0), 1u);
    EXPECT_EQ(written(1, 0), 1u) << "no session has told a filter's bit";
}

TEST_F(Api, RefusesEventsThatNoBufferHolds) {
    start();
    register_provider();
    EXPECT_EQ(write(), 0u);  // a thread's first event is never a quick one
    EXPECT_EQ(host_->take_records().size(), 1u);
    EVENT_DESCRIPTOR descriptor = {};
    std::string bytes(65536, 'x');
    EVENT_DATA_DESCRIPTOR data;
    EventDataDescCreate(&data, bytes.data(), ULONG(bytes.size()));
    EXPECT_EQ(EventWrite(handle_, &descriptor, 1, &data), ULONG{ERROR_ARITHMETIC_OVERFLOW});
    EventDataDescCreate(&data, bytes.data(), ~ULONG{0});
    EXPECT_EQ(EventWrite(handle_, &descriptor, 1, &data), ULONG{ERROR_ARITHMETIC_OVERFLOW});
    EVENT_DATA_DESCRIPTOR halves[2];
    for (auto& half : halves) EventDataDescCreate(&half, bytes.data(), 1u << 31);
    EXPECT_EQ(EventWrite(handle_, &descriptor, 2, halves), ULONG{ERROR_ARITHMETIC_OVERFLOW})
        << "32 bits do not hold the sum";
    EXPECT_TRUE(host_->take_records().empty());
}

TEST_F(Api, IgnoresEventsWithoutKeywordsWhereTheSessionSaysSo) {
    start();
    host_->enable.enable_property = 0x10;  // EVENT_ENABLE_PROPERTY_IGNORE_KEYWORD_0
    host_->enable.match_any_keyword = 1;
    register_provider();
    EXPECT_EQ(write(1, 0), 0u);
    EXPECT_TRUE(host_->take_records().empty());
    EXPECT_EQ(write(1, 1), 0u);
    EXPECT_EQ(host_->take_records().size(), 1u);
}

TEST_F(Api, ServesEightSessionsAndNoNinth) {
    start();
    register_provider();
    for (uint32_t slot = 2; slot <= 9; ++slot) {
        host_->enable.session = {slot, 0, 77};
        host_->send_attach();
        host_->send_enable(registration());
        wait_for_ack();
    }
    EXPECT_EQ(write(), 0u);
    EXPECT_EQ(host_->take_records().size(), 8u);
}

TEST_F(Api, CountsWhatTheSocketCouldNotTake) {
    start(false);
    register_provider();
    uint64_t sent = 0, lost = 0;
    for (int i = 0; i < 100000 && lost < 3; ++i) {
        const ULONG result = write();
        if (result == 0) ++sent;
        if (result == ERROR_NOT_ENOUGH_MEMORY) ++lost;
    }
    ASSERT_EQ(lost, 3u);
    ASSERT_TRUE(host_->serve_until([&] { return host_->packets.size() == sent; }));
    EXPECT_EQ(write(), 0u);
    ASSERT_TRUE(host_->serve_until([&] { return host_->packets.size() == sent + 1; }));
    EXPECT_EQ(host_->lost, lost);
}

TEST_F(Api, TellsWhatWasLostBeforeTheSessionEnds) {
    start(false);
    register_provider();
    uint64_t lost = 0;
    while (lost < 3) lost += write() == ERROR_NOT_ENOUGH_MEMORY ? 1 : 0;
    host_->send_detach();  // what the host reads makes room for the word of it
    wait_for_ack();
    EXPECT_EQ(host_->lost, lost);
}

TEST_F(Api, TellsTheNextHostWhatWasLostWithoutOne) {
    start(false);
    register_provider();
    host_->die();
    uint64_t lost = 0;
    while (lost < 2) lost += write() == ERROR_NOT_ENOUGH_MEMORY ? 1 : 0;
    const wire::SessionKey session = host_->enable.session;
    host_.emplace(false);
    host_->go_on_with(session);
    host_->ring_doorbell();
    ASSERT_TRUE(host_->serve_until([&] {
        const bool written = write() == 0;
        lost += written ? 0 : 1;
        return written;
    }));
    // Known to the host, too: else nobody tells it that the provider goes.
    ASSERT_TRUE(
        host_->serve_until([&] { return !host_->packets.empty() && !host_->registered.empty(); }));
    EXPECT_EQ(host_->lost, lost);
}

TEST_F(Api, WritesTheIdOfAChildOfABareClone) {
    start();
    register_provider();
    const auto child = pid_t(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (child == 0) {
        write();
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    const auto records = host_->take_records();
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(header_of(records[0]).process_id, uint32_t(child));
    EXPECT_EQ(header_of(records[0]).thread_id, uint32_t(child));
}

class Reconnect : public Api {
protected:
    static uint64_t connection() {
        const ScopedLock lock(g_state.lock);
        return g_state.hosts[0].connection;
    }
    // Until the library is connected to a new host, which has read nothing yet.
    void change_host() {
        host_->die();
        while (connection() != 0) std::this_thread::yield();
        EXPECT_GE(g_state.hosts[0].socket.get(), 0) << "a file of the application gets the number";
        EXPECT_EQ(write(), ERROR_NOT_ENOUGH_MEMORY) << "nobody to send to";
        const wire::SessionKey session = host_->enable.session;
        host_.emplace(false);
        host_->go_on_with(session);
        while (connection() == 0) {
            host_->ring_doorbell();
            std::this_thread::yield();
        }
    }
};

// A thread that is about to send must not find a file of the application under the number.
TEST_F(Reconnect, KeepsTheNumberOfTheConnection) {
    start(false);
    register_provider();
    const int number = g_state.hosts[0].socket.get();
    const auto inode = g_state.hosts[0].socket.inode();
    ASSERT_GE(number, 0);
    change_host();
    EXPECT_EQ(g_state.hosts[0].socket.get(), number);
    EXPECT_NE(g_state.hosts[0].socket.inode(), inode);
    ASSERT_TRUE(host_->serve_until([&] { return !host_->registered.empty(); }));
}

// A host takes events of sessions that it has not told of for late ones, and drops them.
TEST_F(Reconnect, SendsNothingBeforeTheHostHasNamedTheSession) {
    start(false);
    register_provider();
    change_host();
    EXPECT_EQ(write(), ERROR_NOT_ENOUGH_MEMORY);
    ASSERT_TRUE(host_->serve_until([&] { return !host_->registered.empty(); }));
    wait_for_ack();
    EXPECT_EQ(write(), 0u);
    ASSERT_TRUE(host_->serve_until([&] { return !host_->packets.empty(); }));
    EXPECT_EQ(host_->lost, 2u);
}

// Nor does a forked child, which has the session of its parent, to its own connection.
TEST_F(Reconnect, AChildSendsNothingBeforeTheHostHasNamedTheSession) {
    start(false);
    register_provider();
    wait_for_ack();
    EXPECT_EQ(write(), 0u);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        while (connection() == 0) std::this_thread::yield();
        ::_exit(write() == ERROR_NOT_ENOUGH_MEMORY ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    change_host();  // which has the child's connection waiting
    ASSERT_TRUE(host_->serve_until([&] { return !host_->registered.empty(); }));
}

// Which no host knew when it lost an event, and which ends.
TEST_F(Reconnect, AChildThatEndsTellsWhatItLost) {
    start(false);
    register_provider();
    wait_for_ack();
    int lost[2];
    ASSERT_EQ(::pipe(lost), 0);
    const int64_t patience = std::exchange(g_state.wait_budget_ns, 60'000'000'000);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const char failed = write() == ERROR_NOT_ENOUGH_MEMORY ? 1 : 0;
        if (::write(lost[1], &failed, 1) != 1) ::_exit(1);
        ::exit(0);
    }
    char failed = 0;
    EXPECT_EQ(::read(lost[0], &failed, 1), 1);
    EXPECT_EQ(failed, 1);
    EXPECT_TRUE(host_->serve_until([&] { return host_->lost == 1; }));
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    for (const int fd : lost) ::close(fd);
    g_state.wait_budget_ns = patience;
    change_host();
    ASSERT_TRUE(host_->serve_until([&] { return !host_->registered.empty(); }));
}

// Programs close what they do not know, and get the numbers again for files of their own.
TEST_F(Api, WritesNothingIntoAStrangersDescriptor) {
    start(false);
    register_provider();
    int stranger[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, stranger), 0);
    constexpr int kFirst = 700, kLast = 720;  // where the library keeps its own
    int taken = 0;
    for (int fd = kFirst; fd < kLast; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0 && ::dup2(stranger[0], fd) == fd) ++taken;
    }
    EXPECT_GE(taken, 3) << "wake, doorbell, connection";
    write();
    EXPECT_EQ(EventUnregister(handle_), 0u);
    handle_ = 0;
    char byte;
    EXPECT_EQ(::recv(stranger[1], &byte, 1, 0), -1) << "nothing was sent";
    for (int fd = kFirst; fd < kLast; ++fd) ::close(fd);
    ::close(stranger[0]);
    ::close(stranger[1]);
}

// In a process of its own: only the first registration looks at the environment.
TEST(RegistrationDeathTest, WaitsForAHostAsLongAsTheEnvironmentSays) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    runtime_dir();  // where tests wait for a minute
    const auto enabled_by_a_slow_host = [] {
        FakeHost host;
        std::atomic<bool> known = false;
        std::thread slow([&] {
            constexpr std::chrono::milliseconds kLongerThanByDefault{400};
            std::this_thread::sleep_for(kLongerThanByDefault);
            host.serve_until([&] { return known.load(); });
        });
        const GUID id = {0x12, 0, 0, {}};
        REGHANDLE handle = 0;
        EventRegister(&id, nullptr, nullptr, &handle);
        const bool enabled = EventProviderEnabled(handle, 1, 0) != 0;
        known = true;
        slow.join();
        return enabled;
    };
    EXPECT_EXIT(::_exit(enabled_by_a_slow_host() ? 0 : 1), testing::ExitedWithCode(0), "");
}

TEST(RegistrationDeathTest, WaitsNoLongerWhereTheEnvironmentSaysNothingSensible) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    runtime_dir();
    const auto with = [](const char* wait) {
        const FakeHost hangs;
        ::setenv("ETW_REGISTER_WAIT_MS", wait, 1);
        constexpr unsigned kSeconds = 60;
        ::alarm(kSeconds);
        const GUID id = {0x14, 0, 0, {}};
        REGHANDLE handle = 0;
        ::_exit(int(EventRegister(&id, nullptr, nullptr, &handle)));
    };
    for (const char* wait : {"-1", "+600000", " 600000", "600000x", ""})
        EXPECT_EXIT(with(wait), testing::ExitedWithCode(0), "") << wait;
}

// Both have the rule: the library is made of libc alone.
TEST(HostFolderDeathTest, IsTheOneThatTheToolsUse) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto same = [](const char* override_folder, const char* xdg, uid_t uid) {
        const auto set = [](const char* name, const char* value) {
            value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
        };
        set("ETW_RUNTIME_DIR", override_folder);
        set("XDG_RUNTIME_DIR", xdg);
        if (::geteuid() == 0 && uid != 0 && ::seteuid(uid) != 0) ::_exit(2);
        const std::string folder = runtime_folder();
        const GUID id = {0x15, 0, 0, {}};
        REGHANDLE handle = 0;
        EventRegister(&id, nullptr, nullptr, &handle);
        const ScopedLock lock(g_state.lock);
        const std::string last = g_state.hosts[g_state.host_count - 1].path;
        if (last != folder + "/" + wire::kProviderSocketName) {
            std::fprintf(stderr, "%s, not in %s\n", last.c_str(), folder.c_str());
            ::_exit(1);
        }
        ::_exit(0);
    };
    constexpr uid_t kOther = 54321;  // who has no folder in /run/user
    for (const uid_t uid : {uid_t{0}, kOther}) {
        for (const char* folder : {static_cast<const char*>(nullptr), "", "/tmp/etw x", "here"}) {
            for (const char* xdg : {static_cast<const char*>(nullptr), "", "/tmp/etw-xdg"})
                EXPECT_EXIT(same(folder, xdg, uid), testing::ExitedWithCode(0), "");
        }
    }
}

// After the library's own, which has no priority.
std::atomic<bool> g_host_goes_on = false;
[[gnu::destructor(101)]] void await_host() {
    while (g_host_goes_on) ::usleep(1000);
}

TEST(ExitDeathTest, TellsWhatTheSocketCouldNotTake) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    runtime_dir();
    const auto lose_one_and_exit = [] {
        static FakeHost& host = *new FakeHost(false);
        static std::atomic<bool> known = false, full = false;
        g_host_goes_on = true;
        std::thread([] {
            host.serve_until([] { return known.load(); });
            while (!full) ::usleep(1000);
            ::_exit(host.serve_until([] { return host.lost == 1; }) ? 0 : 1);
        }).detach();
        const GUID id = {0x13, 0, 0, {}};
        REGHANDLE handle = 0;
        EventRegister(&id, nullptr, nullptr, &handle);
        known = true;
        EVENT_DESCRIPTOR descriptor;
        EventDescCreate(&descriptor, 1, 0, 0, 1, 0, 0, 0);
        while (EventWrite(handle, &descriptor, 0, nullptr) == 0) {
        }
        full = true;
        std::exit(1);
    };
    EXPECT_EXIT(lose_one_and_exit(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace etw::provider
