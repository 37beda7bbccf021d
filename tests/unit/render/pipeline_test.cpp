#include "render/pipeline.h"

#include "../decode/event_builder.h"
#include "etw/catalog.h"
#include "render/record_filter.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace etw::render {
namespace {

using decode::test::ByteVector;

// Numbered events in one and the same memory: what the pipeline did not copy is overwritten.
class Numbers final : public RecordSource {
public:
    explicit Numbers(uint64_t count)
        : count_(count),
          clock_(header()),
          extended_(decode::test::describing_chain(
              decode::test::SchemaBuilder("N").field("i", decode::Type::kUInt64).build(),
              decode::test::traits("P"))) {}

    bool next(etl::Record& record, const etl::TimeConverter*& clock) override {
        if (given_ == count_) return false;
        ByteWriter out;
        out.append(extended_);
        out.write(given_++);
        bytes_ = out.take();
        record = decode::test::event_record(Bytes(bytes_).first(extended_.size()),
                                            Bytes(bytes_).subspan(extended_.size()));
        record.raw = bytes_;
        clock = &clock_;
        return true;
    }

private:
    static etl::LogHeader header() {
        etl::LogHeader header;
        header.fixed.clock_type = 2;  // raw time stamps are FILETIMEs
        return header;
    }
    uint64_t count_;
    uint64_t given_ = 0;
    etl::TimeConverter clock_;
    ByteVector extended_;
    ByteVector bytes_;
};

// A source of live records: after `ready` of them it has no more for now.
class Pausing final : public RecordSource {
public:
    Pausing(uint64_t count, uint64_t pause) : numbers_(count), pause_(pause) {}
    bool next(etl::Record& record, const etl::TimeConverter*& clock) override {
        ++given_;
        return numbers_.next(record, clock);
    }
    bool ready() override { return given_ % pause_ != 0; }

private:
    Numbers numbers_;
    uint64_t pause_;
    uint64_t given_ = 0;
};

class Memory final : public Sink {
public:
    explicit Memory(size_t limit = SIZE_MAX) : limit_(limit) {}
    Status write(std::string_view text) override {
        if (text.size() > limit_ - text_.size()) return Error{Code::kDiskFull, "write", 28};
        text_ += text;
        ++writes_;
        return Ok{};
    }
    Status close() override { return Ok{}; }
    const std::string& text() const { return text_; }
    size_t writes() const { return writes_; }

private:
    size_t writes_ = 0;
    size_t limit_;
    std::string text_;
};

constexpr uint64_t kEvents = 20'000;

PipelineOptions options(unsigned threads) {
    PipelineOptions out;
    out.threads = threads;
    out.render.prefix = false;
    return out;
}

std::string expected() {
    std::string out;
    for (uint64_t i = 0; i < kEvents; ++i) out += "N: i=" + std::to_string(i) + "\n";
    return out;
}

TEST(Pipeline, GivesTheSameOutputWithAnyNumberOfThreads) {
    const std::string want = expected();
    for (const unsigned threads : {1u, 2u, 3u, 8u}) {
        Numbers source(kEvents);
        Memory sink;
        const auto summary = run_pipeline(source, sink, options(threads), {});
        ASSERT_TRUE(summary);
        EXPECT_EQ(summary->events(), kEvents);
        ASSERT_TRUE(sink.text() == want) << threads << " threads";
    }
}

TEST(Pipeline, GivesTheSameDocumentWithAnyNumberOfThreads) {
    for (const Format format : {Format::kText, Format::kCsv, Format::kJson, Format::kXml}) {
        for (const Encoding encoding : {Encoding::kUtf8, Encoding::kUtf16, Encoding::kAnsi}) {
            std::string one;
            for (const unsigned threads : {1u, 2u, 5u}) {
                Numbers source(3000);
                Memory sink;
                auto pipeline = options(threads);
                pipeline.render.format = format;
                pipeline.render.encoding = encoding;
                pipeline.render.csv_header = true;
                ASSERT_TRUE(run_pipeline(source, sink, pipeline, {}));
                if (threads == 1) one = sink.text();
                EXPECT_TRUE(one == sink.text()) << int(format) << " " << int(encoding);
            }
        }
    }
}

// Of nothing, too: a document without events is a document.
TEST(Pipeline, WritesWhatComesBeforeAndAfter) {
    for (const uint64_t events : {0u, 1u}) {
        Numbers source(events);
        Memory sink;
        auto pipeline = options(2);
        pipeline.render.format = Format::kXml;
        ASSERT_TRUE(run_pipeline(source, sink, pipeline, {}));
        EXPECT_TRUE(
            sink.text().starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Events>\n"));
        EXPECT_TRUE(sink.text().ends_with("</Events>\n"));
    }
}

TEST(Pipeline, MarksTheByteOrderOnce) {
    Numbers source(5000);
    Memory sink;
    auto pipeline = options(3);
    pipeline.render.encoding = Encoding::kUtf16;
    ASSERT_TRUE(run_pipeline(source, sink, pipeline, {}));
    EXPECT_TRUE(sink.text().starts_with(std::string("\xFF\xFEN\0", 4)));
    EXPECT_EQ(sink.text().find("\xFF\xFE", 1), sink.text().npos);
}

TEST(Pipeline, CountsOnlyWhereNoLinesAreWanted) {
    Numbers source(kEvents);
    Memory sink;
    auto pipeline = options(2);
    pipeline.lines = false;
    const auto summary = run_pipeline(source, sink, pipeline, {});
    ASSERT_TRUE(summary);
    EXPECT_TRUE(sink.text().empty());
    ASSERT_EQ(summary->rows().size(), 1u);
    EXPECT_EQ(summary->rows()[0].name, "N");
    EXPECT_EQ(summary->rows()[0].type, "P");
    EXPECT_EQ(summary->rows()[0].count, kEvents);
}

TEST(Pipeline, CountsNoKindsWhereNoneAreWanted) {
    Numbers source(3);
    Memory sink;
    auto pipeline = options(2);
    pipeline.by_kind = false;
    const auto summary = run_pipeline(source, sink, pipeline, {});
    ASSERT_TRUE(summary);
    EXPECT_EQ(summary->events(), 3u);
    EXPECT_TRUE(summary->rows().empty());
}

TEST(Pipeline, LeavesOutWhatTheFilterDoesNotWantWithAnyNumberOfThreads) {
    FilterOptions none;
    none.events = {"Other"};
    FilterOptions all;
    all.events = {"n"};
    for (const unsigned threads : {1u, 3u}) {
        for (const auto& [options_of, wanted] : {std::pair{none, false}, std::pair{all, true}}) {
            const RecordFilter filter(options_of);
            Numbers source(kEvents);
            Memory sink;
            auto pipeline = options(threads);
            pipeline.filter = &filter;
            const auto summary = run_pipeline(source, sink, pipeline, {});
            ASSERT_TRUE(summary);
            EXPECT_EQ(summary->events(), wanted ? kEvents : 0);
            EXPECT_EQ(summary->left_out(), wanted ? 0 : kEvents);
            EXPECT_TRUE(sink.text() == (wanted ? expected() : ""));
        }
    }
}

TEST(FilteredSource, LeavesOutAndCounts) {
    FilterOptions options_of;
    options_of.level = 4;  // the events have 5
    RecordFilter filter(options_of);
    Numbers source(100);
    FilteredSource wanted(source, filter);
    etl::Record record;
    const etl::TimeConverter* clock = nullptr;
    EXPECT_FALSE(wanted.next(record, clock));
    EXPECT_EQ(wanted.left_out(), 100u);
}

TEST(Pipeline, FormatsWhatIsThereBeforeItWaitsForMore) {
    for (const unsigned threads : {1u, 3u}) {
        Pausing source(1000, 7);
        Memory sink;
        ASSERT_TRUE(run_pipeline(source, sink, options(threads), {}));
        EXPECT_EQ(sink.text(), expected().substr(0, sink.text().size()));
        EXPECT_GE(sink.writes(), 1000u / 7);
    }
}

TEST(Pipeline, StopsWithTheErrorOfTheSink) {
    for (const unsigned threads : {1u, 4u}) {
        Numbers source(kEvents);
        Memory sink(50'000);
        const auto summary = run_pipeline(source, sink, options(threads), {});
        ASSERT_FALSE(summary);
        EXPECT_EQ(summary.error().code, Code::kDiskFull);
        // What was written is the beginning, whole batches only.
        EXPECT_EQ(expected().compare(0, sink.text().size(), sink.text()), 0);
    }
}

TEST(Pipeline, ReportsProgressThatOnlyRises) {
    Numbers source(kEvents);
    Memory sink;
    uint64_t last = 0;
    const auto summary = run_pipeline(source, sink, options(3), [&](uint64_t events) {
        EXPECT_GT(events, last);
        last = events;
    });
    ASSERT_TRUE(summary);
    EXPECT_EQ(last, kEvents);
}

// Events of one short record each whose description makes a quarter of a megabyte of it.
class Amplified final : public RecordSource {
public:
    explicit Amplified(uint64_t count) : left_(count) {
        header_.fixed.clock_type = 2;
        clock_ = etl::TimeConverter(header_);
        for (int i = 0; i < 256; ++i) payload_.write(char16_t{u'x'});
        payload_.write(char16_t{0});
    }
    bool next(etl::Record& record, const etl::TimeConverter*& clock) override {
        if (left_ == 0) return false;
        --left_;
        record = decode::test::event_record({}, payload_.bytes());
        record.descriptor.id = 1;
        record.descriptor.channel = 0;
        record.raw = payload_.bytes();
        clock = &clock_;
        return true;
    }

private:
    uint64_t left_;
    etl::LogHeader header_;
    etl::TimeConverter clock_;
    ByteWriter payload_;
};

class Sizes final : public Sink {
public:
    Status write(std::string_view text) override {
        largest = std::max(largest, text.size());
        lines += size_t(std::count(text.begin(), text.end(), '\n'));
        return Ok{};
    }
    Status close() override { return Ok{}; }
    size_t largest = 0, lines = 0;
};

TEST(Pipeline, KeepsNoMoreTextThanItHasTo) {
    std::string xml =
        "<provider name=\"P\" guid=\"{11223344-5566-7788-0102-030405060708}\"><templates>"
        "<template tid=\"t\"><data name=\"a\" inType=\"win:UnicodeString\"/></template>"
        "</templates><events><event value=\"1\" template=\"t\" message=\"";
    for (int i = 0; i < 20'000; ++i) xml += "%1";
    xml += "\"/></events></provider>";
    PipelineOptions wanted = options(2);
    const auto catalog = std::make_shared<decode::Catalog>();
    ASSERT_TRUE(catalog->add_manifest(std::as_bytes(std::span(xml))));
    wanted.catalog = catalog;
    constexpr uint64_t kMany = 40;
    constexpr size_t kMegabyte = size_t{1} << 20;
    Amplified source(kMany);
    Sizes sink;
    ASSERT_TRUE(run_pipeline(source, sink, wanted, {}));
    EXPECT_EQ(sink.lines, kMany);
    EXPECT_GT(sink.largest, kMegabyte);
    EXPECT_LT(sink.largest, 5 * kMegabyte);
}

// More kinds of events than have a row of their own.
TEST(Summary, HasTheSameRowsWhicheverKindsComeFirst) {
    const auto rows_of = [](bool upwards) {
        constexpr uint32_t kMany = 70'000;
        Summary halves[2];
        decode::Event event;
        etl::Record record = decode::test::event_record({}, {});
        for (uint32_t i = 0; i < kMany; ++i) {
            const std::string name = "E" + std::to_string(upwards ? i : kMany - 1 - i);
            event.name = name;
            halves[i % 2].add(record, event);
        }
        halves[0].merge(halves[1]);
        return halves[0].rows();
    };
    const auto rows = rows_of(true), others = rows_of(false);
    ASSERT_EQ(rows.size(), 65'537u);
    ASSERT_EQ(others.size(), rows.size());
    EXPECT_EQ(rows[0].name, "(others)");
    EXPECT_EQ(rows[0].count, 70'000u - 65'536u);
    for (size_t i = 0; i < rows.size(); ++i) ASSERT_EQ(rows[i].name, others[i].name);
}

TEST(Summary, CountsEventsByNameTypeAndGuid) {
    Summary summary;
    decode::Event event;
    etl::Record record = decode::test::event_record({}, {});
    event.name = "B";
    event.provider = "P";
    for (int i = 0; i < 3; ++i) summary.add(record, event);
    event.name = "A";
    summary.add(record, event);
    event.opcode = "Start";
    summary.add(record, event);
    event = {};
    event.outcome = decode::Outcome::kUnknown;
    record.descriptor.id = 77;
    summary.add(record, event);
    Summary other;
    other.merge(summary);
    const auto rows = other.rows();
    ASSERT_EQ(rows.size(), 4u);
    EXPECT_EQ(rows[0].name, "B");
    EXPECT_EQ(rows[0].count, 3u);
    EXPECT_EQ(rows[1].type, "P");
    EXPECT_EQ(rows[2].type, "Start");
    EXPECT_EQ(rows[3].name, "Unknown");
    EXPECT_EQ(rows[3].type, "77");
    EXPECT_EQ(other.events(), 6u);
    EXPECT_EQ(other.unknown(), 1u);
}

}  // namespace
}  // namespace etw::render
