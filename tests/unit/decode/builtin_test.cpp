#include "decode/builtin_providers.h"
#include "decode/compile_event.h"

#include <gtest/gtest.h>

#include <set>

namespace etw::decode {
namespace {

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

TEST(BuiltinProviders, HaveFieldsMapsAndStructs) {
    constexpr const char* kText =
        "map Kind: 0=Small 1=Large\n"
        "1.0 GC/Start, 2.1 Stop: Count:u16 Kind:u32=Kind Values[Count]{Size:ptr}\n"
        "  Stack:ptr[]\n"
        "3.0 Nothing:\n";
    const ProviderModel model = parse_builtin({{}, "P", kText});
    ASSERT_EQ(model.events.size(), 3u);
    EXPECT_EQ(model.events[0].task, "GC");
    EXPECT_EQ(model.events[0].opcode, "Start");
    EXPECT_EQ(model.events[1].id, 2);
    EXPECT_EQ(model.events[1].version, 1);
    EXPECT_EQ(model.events[2].fields, nullptr);
    const auto& fields = model.events[0].fields->fields;
    ASSERT_EQ(fields.size(), 5u);
    EXPECT_EQ(fields[1].map->names[1].second, "Large");
    EXPECT_TRUE(fields[2].is_struct);
    EXPECT_EQ(fields[2].end, 4);
    EXPECT_EQ(fields[2].count.value, 0);
    EXPECT_EQ(fields[4].count.kind, Amount::Kind::kToEnd);
}

}  // namespace
}  // namespace etw::decode
