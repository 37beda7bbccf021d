// A session that goes at the worst instant of a write: between two steps of it, which the linker
// lets us look into (--wrap, see CMakeLists.txt).
#include "provider/state.h"
#include "ring/writer.h"
#include "served.h"

#include <functional>
#include <string>

namespace {

std::function<void()> g_before_write;      // of the section that takes a staged record
std::function<void()> g_after_full_block;  // when the section for plain events has filled one

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names
extern "C" {

uint32_t __real_etw_ring_write(const etw::ring::Record* record, etw::ring::RseqArea* rseq);
uint32_t __wrap_etw_ring_write(const etw::ring::Record* record, etw::ring::RseqArea* rseq) {
    if (g_before_write) std::exchange(g_before_write, nullptr)();
    return __real_etw_ring_write(record, rseq);
}

uint32_t __real_etw_ring_write_event(etw::ring::WriterMap* map, uint64_t generation,
                                     const etw::ring::Piece* pieces, uint32_t piece_count,
                                     uint32_t size, etw::ring::RseqArea* rseq,
                                     etw::ring::HeaderPart h0, etw::ring::HeaderPart h1,
                                     etw::ring::HeaderPart h2, etw::ring::HeaderPart h3,
                                     etw::ring::HeaderPart h4);
uint32_t __wrap_etw_ring_write_event(etw::ring::WriterMap* map, uint64_t generation,
                                     const etw::ring::Piece* pieces, uint32_t piece_count,
                                     uint32_t size, etw::ring::RseqArea* rseq,
                                     etw::ring::HeaderPart h0, etw::ring::HeaderPart h1,
                                     etw::ring::HeaderPart h2, etw::ring::HeaderPart h3,
                                     etw::ring::HeaderPart h4) {
    const uint32_t result = __real_etw_ring_write_event(map, generation, pieces, piece_count, size,
                                                        rseq, h0, h1, h2, h3, h4);
    if (result >> ETW_RESULT_BLOCKS_SHIFT != 0 && g_after_full_block) {
        std::exchange(g_after_full_block, nullptr)();
    }
    return result;
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
