#include "render/prefix.h"

#include "described.h"

#include <gtest/gtest.h>

namespace etw::render {
namespace {

using test::Described;

constexpr int64_t kTime = decode::test::kStartTime;

std::string line(const Described& event, std::string_view prefix, bool sequence = false) {
    auto compiled = Prefix::compile(prefix, sequence);
    if (!compiled) return compiled.error().what;
    RenderOptions options{.utc = true};
    options.custom_prefix = std::make_shared<const Prefix>(*std::move(compiled));
    OutBuffer out;
    make_renderer(options)->render(event.record, event.event, kTime, out);
    return std::string(out.view());
}

TEST(Prefix, FormatsTheDefaultAsTheFastPathDoes) {
    Described event;
    event.record.cpu = 3;
    event.value("a", decode::Format::kUnsigned, uint32_t{1});
    OutBuffer plain;
    make_renderer({.utc = true})->render(event.record, event.event, kTime, plain);
    EXPECT_EQ(line(event, kDefaultPrefix), plain.view());
    event.trace_message().say("text");
    plain.clear();
    make_renderer({.utc = true})->render(event.record, event.event, kTime, plain);
    EXPECT_EQ(line(event, kDefaultPrefix), plain.view());
}

TEST(Prefix, ShowsTheVariablesOfTraceMessages) {
    Described event;
    event.trace_message().say("x");
    event.message.subcomponent = "SUB";
    event.record.kernel_time = 5;
    event.record.user_time = 6;
    EXPECT_EQ(line(event, "%1!s!|%2|%3|%4|%5|%6|%7|%8|%9|"),
              "tracedrv|tracedrv_c258|3172|10/23/2003-12:27:40.173|5|6|20132|2804|0|x\n");
    EXPECT_EQ(line(event, "%!FUNC!|%!LEVEL!|%!FLAGS!|%!COMPNAME!|%!SUBCOMP!|"),
              "Func|TRACE_LEVEL_ERROR|FLAG_ONE|tracedrv|SUB|x\n");
}

TEST(Prefix, ShowsTheHeaderOfOtherEvents) {
    Described event;
    event.record.descriptor.level = 4;
    event.record.descriptor.keyword = 0x30;
    EXPECT_EQ(line(event, "%1|%2|%7!08x!|%!FUNC!|%!LEVEL!|%!FLAGS!|%!COMPNAME!|%!SUBCOMP!|"),
              "Provider|Event|00000000||Information|0x30|Provider||Event\n");
}

TEST(Prefix, ConvertsAsPrintfDoes) {
    Described event;
    EXPECT_EQ(line(event, "%8!08d!,%8!-6u!,%8!x!,%1!-10s!,%1!.4s!,%9!4d!,%3!s! "),
              "00002804,2804  ,af4,Provider  ,Prov,   0,3172 Event\n");
}

// The documentation's own example, and the blanks that it shows behind a colon.
TEST(Prefix, SetsAColonOff) {
    Described event;
    event.trace_message().say("IOCTL = 1");
    EXPECT_EQ(line(event, "%2!s!: %!FUNC!: %8!04x!.%3!04x!: %4!s!:"),
              "tracedrv_c258: Func: 0af4.0c64: 10/23/2003-12:27:40.173:  IOCTL = 1\n");
}

TEST(Prefix, PutsTheSequenceNumberBehindTheTime) {
    Described event;
    event.trace_message().say("IOCTL = 1");
    EXPECT_EQ(line(event, kDefaultPrefix, true),
              "[0]0AF4.0C64::10/23/2003-12:27:40.173 00004ea4 [tracedrv]IOCTL = 1\n");
    EXPECT_EQ(line(event, "%1 ", true), "tracedrv  00004ea4IOCTL = 1\n");
}

TEST(Prefix, KeepsPercentSigns) {
    Described event;
    EXPECT_EQ(line(event, "100%% "), "100% Event\n");
}

TEST(Prefix, RefusesWhatItDoesNotKnow) {
    for (const char* text :
         {"%", "%0", "%10", "%x", "%8!", "%8!04", "%8!y!", "%!NOPE!", "%!FUNC"}) {
        const auto compiled = Prefix::compile(text, false);
        ASSERT_FALSE(compiled) << text;
        EXPECT_EQ(compiled.error().code, Code::kInvalidParameter);
    }
    EXPECT_EQ(Prefix::compile("ab%x", false).error().where, 2u);
}

}  // namespace
}  // namespace etw::render
