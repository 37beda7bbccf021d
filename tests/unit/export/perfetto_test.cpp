#include "export/perfetto.h"

#include "export_log.h"
#include "proto_reader.h"

#include <gmock/gmock.h>

namespace etw::exports {
namespace {

using decode::Out;
using decode::Type;
using decode::test::SchemaBuilder;
using test::ByteVector;
using test::EventOptions;
using test::kActivity;
using test::kProcess;
using test::kStartRaw;
using test::kThread;
using test::LogFile;
using test::named_event;
using test::ProtoMessage;
using test::TempFolder;

constexpr uint64_t kBegin = 1, kEnd = 2, kInstant = 3;
constexpr uint64_t kUnixStart = 1'066'912'060'173'000'000;  // of the log, ns

// A trace with the events and tracks by name.
struct Trace {
    struct Event {
        uint64_t time, type, track;
        std::string category, name;
        std::map<std::string, ProtoMessage> arguments;
    };
    explicit Trace(std::string bytes) : bytes_(std::move(bytes)) {
        const ProtoMessage trace(bytes_);
        EXPECT_TRUE(trace.valid());
        std::map<uint64_t, std::string> categories, names, fields;
        for (const ProtoMessage& packet : trace.all(1)) {
            EXPECT_TRUE(packet.valid());
            EXPECT_EQ(packet.number(10), 1u) << "the sequence";
            packets.push_back(packet);
            if (const auto interned = packet.one(12)) {
                for (const auto& text : interned->all(1)) categories[text.number(1)] = text.text(2);
                for (const auto& text : interned->all(2)) names[text.number(1)] = text.text(2);
                for (const auto& text : interned->all(3)) fields[text.number(1)] = text.text(2);
            }
            if (const auto track = packet.one(60)) tracks.emplace(track->number(1), *track);
            const auto event = packet.one(11);
            if (!event) continue;
            Event out{packet.number(8), event->number(9), event->number(11), "", "", {}};
            out.category = categories[event->number(3)];
            out.name = names[event->number(10)];
            for (const auto& one : event->all(4)) out.arguments.emplace(fields[one.number(1)], one);
            events.push_back(out);
        }
    }
    std::string bytes_;
    std::vector<ProtoMessage> packets;
    std::map<uint64_t, ProtoMessage> tracks;
    std::vector<Event> events;
};

class PerfettoTest : public testing::Test {
protected:
    Trace export_log(const LogFile& log, const render::FilterOptions& filter = {},
                     std::shared_ptr<const decode::Catalog> catalog = nullptr) {
        const std::string etl = log.write(folder_ / "a.etl");
        auto exporter = Perfetto::create(folder_ / "a.perfetto");
        EXPECT_TRUE(exporter);
        EXPECT_TRUE(test::feed(etl, **exporter, filter, std::move(catalog)));
        report_ = (*exporter)->report();
        return Trace(test::read_file(folder_ / "a.perfetto"));
    }
    static int64_t at(int n) { return kStartRaw + n; }
    LogFile& add(int n, const ByteVector& record, uint16_t cpu = 0) {
        return log_.add(cpu, at(n), record);
    }
    void add_named(int n, std::string_view name, const EventOptions& options) {
        add(n, named_event(at(n), name, options));
    }

    TempFolder folder_;
    LogFile log_;
    std::string report_;
};

// "type name@track" of every event but the header's.
std::vector<std::string> shapes(const Trace& trace) {
    std::vector<std::string> out;
    std::map<uint64_t, size_t> numbers;
    for (size_t i = 1; i < trace.events.size(); ++i) {
        const auto& event = trace.events[i];
        const size_t number = numbers.try_emplace(event.track, numbers.size()).first->second;
        const char* const type = event.type == kBegin ? "[" : event.type == kEnd ? "]" : ".";
        out.push_back(type + event.name + "@" + std::to_string(number));
    }
    return out;
}

TEST_F(PerfettoTest, EventIsAMomentOnItsThreadWithItsFields) {
    const ByteVector chain = decode::test::describing_chain(
        SchemaBuilder("Tick")
            .field("count", Type::kUInt32)
            .field("delta", Type::kInt16)
            .field("mask", Type::kHexInt64)
            .field("text", Type::kUtf8)
            .field("ratio", Type::kDouble)
            .field("list", Type::kUInt16, Out::kDefault, decode::test::kCountedArray)
            .structure("pair", 2)
            .field("a", Type::kUInt8)
            .field("on", Type::kBool32)
            .build(),
        decode::test::traits("P"));
    ByteWriter payload;
    payload.write(uint32_t{7});
    payload.write(int16_t{-2});
    payload.write(uint64_t{0xFF00});
    payload.append_text("h\xC3\xA9llo\xFF");
    payload.write(uint8_t{0});
    payload.write(1.5);
    payload.write(uint16_t{2});
    payload.write(uint16_t{10});
    payload.write(uint16_t{20});
    payload.write(uint8_t{3});
    payload.write(uint32_t{1});
    add(5, test::event_at(at(5), {}, payload.bytes(), chain));
    const Trace trace = export_log(log_);
    ASSERT_EQ(trace.events.size(), 2u);
    const auto& event = trace.events[1];
    EXPECT_EQ(event.time, kUnixStart + 500);
    EXPECT_EQ(event.type, kInstant);
    EXPECT_EQ(event.category, "P");
    EXPECT_EQ(event.name, "Tick");
    EXPECT_EQ(event.arguments.at("count").number(3), 7u);
    EXPECT_EQ(int64_t(event.arguments.at("delta").number(4)), -2);
    EXPECT_EQ(event.arguments.at("mask").number(7), 0xFF00u);
    EXPECT_EQ(event.arguments.at("text").text(6), "h\u00E9llo\u00FF");
    EXPECT_EQ(std::bit_cast<double>(event.arguments.at("ratio").number(5)), 1.5);
    const auto list = event.arguments.at("list").all(12);
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[1].number(3), 20u);
    const auto members = event.arguments.at("pair").all(11);
    ASSERT_EQ(members.size(), 2u);
    EXPECT_EQ(members[1].number(2), 1u);

