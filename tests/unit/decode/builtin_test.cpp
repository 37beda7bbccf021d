#include "decode/builtin_providers.h"
#include "decode/compile_event.h"
#include "decode/windows_events.h"
#include "etw/decoder.h"
#include "event_builder.h"

#include <gtest/gtest.h>

#include <set>

namespace etw::decode {
namespace {

constexpr Guid kNtfs{0x3ff37a1c, 0xa68d, 0x4d6e, {0x8c, 0x9b, 0xf7, 0x9e, 0x8b, 0x16, 0xc4, 0x82}};

TEST(BuiltinProviders, AreReadableForBothPointerSizes) {
    for (const BuiltinProvider& provider : builtin_providers()) {
        const ProviderModel model = parse_builtin(provider);
        EXPECT_FALSE(model.events.empty()) << provider.name;
        std::set<std::pair<uint16_t, uint8_t>> seen;
        for (const EventModel& event : model.events) {
            EXPECT_TRUE(seen.insert({event.id, event.version}).second) << provider.name << event.id;
            EXPECT_FALSE(event.task.empty()) << provider.name << event.id;
            for (const bool is_64_bit : {false, true}) {
                EXPECT_EQ(compile_event(event, is_64_bit).error, nullptr)
                    << provider.name << ' ' << event.id;
            }
        }
    }
}

// Other than ours these may have events without a name, whose number is all that is known.
TEST(WindowsProviders, AreReadableForBothPointerSizes) {
    std::set<Guid> providers;
    for (const BuiltinProvider& provider : windows_providers()) {
        providers.insert(provider.guid);
        const ProviderModel model = parse_builtin(provider);
        EXPECT_FALSE(model.events.empty()) << provider.name;
        for (const EventModel& event : model.events) {
            for (const bool is_64_bit : {false, true}) {
                const char* const error = compile_event(event, is_64_bit).error;
                EXPECT_EQ(error, nullptr)
                    << provider.name << ' ' << event.id << ": " << (error ? error : "");
            }
        }
    }
    EXPECT_GT(providers.size(), 900u);
}

TEST(WindowsProviders, AreFoundByProviderIdAndVersion) {
    WindowsProviders providers;
    const auto found = providers.find(kNtfs, 1, 0);
    ASSERT_NE(found.event, nullptr);
    EXPECT_EQ(*found.provider, "Microsoft-Windows-Ntfs");
    EXPECT_EQ(found.event->task, "Rundown");
    EXPECT_EQ(found.event->opcode, "Start");
    EXPECT_EQ(providers.find(kNtfs, 1, 0).event, found.event);
    EXPECT_EQ(providers.find(kNtfs, 65000, 0).event, nullptr);
    EXPECT_EQ(providers.find(Guid{}, 1, 0).provider, nullptr);
}

TEST(WindowsProviders, DescribeEventsThatNothingElseDescribes) {
    etl::Record record = test::event_record({}, {});
    record.provider = kNtfs;
    record.descriptor = {};
    record.descriptor.id = 2;
    Event event;
    Decoder with_catalog(std::make_shared<Catalog>());
    with_catalog.decode(record, event);
    EXPECT_EQ(event.outcome, Outcome::kDecoded);
    EXPECT_EQ(event.provider, "Microsoft-Windows-Ntfs");
    EXPECT_EQ(event.name, "Rundown");
    Decoder without;
    without.decode(record, event);
    EXPECT_EQ(event.outcome, Outcome::kUnknown);
}

TEST(BuiltinProviders, HaveFieldsMapsAndStructs) {
    constexpr const char* kText =
        "map Kind: 0=Small 1=Large~or~huge\n"
        "1.0 GC/Start, 2.1 Stop: Count:u16 Kind:u32=Kind Values[Count]{Size:ptr}\n"
        "  Stack:ptr[]\n"
        "3.0 Nothing:\n"
        "4.0: Size:u16 Text:wchars[Size] Mark:chars[2]\n";
    const ProviderModel model = parse_builtin({{}, "P", kText});
    ASSERT_EQ(model.events.size(), 4u);
    EXPECT_EQ(model.events[0].task, "GC");
    EXPECT_EQ(model.events[0].opcode, "Start");
    EXPECT_EQ(model.events[1].id, 2);
    EXPECT_EQ(model.events[1].version, 1);
    EXPECT_EQ(model.events[2].fields, nullptr);
    const auto& fields = model.events[0].fields->fields;
    ASSERT_EQ(fields.size(), 5u);
    EXPECT_EQ(fields[1].map->names[1].second, "Large or huge");
    EXPECT_TRUE(fields[2].is_struct);
    EXPECT_EQ(fields[2].end, 4);
    EXPECT_EQ(fields[2].count.value, 0);
    EXPECT_EQ(fields[4].count.kind, Amount::Kind::kToEnd);
    EXPECT_TRUE(model.events[3].task.empty());
    const auto& texts = model.events[3].fields->fields;
    EXPECT_EQ(texts[1].length.kind, Amount::Kind::kField);
    EXPECT_EQ(texts[1].count.kind, Amount::Kind::kNone);
    EXPECT_EQ(texts[2].length.value, 2);
}

}  // namespace
}  // namespace etw::decode
