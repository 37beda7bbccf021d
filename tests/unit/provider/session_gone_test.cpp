// A session that goes at the worst instant of a write: between two steps of it, which the linker
// lets us look into (--wrap, see CMakeLists.txt).
#include "provider/state.h"
#include "ring/writer.h"
#include "served.h"

#include <functional>
#include <string>

namespace {

// Of the section that takes a staged record.
std::function<void()> g_before_write;
std::function<void()> g_after_full_block;  // when it has filled one
// Of the quick section.
std::function<void()> g_before_quick_write;

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names
extern "C" {

uint32_t __real_etw_ring_write(const etw::ring::Record* record, etw::ring::RseqArea* rseq);
uint32_t __wrap_etw_ring_write(const etw::ring::Record* record, etw::ring::RseqArea* rseq) {
    if (g_before_write) std::exchange(g_before_write, nullptr)();
    const uint32_t result = __real_etw_ring_write(record, rseq);
    if (result >> ETW_RESULT_BLOCKS_SHIFT != 0 && g_after_full_block) {
        std::exchange(g_after_full_block, nullptr)();
    }
    return result;
}

uint32_t __real_etw_ring_write_event(const etw::ring::EventSource* source,
                                     const etw_descriptor* descriptor, uint64_t state,
                                     const etw::ring::Piece* pieces, uint64_t extent,
                                     etw::ring::RseqArea* rseq, etw::ring::HeaderPart activity,
                                     etw::ring::HeaderPart identity);
uint32_t __wrap_etw_ring_write_event(const etw::ring::EventSource* source,
                                     const etw_descriptor* descriptor, uint64_t state,
                                     const etw::ring::Piece* pieces, uint64_t extent,
                                     etw::ring::RseqArea* rseq, etw::ring::HeaderPart activity,
                                     etw::ring::HeaderPart identity) {
    if (g_before_quick_write) std::exchange(g_before_quick_write, nullptr)();
    return __real_etw_ring_write_event(source, descriptor, state, pieces, extent, rseq, activity,
                                       identity);
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)

namespace etw::provider {
namespace {

class SessionGone : public Served {
protected:
    void SetUp() override {
        if (!ring::sequences_usable()) GTEST_SKIP() << "no restartable sequences";
    }
    void TearDown() override {
        g_before_write = nullptr;
        g_after_full_block = nullptr;
        g_before_quick_write = nullptr;
        Served::TearDown();
    }
    // The library has done it when this returns: its rings are no longer mapped.
    void end_session() {
        host_->send_detach();
        wait_for_ack();
    }
    ULONG write_much() {
        static const std::string text(30000, 'x');
        EVENT_DESCRIPTOR descriptor;
        EventDescCreate(&descriptor, 1, 0, 0, 1, 0, 0, 0);
        EVENT_DATA_DESCRIPTOR data;
        EventDataDescCreate(&data, text.data(), ULONG(text.size()));
        return EventWrite(handle_, &descriptor, 1, &data);
    }
};

TEST_F(SessionGone, LeavesNobodyToWake) {
    start();
    register_provider();
    Registration& registration = *registration_of(handle_);
    bool gone = false;
    g_after_full_block = [&] {
        // As a thread sees it that looked at the entries before the agent, and not since.
        const uint32_t entries = registration.entries.load();
        end_session();
        registration.entries.store(entries);
        gone = true;
    };
    for (int i = 0; i < 1000 && !gone; ++i) {
        EXPECT_EQ(write_much(), 0u);
        if (!gone) host_->take_records();
    }
    registration.entries.store(0);
    EXPECT_TRUE(gone);
}

// What its filter has let pass must not go to the session that has taken its place meanwhile.
TEST_F(SessionGone, LeavesNoEventToTheNextOneThatDoesNotWantIt) {
    start();
    register_provider();
    EXPECT_EQ(write(4), 0u);  // a thread's first event is never a quick one
    EXPECT_EQ(host_->take_records().size(), 1u);
    bool replaced = false;
    g_before_quick_write = [&] {
        end_session();
        host_->enable.session.epoch += 1000;
        host_->enable.level = 1;
        host_->send_attach();
        host_->send_enable(registration());
        wait_for_ack();
        replaced = true;
    };
    EXPECT_EQ(write(4), 0u);
    EXPECT_TRUE(replaced);
    EXPECT_EQ(write(1), 0u);
    EXPECT_EQ(host_->take_records().size(), 1u);
}

// The same where the next one comes while the writer looks, in the steps of a quick section.
TEST(EventSourceState, VouchesForAllThatWasReadOfTheSession) {
    static Registration registration;
    constexpr uint64_t kGenerations[] = {kMaxSlots + 1, 2 * kMaxSlots + 2};
    static std::byte rings[2];
    for (int i = 0; i < 2; ++i) {
        g_state.slots[kGenerations[i] % kMaxSlots].map.rings = &rings[i];
    }
    std::atomic<bool> done = false;
    std::atomic<uint64_t> changes = 0;
    std::thread agent([&] {
        registration.entries = 1;
        for (; !done; ++changes) {
            registration.entry[0].generation = kGenerations[changes % 2];
            registration.entry[0].match_any = kGenerations[changes % 2];
            publish(registration);
        }
    });
    uint64_t vouched = 0, mixed = 0;
    while (vouched < 200'000 || changes < 200'000) {
        const uint64_t state = etw_state_of(&registration.wanted);
        const uint64_t any = __atomic_load_n(&registration.wanted.keyword_any, __ATOMIC_RELAXED);
        const uint64_t generation = registration.source.generation.load(std::memory_order_acquire);
        const std::byte* const ring = registration.source.rings.load(std::memory_order_acquire);
        const bool wanted = etw_is_wanted(&registration.wanted, state, 1, 0);
        if (!wanted || registration.source.state.load(std::memory_order_acquire) != state) continue;
        ++vouched;
        mixed += any != generation || ring != &rings[generation == kGenerations[1]];
    }
    done = true;
    agent.join();
    EXPECT_EQ(mixed, 0u);
}

// Nor to another registration: its provider is the one that events would be said to be of.
TEST_F(SessionGone, LeavesNoEventToTheRegistrationThatHasTakenThePlace) {
    start();
    etw_provider former = {};
    run(
        [&] {
            EXPECT_EQ(etw_register(&former.id, nullptr, &former.enabled, nullptr, nullptr,
                                   &former.handle),
                      0u);
        },
        [&] { return host_->registered.size() == 1; });
    const uint64_t state = etw_state_of(&former.enabled);
    ASSERT_TRUE(etw_is_wanted(&former.enabled, state, 4, 0));
    const struct {
        etw_event head;
        uint64_t item[2];
    } event = {{{0, 0, 11, 4, 0, 0, 0}, sizeof(event.item), 0}, {0x8000B0010, 0x610008}};
    const uint64_t extent = ETW_HEADER_SIZE + sizeof(event.item);
    const auto write_both = [&] {
        const etw_guid id = {1, 2, 3, {4}};
        return std::pair(
            etw_write_self_describing(&former, &event.head, state, nullptr, extent, nullptr),
            etw_write_related(&former, &event.head, state, nullptr, extent, nullptr, &id));
    };
    const std::pair<uint32_t, uint32_t> written = {ETW_OK, ETW_OK};
    EXPECT_EQ(write_both(), written);
    EXPECT_EQ(host_->take_records().size(), 2u);

    run([&] { EXPECT_EQ(etw_unregister(former.handle), 0u); },
        [&] { return host_->unregistered == 1; });
    register_provider();
    ASSERT_EQ(&registration_of(handle_)->source, former.enabled.source);
    const std::pair<uint32_t, uint32_t> refused = {ETW_INVALID_HANDLE, ETW_INVALID_HANDLE};
    EXPECT_EQ(write_both(), refused);
    EXPECT_TRUE(host_->take_records().empty());
    EXPECT_EQ(write(4), 0u);
    EXPECT_EQ(host_->take_records().size(), 1u);
}

TEST_F(SessionGone, TakesNoEventWithItemsOfItsOwn) {
    start();
    host_->enable.enable_property = 0x80;  // the start of the process
    register_provider();
    bool gone = false;
    g_before_write = [&] {
        end_session();
        gone = true;
    };
    EXPECT_EQ(write(), 0u);
    EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace etw::provider