    const ProtoMessage& track = trace.tracks.at(event.track);
    EXPECT_EQ(track.one(4)->number(1), kProcess);
    EXPECT_EQ(track.one(4)->number(2), kThread);
    EXPECT_EQ(trace.tracks.at(track.number(5)).one(3)->number(1), kProcess);
}

TEST_F(PerfettoTest, KeepsTimesFinerThan100Nanoseconds) {
    log_.info().perf_frequency = 1'000'000'000;
    add_named(7, "Tick", {});
    EXPECT_EQ(export_log(log_).events.back().time, kUnixStart + 7);
}

TEST_F(PerfettoTest, StartAndStopOnAThreadAreASlice) {
    add_named(1, "LoadStart", {.opcode = 1});
    add_named(2, "Inside", {});
    add_named(3, "LoadStop", {.opcode = 2});
    EXPECT_THAT(shapes(export_log(log_)), testing::ElementsAre("[Load@0", ".Inside@0", "]@0"));
    EXPECT_THAT(report_, testing::HasSubstr("1 slices"));
}

constexpr std::string_view kManifest = R"(<instrumentationManifest><instrumentation><events>
<provider name="P" guid="{11223344-5566-7788-0102-030405060708}" symbol="P">
<tasks><task name="Load" value="1"/></tasks>
<events>
<event value="1" symbol="A" task="Load" opcode="win:Start"/>
<event value="2" symbol="B" task="Load" opcode="win:Stop"/>
</events></provider></events></instrumentation></instrumentationManifest>)";

TEST_F(PerfettoTest, StartAndStopOfATaskInAManifestAreASlice) {
    auto catalog = std::make_shared<decode::Catalog>();
    ASSERT_TRUE(catalog->add_manifest(std::as_bytes(std::span(kManifest))));
    add(1, test::event_at(at(1), {.id = 1, .opcode = 1}, {}));
    add(2, test::event_at(at(2), {.id = 2, .opcode = 2}, {}));
    const Trace trace = export_log(log_, {}, catalog);
    EXPECT_THAT(shapes(trace), testing::ElementsAre("[Load@0", "]@0"));
    EXPECT_EQ(trace.events[1].category, "P");
}

TEST_F(PerfettoTest, StartInTwoVersionsIsOneSlice) {
    add_named(1, "GC", {.id = 1, .opcode = 1});
    add_named(2, "GC", {.id = 1, .version = 2, .opcode = 1});
    add_named(3, "GC", {.id = 2, .opcode = 2});
    EXPECT_THAT(shapes(export_log(log_)), testing::ElementsAre("[GC@0", ".GC@0", "]@0"));
}

// A reader looks for the innermost slice of that name, and drops the end where there is none.
TEST_F(PerfettoTest, EndHasNoNameThatCouldDifferFromItsBeginning) {
    add_named(1, "Request", {.opcode = 1, .activity = kActivity});
    add_named(2, "Response", {.opcode = 2, .activity = kActivity});
    EXPECT_THAT(shapes(export_log(log_)), testing::ElementsAre("[Request@0", "]@0"));
}

TEST_F(PerfettoTest, KernelEventsThatStartAndEndThingsAreMoments) {
    add(1, test::process_event(at(1), 0x0301, kProcess, "app.exe"));
    add(2, test::process_event(at(2), 0x0302, kProcess, "app.exe"));
    EXPECT_THAT(shapes(export_log(log_)),
                testing::ElementsAre(".Process/Start@0", ".Process/End@0"));
}

TEST_F(PerfettoTest, SliceEndsWhatWasBegunInsideOfIt) {
    add_named(1, "OuterStart", {.opcode = 1});
    add_named(2, "InnerStart", {.opcode = 1});
    add_named(3, "OuterStop", {.opcode = 2});
    add_named(4, "InnerStop", {.opcode = 2});
    EXPECT_THAT(shapes(export_log(log_)),
                testing::ElementsAre("[Outer@0", "[Inner@0", "]@0", "]@0", ".InnerStop@0"));
    EXPECT_THAT(report_, testing::HasSubstr("without their counterpart: 2"));
}

