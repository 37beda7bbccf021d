#include "cli/tracefmt_filter.h"

#include "../decode/event_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace etw::cli {
namespace {

using decode::test::kStartTime;  // 2003-10-23 12:27:40.173 UTC

int64_t utc(std::string_view text, bool end = false) {
    const auto moment = parse_moment("from", text, true, end);
    EXPECT_TRUE(moment) << text;
    EXPECT_FALSE(moment->relative) << text;
    return moment->ticks;
}

TEST(Moments, AreIsoTimesOrThoseThatArePrinted) {
    EXPECT_EQ(utc("2003-10-23T12:27:40.173"), kStartTime);
    EXPECT_EQ(utc("2003-10-23 12:27:40.1730000"), kStartTime);
    EXPECT_EQ(utc("10/23/2003-12:27:40.173"), kStartTime);
    EXPECT_EQ(utc("2003-10-23T12:27:40.173Z"), kStartTime);
    EXPECT_EQ(utc("2003-10-23T14:27:40.173+02:00"), kStartTime);
    EXPECT_EQ(utc("2003-10-23T04:57:40.173-0730"), kStartTime);
    EXPECT_EQ(utc("2003-10-23T12:27"), kStartTime - 401'730'000);
    EXPECT_EQ(utc("1970-01-01"), 116'444'736'000'000'000);
    EXPECT_EQ(utc("1970-01-01Z"), 116'444'736'000'000'000);
    EXPECT_EQ(utc("2000-03-01"), utc("2000-02-29") + 864'000'000'000);
}

TEST(Moments, AtTheEndIncludeTheirUnit) {
    EXPECT_EQ(utc("2003-10-23T12:27:40.173", true), kStartTime + 9'999);
    EXPECT_EQ(utc("2003-10-23T12:27:40", true), kStartTime - 1'730'000 + 9'999'999);
    EXPECT_EQ(utc("2003-10-22", true), utc("2003-10-23") - 1);
    EXPECT_EQ(utc("2003-10-23T12:27:40.1730000", true), kStartTime);
}

TEST(Moments, AreSecondsFromTheFirstEvent) {
    for (const char* text : {"1.5", "+1.5"}) {
        const auto moment = parse_moment("from", text, false, true);
        ASSERT_TRUE(moment);
        EXPECT_TRUE(moment->relative);
        EXPECT_EQ(moment->ticks, 15'000'000);
    }
    EXPECT_EQ(parse_moment("from", "0", false, false)->ticks, 0);
}

TEST(Moments, KnowLeapYears) {
    const auto day = parse_moment("from", "2004-02-29", true, false);
    const auto next = parse_moment("from", "2004-03-01", true, false);
    ASSERT_TRUE(day && next);
    EXPECT_EQ(next->ticks - day->ticks, 864'000'000'000);
}

TEST(Moments, AreNothingElse) {
    for (const char* text : {"", "yesterday", "2003", "2003-13-01", "2003-10-23T25:00:00",
                             "2003-02-29", "2003-04-31", "-1", "1.", "1e5", "2003-10-23T12:27:40.",
                             "2003-10-23x", "99999999999999999999", "2003-10-23T12:27:40+2"}) {
        const auto moment = parse_moment("to", text, true, false);
        if (std::string_view(text) == "2003") continue;  // seconds
        ASSERT_FALSE(moment) << text;
        EXPECT_THAT(moment.error().message, testing::HasSubstr("-to")) << text;
    }
}

TEST(Filters, TakeListsAndRepeatedOptions) {
    FilterWords words;
    words.processes = {"42;0x10", "note*.exe"};
    words.providers = {"{11223344-5566-7788-0102-030405060708};Contoso"};
    words.ids = {"5-7;100"};
    words.events = {"a;;b"};
    words.level = "info";
    const auto filter = parse_filters(words, true);
    ASSERT_TRUE(filter) << filter.error().message;
    EXPECT_EQ(filter->processes, (std::vector<uint32_t>{42, 16}));
    EXPECT_EQ(filter->process_names, std::vector<std::string>{"note*.exe"});
    EXPECT_EQ(filter->providers, std::vector<Guid>{decode::test::kProvider});
    EXPECT_EQ(filter->provider_names, std::vector<std::string>{"Contoso"});
    ASSERT_EQ(filter->ids.size(), 2u);
    EXPECT_EQ(filter->ids[0].first, 5);
    EXPECT_EQ(filter->ids[0].last, 7);
    EXPECT_EQ(filter->events, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(filter->level, 4);
    EXPECT_TRUE(parse_filters({}, true)->empty());
}

TEST(Filters, RefuseWhatCannotBeMeant) {
    for (const char* id : {"x", "7-5", "70000", "5-", "-5"}) {
        FilterWords words;
        words.ids = {id};
        EXPECT_FALSE(parse_filters(words, true)) << id;
    }
    FilterWords words;
    words.level = "256";
    EXPECT_FALSE(parse_filters(words, true));
    words.level = "";
    words.from = "2";
    words.to = "1";
    EXPECT_FALSE(parse_filters(words, true));
}

}  // namespace
}  // namespace etw::cli
