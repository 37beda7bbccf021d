// A session that goes at the worst instant of a write: between two steps of it, which the linker
// lets us look into (--wrap, see CMakeLists.txt).
#include "provider/state.h"
#include "ring/writer.h"
#include "served.h"

#include <functional>
#include <string>

namespace {

std::function<void()> g_before_write;        // of the section that takes a staged record
std::function<void()> g_before_plain_write;  // of the section for plain events

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names
extern "C" {

uint32_t __real_etw_ring_write(const etw::ring::Record* record, etw::ring::RseqArea* rseq);
uint32_t __wrap_etw_ring_write(const etw::ring::Record* record, etw::ring::RseqArea* rseq) {
    if (g_before_write) std::exchange(g_before_write, nullptr)();
    return __real_etw_ring_write(record, rseq);
}

uint32_t __real_etw_ring_write_event(const etw::ring::EventSource* source,
                                     const etw_descriptor* descriptor, uint64_t first_word,
                                     etw::ring::RseqArea* rseq, uint32_t piece_count,
                                     const etw::ring::Piece* pieces, etw::ring::HeaderPart activity,
                                     etw::ring::HeaderPart identity,
                                     etw::ring::HeaderPart generation);
uint32_t __wrap_etw_ring_write_event(const etw::ring::EventSource* source,
                                     const etw_descriptor* descriptor, uint64_t first_word,
                                     etw::ring::RseqArea* rseq, uint32_t piece_count,
                                     const etw::ring::Piece* pieces, etw::ring::HeaderPart activity,
                                     etw::ring::HeaderPart identity,
                                     etw::ring::HeaderPart generation) {
    if (g_before_plain_write) std::exchange(g_before_plain_write, nullptr)();
    return __real_etw_ring_write_event(source, descriptor, first_word, rseq, piece_count, pieces,
                                       activity, identity, generation);
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
        g_before_plain_write = nullptr;
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

std::function<void()> g_after_full_block;  // when the section for plain events has filled one
uint32_t write_rest_after_that(const ring::EventSource* source, const void* head,
                               uint64_t first_word, uint32_t result, uint32_t count,
                               const ring::Piece* pieces, ring::HeaderPart activity) noexcept {
    if (result >> ETW_RESULT_BLOCKS_SHIFT != 0) std::exchange(g_after_full_block, [] {})();
    return write_rest(source, head, first_word, result, count, pieces, activity);
}

TEST_F(SessionGone, LeavesNobodyToWake) {
    start();
    register_provider();
    Registration& registration = *registration_of(handle_);
    registration.source.rest = write_rest_after_that;
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
    EXPECT_EQ(write(4), 0u);  // a thread's first event is never plain
    EXPECT_EQ(host_->take_records().size(), 1u);
    bool replaced = false;
    g_before_plain_write = [&] {
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