TEST_F(PerfettoTest, ActivityIsATrackThatThreadsShare) {
    add_named(1, "Job", {.opcode = 1, .activity = kActivity});
    add_named(2, "JobStart", {.opcode = 1});
    add_named(3, "Job", {.opcode = 2, .thread = 99, .activity = kActivity});
    const Trace trace = export_log(log_);
    EXPECT_THAT(shapes(trace), testing::ElementsAre("[Job@0", "[Job@1", "]@0"));
    const ProtoMessage& track = trace.tracks.at(trace.events[1].track);
    EXPECT_EQ(track.text(2), "Job");
    EXPECT_EQ(trace.tracks.at(track.number(5)).one(3)->number(1), kProcess);
}

TEST_F(PerfettoTest, ContextSwitchesAreSchedulingEventsOfTheirProcessor) {
    add(1, test::process_event(at(1), 0x0303, kProcess, "app.exe"));
    add_named(2, "Tick", {});
    add(3, test::switch_event(at(3), kThread, 0, 5), 2);
    const Trace trace = export_log(log_);
    const ProtoMessage& packet = trace.packets.back();
    const auto bundle = packet.one(1);
    ASSERT_TRUE(bundle);
    EXPECT_EQ(bundle->number(1), 2u);
    const auto event = bundle->one(2);
    EXPECT_EQ(event->number(1), kUnixStart + 300);
    EXPECT_EQ(event->number(2), kThread);
    const auto one = event->one(4);
    EXPECT_EQ(one->text(1), "app.exe");
    EXPECT_EQ(one->number(2), kThread);
    EXPECT_EQ(one->number(4), 1u) << "waiting: sleeps";
    EXPECT_EQ(one->text(5), "Idle");
    EXPECT_EQ(one->number(6), 0u);
}

TEST_F(PerfettoTest, RecordWithoutAThreadBelongsToWhoeverRan) {
    add_named(1, "Tick", {});
    add(2, test::kernel_at(at(2), 0x0F33, 2, ByteVector(8)), 1);
    add(3, test::switch_event(at(3), 0, kThread, 2), 1);
    add(4, test::kernel_at(at(4), 0x0F33, 2, ByteVector(8)), 1);
    const Trace trace = export_log(log_);
    ASSERT_EQ(trace.events.size(), 4u);
    EXPECT_EQ(trace.tracks.at(trace.events[2].track).text(2), "Processor 1");
    EXPECT_EQ(trace.events[3].track, trace.events[1].track);
}

TEST_F(PerfettoTest, NamesAreKnownThoughTheFilterLeavesThemOut) {
    add(1, test::process_event(at(1), 0x0303, kProcess, "app.exe"));
    add_named(2, "Tick", {.id = 5});
    add_named(3, "Tock", {.id = 6});
    render::FilterOptions filter;
    filter.ids = {{5, 5}};
    const Trace trace = export_log(log_, filter);
    ASSERT_EQ(trace.events.size(), 1u);
    const ProtoMessage& thread = trace.tracks.at(trace.events[0].track);
    EXPECT_EQ(trace.tracks.at(thread.number(5)).one(3)->text(6), "app.exe");
    bool named = false;
    for (const auto& packet : trace.packets) {
        if (const auto tree = packet.one(2)) named = tree->one(1)->text(3) == "app.exe";
    }
    EXPECT_TRUE(named);
}

TEST_F(PerfettoTest, ReusedProcessIdHasATrackOfItsOwn) {
    add_named(1, "Old", {});
    add(2, test::process_event(at(2), 0x0301, kProcess, "new.exe"));
    add_named(3, "New", {});
    const Trace trace = export_log(log_);
    EXPECT_NE(trace.events.front().track, trace.events.back().track);
    EXPECT_EQ(trace.events.back().name, "New");
}

TEST_F(PerfettoTest, UndecodedEventShowsItsBytes) {
    const std::byte payload[] = {std::byte{0xAB}, std::byte{0xCD}};
    add(1, test::event_at(at(1), {.id = 9}, payload));
    const Trace trace = export_log(log_);
    EXPECT_EQ(trace.events[1].name, "Event 9");
    EXPECT_EQ(trace.events[1].arguments.at("payload").text(6), "abcd");
}

TEST_F(PerfettoTest, IsReadByProtoc) {
    add_named(1, "Tick", {});
    const Trace trace = export_log(log_);
    bool ran = false;
    const std::string shown =
        test::output_of("protoc --decode_raw <'" + (folder_ / "a.perfetto") + "'", ran);
    if (!ran) GTEST_SKIP() << "no protoc";
    EXPECT_THAT(shown, testing::HasSubstr("2: \"Tick\""));
}

}  // namespace
}  // namespace etw::exports
