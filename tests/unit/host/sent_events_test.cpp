#include "host/recording/sent_events.h"

#include "fixtures.h"

namespace etw::host {
namespace {

struct Sent {
    explicit Sent(const SavedSession& session = test_session(1))
        : saved(session),
          stream(test_stream(kSocketStream, saved.geometry)),
          events(*StreamWriter::over(*stream, 0)) {}

    void add(uint64_t number, int64_t time) {
        events.add(0, bytes_of(numbered(number)), kTimeOffset, time);
    }
    // What has gone to the stream: number and time.
    std::vector<std::pair<uint64_t, int64_t>> released() const {
        std::vector<std::pair<uint64_t, int64_t>> out;
        wire::RingPosition tail = stream->rings.published_tail(0);
        ring::Run run{};
        bool damaged = false;
        while (stream->rings.next(0, tail, run, &damaged)) {
            for (size_t at = 0; at < run.records.size(); at += sizeof(NumberedEvent)) {
                NumberedEvent event{};
                std::memcpy(&event, run.records.data() + at, sizeof(event));
                out.emplace_back(event.number, event.header.time_stamp);
            }
            tail = run.end;
        }
        return out;
    }

    SavedSession saved;
    std::shared_ptr<Stream> stream;
    SentEvents events;
};

using Released = std::vector<std::pair<uint64_t, int64_t>>;

TEST(SentEvents, GoOnInTheOrderInWhichTheyWereWritten) {
    Sent sent;
    sent.add(1, 100);  // of a program whose socket was read first
    sent.add(2, 400);
    sent.add(3, 200);  // of another
    sent.add(4, 300);
    sent.add(5, 200);
    EXPECT_TRUE(sent.released().empty());
    sent.events.release(300);
    EXPECT_EQ(sent.released(), (Released{{1, 100}, {3, 200}, {5, 200}, {4, 300}}));
    EXPECT_FALSE(sent.events.empty());
    sent.add(6, 350);
    sent.events.release(1000);
    EXPECT_TRUE(sent.events.empty());
    EXPECT_EQ(sent.released(),
              (Released{{1, 100}, {3, 200}, {5, 200}, {4, 300}, {6, 350}, {2, 400}}));
}

TEST(SentEvents, AreNotHeldWithoutLimit) {
    Sent sent(test_session(1, 1024));
    const uint64_t limit = SentEvents::kMaxBytes / sizeof(NumberedEvent);
    for (uint64_t i = 0; i <= limit; ++i) sent.add(i, int64_t(i));
    EXPECT_EQ(sent.released().size(), limit);
    sent.events.release_all();
    EXPECT_EQ(sent.released().size(), limit + 1);
    EXPECT_EQ(sent.stream->rings.lost(0), 0u);
}

}  // namespace
}  // namespace etw::host
