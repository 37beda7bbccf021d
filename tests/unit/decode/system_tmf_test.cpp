// share/system.tmf says in TMF what kernel_table.cpp says: the classes of the kernel's events, the
// newest layout of each. After a change of the table ETW_UPDATE_SYSTEM_TMF=1 writes it anew.
#include "decode/kernel_table.h"
#include "tmf/tmf_reader.h"
#include "tmf/tmf_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

namespace etw::decode {
namespace {

struct Item {
    std::string_view word;  // of a kernel layout
    const char* type;
    const char* conversion;
};
constexpr Item kItems[] = {
    {"u8", "ItemUChar", "u"},
    {"i8", "ItemChar", "d"},
    {"u16", "ItemUShort", "u"},
    {"i16", "ItemShort", "d"},
    {"u32", "ItemULong", "u"},
    {"i32", "ItemLong", "d"},
    {"u64", "ItemULongLong", "I64u"},
    {"i64", "ItemLongLong", "I64d"},
    {"x32", "ItemULongX", "x"},
    {"x64", "ItemLongLongX", "I64x"},
    {"ptr", "ItemPtr", "p"},
    {"uptr", "ItemPtr", "p"},
    {"status", "ItemNTSTATUS", "s"},
    {"guid", "ItemGuid", "s"},
    {"filetime", "ItemTimestamp", "s"},
    {"str", "ItemString", "s"},
    {"wstr", "ItemWString", "s"},
    {"sid", "ItemSid", "s"},
    {"ip4", "ItemIPAddr", "s"},
    {"ip6", "ItemIPV6Addr", "s"},
    {"port", "ItemPort", "s"},
};

// The fields up to the first that no item stands for: a text in a fixed space, an array.
void add_fields(std::string_view fields, tmf::MessageFormat& out) {
    out.text = "%0";
    while (!fields.empty()) {
        const size_t blank = std::min(fields.find(' '), fields.size());
        const std::string_view field = fields.substr(0, blank);
        fields.remove_prefix(std::min(blank + 1, fields.size()));
        const size_t colon = field.find(':');
        std::string_view word = field.substr(colon + 1);
        if (word.ends_with('?')) word.remove_suffix(1);
        const auto item = std::find_if(std::begin(kItems), std::end(kItems),
                                       [&](const Item& i) { return i.word == word; });
        if (item == std::end(kItems)) return;
        const auto index = uint16_t(tmf::kFirstArgument + out.arguments.size());
        const std::string name(field.substr(0, colon));
        if (!out.arguments.empty()) out.text += ' ';
        out.text += name + "=%" + std::to_string(index) + "!" + item->conversion + "!";
        out.arguments.push_back({name, item->type, "", {}, index});
    }
}

std::string system_tmf() {
    constexpr uint16_t kImageLoad = 0x030A;  // logged in the group of processes
    tmf::MessageSet all;
    for (const KernelHook& hook : kernel_hooks()) {
        const auto group = hook.id == kImageLoad ? kGroupImage : uint8_t(hook.id >> 8);
        const auto classes = kernel_classes();
        const auto its = std::find_if(classes.begin(), classes.end(),
                                      [&](const KernelClass& c) { return c.group == group; });
        if (its == classes.end()) continue;
        const KernelLayout* newest = nullptr;
        for (const KernelLayout& layout : kernel_layouts()) {
            if (layout.family == hook.family) newest = &layout;
        }
        tmf::MessageFormat format;
        format.guid = its->guid;
        format.component = its->name;
        format.number = uint8_t(hook.id);
        format.name = hook.name;
        add_fields(newest != nullptr ? newest->fields : std::string_view(), format);
        all.add(std::move(format));
    }
    std::string text = tmf::tmf_text({"the kernel's event classes", 0, "openetw"}, all);
    return text.substr(text.find('\n', text.find('\n') + 1) + 1);  // without name and time
}

TEST(SystemTmf, AgreesWithTheKernelTable) {
    const std::string path = ETW_SYSTEM_TMF;
    constexpr const char* kHead =
        "// Trace message formats of the kernel's event classes, newest layouts, for tools that\n"
        "// want them as TMF; tracefmt decodes these events by itself. Made by the test that\n"
        "// compares this file with lib/decode/kernel_table.cpp.\n";
    const std::string wanted = kHead + system_tmf();
    if (std::getenv("ETW_UPDATE_SYSTEM_TMF") != nullptr) std::ofstream(path) << wanted;
    std::ifstream file(path);
    std::stringstream there;
    there << file.rdbuf();
    EXPECT_EQ(there.str(), wanted) << "run again with ETW_UPDATE_SYSTEM_TMF=1";
}

TEST(SystemTmf, IsReadWhole) {
    const auto read = tmf::read_tmf_file(ETW_SYSTEM_TMF);
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->skipped.empty());
    EXPECT_GT(read->messages.formats().size(), 100u);
}

}  // namespace
}  // namespace etw::decode
