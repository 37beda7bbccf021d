#include "decode/kernel_table.h"

#include "decode/layout.h"

#include <gtest/gtest.h>

#include <set>

namespace etw::decode {
namespace {

TEST(KernelTable, LayoutsCompileForBothPointerSizes) {
    for (const KernelLayout& layout : kernel_layouts()) {
        for (const bool is_64_bit : {false, true}) {
            const Program program = compile_layout(layout.fields, is_64_bit);
            EXPECT_EQ(program.fields.empty(), layout.fields.empty());
        }
    }
    for (const KernelEvent& event : kernel_events()) {
        for (const bool is_64_bit : {false, true}) compile_layout(event.fields, is_64_bit);
    }
}

TEST(KernelTable, HooksAreListedOnceAndBelongToAClass) {
    std::set<uint16_t> seen;
    std::set<uint8_t> groups;
    for (const KernelClass& c : kernel_classes()) EXPECT_TRUE(groups.insert(c.group).second);
    for (const KernelHook& hook : kernel_hooks()) {
        EXPECT_TRUE(seen.insert(hook.id).second) << std::hex << hook.id;
        EXPECT_EQ(groups.count(uint8_t(hook.id >> 8)), 1u) << std::hex << hook.id;
    }
}

TEST(KernelTable, EveryFamilyOfAHookHasALayout) {
    std::set<Family> described{Family::kNone};
    for (const KernelLayout& layout : kernel_layouts()) described.insert(layout.family);
    for (const KernelHook& hook : kernel_hooks()) {
        EXPECT_EQ(described.count(hook.family), 1u) << std::hex << hook.id;
    }
}

TEST(KernelTable, FieldNamesAreUniqueInTheirLayout) {
    const auto check = [](std::string_view fields) {
        std::set<std::string_view> names;
        for (const Field& field : compile_layout(fields, true).fields) {
            if (Type(field.type) == Type::kSkip) continue;
            EXPECT_TRUE(names.insert(field.name).second) << field.name;
        }
    };
    for (const KernelLayout& layout : kernel_layouts()) check(layout.fields);
    for (const KernelEvent& event : kernel_events()) check(event.fields);
}

}  // namespace
}  // namespace etw::decode
