// Names of addresses and counters of an event, in each format.
#include "render/address_names.h"

#include "../decode/event_builder.h"
#include "etw/decoder.h"
#include "render/renderer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace etw::render {
namespace {

using decode::test::ByteVector;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class FakeNames final : public AddressNames {
public:
    std::string name(uint32_t process, int64_t, uint64_t address) const override {
        if (address == 0x1000 && process == 0x888) return "prog!ns::f(int, char)+0x1";
        if (address == 0x2000 && process == 7) return "libc.so.6!write+0x17";
        return {};
    }
    uint32_t process_of(uint32_t thread, int64_t) const override {
        return thread == 70 ? 7 : UINT32_MAX;
    }
};

std::string render(const etl::Record& record, Format format, bool names = true) {
    decode::Decoder decoder;
    decode::Event event;
    decoder.decode(record, event);
    RenderOptions options{.format = format, .utc = true};
    if (names) options.names = std::make_shared<FakeNames>();
    OutBuffer out;
    make_renderer(options)->render(record, event, decode::test::kStartTime, out);
    return std::string(out.view());
}

TEST(AddressNames, StandForTheFramesOfAStack) {
    ByteWriter stack;
    for (const uint64_t word : {0u, 0x1000u, 0x3000u}) stack.write(word);
    const ByteVector items =
        decode::test::chain({{wire::ExtendedType::kStackTrace64, stack.take()}});
    const etl::Record record = decode::test::event_record(items, {});
    EXPECT_THAT(render(record, Format::kText),
                EndsWith(" stack=[\"prog!ns::f(int, char)+0x1\" 0x3000]\n"));
    EXPECT_THAT(render(record, Format::kJson),
                HasSubstr("\"stack\":[\"0x1000\",\"0x3000\"],"
                          "\"symbols\":[\"prog!ns::f(int, char)+0x1\",\"0x3000\"]"));
    const std::string xml = render(record, Format::kXml);
    EXPECT_THAT(xml, HasSubstr("<Address>0x1000</Address>"));
    EXPECT_THAT(xml, HasSubstr("<Symbol>prog!ns::f(int, char)+0x1</Symbol>"));
    for (const Format format : {Format::kText, Format::kJson, Format::kXml})
        EXPECT_THAT(render(record, format, false), Not(HasSubstr("prog")));
}

TEST(AddressNames, FindTheProcessOfASampleByItsThread) {
    ByteWriter payload;
    payload.write(uint64_t{0x2000});
    payload.write(uint32_t{70});
    payload.write(uint32_t{1});
    etl::Record record = decode::test::kernel_record(0x0F2E, 2, payload.bytes());
    record.type = wire::HeaderType::kPerfInfo64;
    record.process_id = record.thread_id = UINT32_MAX;
    EXPECT_THAT(render(record, Format::kText), EndsWith(" symbol=libc.so.6!write+0x17\n"));
    EXPECT_THAT(render(record, Format::kJson), HasSubstr("\"symbol\":\"libc.so.6!write+0x17\""));
    EXPECT_THAT(render(record, Format::kXml), HasSubstr("<Symbol>libc.so.6!write+0x17</Symbol>"));
}

TEST(Counters, StandWithTheEventWhoseHeaderHasThem) {
    ByteWriter raw;
    raw.write(wire::PerfInfoHeader{2, 2, uint8_t(wire::HeaderType::kPerfInfo64), wire::kMarkerEvent,
                                   40, 0x0F33, 5});
    for (const uint64_t word : {11u, 12u, 0x99u}) raw.write(word);
    etl::Record record = decode::test::kernel_record(0x0F33, 2, Bytes(raw.bytes()).subspan(32));
    record.type = wire::HeaderType::kPerfInfo64;
    record.raw = raw.bytes();
    EXPECT_THAT(render(record, Format::kText), EndsWith(" pmc=[11 12]\n"));
    EXPECT_THAT(render(record, Format::kJson), HasSubstr("\"pmc\":[11,12]"));
    record.raw = record.raw.first(24);  // cut short
    EXPECT_THAT(render(record, Format::kText), Not(HasSubstr("pmc")));
}

}  // namespace
}  // namespace etw::render
