#include "cli/provider_list.h"

#include "support/temp_folder.h"

#include <gmock/gmock.h>

namespace etw::cli {
namespace {

using session::ProviderEnable;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kFirst[] = "d58c126f-b309-11d1-969e-0000f875a5bc";
constexpr char kSecond[] = "dab01d4d-2d48-477d-b1c3-daad0ce6f06b";
const session::ProviderEnable kDefaults = [] {
    session::ProviderEnable out;
    out.level = 4;
    out.match_any_keyword = 0xF;
    out.match_all_keyword = 0x3;
    return out;
}();

ProviderEnable provider(const char* guid, uint8_t level, uint64_t any, uint64_t all = 3) {
    ProviderEnable out;
    out.guid = *parse_guid(guid);
    out.level = level;
    out.match_any_keyword = any;
    out.match_all_keyword = all;
    return out;
}

struct Line {
    const char* text;
    uint8_t level;
    uint64_t any;
};
void PrintTo(const Line& line, std::ostream* out) { *out << line.text; }
class ProviderLine : public testing::TestWithParam<Line> {};

TEST_P(ProviderLine, GivesTheProviderWithItsOwnValuesOrTheDefaults) {
    const auto list = parse_provider_file(GetParam().text, "p", kDefaults);
    EXPECT_THAT(list.providers, ElementsAre(provider(kFirst, GetParam().level, GetParam().any)));
    EXPECT_THAT(list.notes, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Forms, ProviderLine,
    testing::Values(Line{"d58c126f-b309-11d1-969e-0000f875a5bc", 4, 0xF},
                    Line{"{D58C126F-B309-11D1-969E-0000F875A5BC}\r\n", 4, 0xF},
                    Line{"d58c126f-b309-11d1-969e-0000f875a5bc  My friendly name", 4, 0xF},
                    Line{"\t d58c126f-b309-11d1-969e-0000f875a5bc\tName\n", 4, 0xF},
                    Line{"d58c126f-b309-11d1-969e-0000f875a5bc;0xFFFFFFFF;5", 5, 0xFFFFFFFF},
                    Line{"d58c126f-b309-11d1-969e-0000f875a5bc ; 2 ; 0xFFFF", 255, 2},
                    Line{"d58c126f-b309-11d1-969e-0000f875a5bc;;5", 5, 0xF},
                    Line{"d58c126f-b309-11d1-969e-0000f875a5bc;0;", 4, 0},
                    Line{"d58c126f-b309-11d1-969e-0000f875a5bc;7;1;a comment", 1, 7},
                    Line{"D58C126F,B309,11D1,969E,0000F875A5BC", 4, 0xF},
                    Line{"d58c126f,b309,11d1,96,9e,00,00,f8,75,a5,bc;1;2", 2, 1}));

TEST(ProviderFile, SkipsCommentsAndBlankLinesSilently) {
    const auto list = parse_provider_file(
        "; d58c126f-b309-11d1-969e-0000f875a5bc\n\n   \n"
        "d58c126f-b309-11d1-969e-0000f875a5bc\n"
        "dab01d4d-2d48-477d-b1c3-daad0ce6f06b;1;1",
        "p", {});
    EXPECT_THAT(list.providers, ElementsAre(provider(kFirst, 0, 0, 0), provider(kSecond, 1, 1, 0)));
    EXPECT_THAT(list.notes, IsEmpty());
}

TEST(ProviderFile, ReportsEachLineThatItCannotRead) {
    const auto list = parse_provider_file(
        "name d58c126f-b309-11d1-969e-0000f875a5bc\n"
        "d58c126f-b309-11d1-969e-0000f875a5bc;x;1\n"
        "d58c126f-b309-11d1-969e-0000f875a5bc;1;-1\n"
        "d58c126f,b309,11d1\n",
        "my.ctl", {});
    EXPECT_THAT(list.providers, IsEmpty());
    EXPECT_THAT(list.notes, ElementsAre(HasSubstr("my.ctl:1:"), HasSubstr("my.ctl:2:"),
                                        HasSubstr("my.ctl:3:"), HasSubstr("my.ctl:4:")));
}

TEST(ProviderFile, TheLastMentionOfAProviderCounts) {
    const auto list = parse_provider_file(
        "d58c126f-b309-11d1-969e-0000f875a5bc;1;1\n"
        "d58c126f-b309-11d1-969e-0000f875a5bc;2;2\n",
        "p", {});
    EXPECT_THAT(list.providers, ElementsAre(provider(kFirst, 2, 2, 0)));
}

class Resolve : public testing::Test {
protected:
    etw::test::TempFolder folder_;
};

TEST_F(Resolve, EveryFormOfAGuid) {
    for (const char* form :
         {"#d58c126f-b309-11d1-969e-0000f875a5bc", "d58c126f-b309-11d1-969e-0000f875a5bc",
          "{D58C126F-B309-11D1-969E-0000F875A5BC}", "#{d58c126f-b309-11d1-969e-0000f875a5bc}"}) {
        const auto list = resolve_providers({form}, kDefaults);
        ASSERT_TRUE(list) << form;
        EXPECT_THAT(list->providers, ElementsAre(provider(kFirst, 4, 0xF)));
    }
}

TEST_F(Resolve, T27NamesWithAndWithoutTheStar) {
    for (const char* form : {"*MyCompany.MyComponent", "MyCompany.MyComponent"}) {
        const auto list = resolve_providers({form}, {});
        ASSERT_TRUE(list) << form;
        EXPECT_THAT(list->providers,
                    ElementsAre(provider("ce5fa4ea-ab00-5402-8b76-9f76ac858fb5", 0, 0, 0)));
    }
}

TEST_F(Resolve, ProbesOfAProgramKeepTheirNameWithAnAbsolutePath) {
    const auto list = resolve_providers({"usdt:/opt/x/../a.so:lib"}, kDefaults);
    ASSERT_TRUE(list);
    ASSERT_EQ(list->providers.size(), 1u);
    const auto file =
        std::filesystem::absolute("/opt/a.so");  // with its drive, where there are any
    const std::string name = "usdt:" + file.lexically_normal().string() + ":lib";
    EXPECT_EQ(list->providers[0].name, name);
    EXPECT_EQ(list->providers[0].guid, guid_from_name(name));
    EXPECT_EQ(list->providers[0].level, 4);
    const auto relative = resolve_providers({"usdt:a.so:lib"}, {});
    ASSERT_TRUE(relative);
    EXPECT_EQ(relative->providers[0].name,
              "usdt:" + (std::filesystem::current_path() / "a.so").string() + ":lib");
    for (const char* bad : {"usdt:", "usdt:/a.so", "usdt::x", "usdt:/a.so:"}) {
        EXPECT_FALSE(resolve_providers({bad}, {})) << bad;
    }
}

TEST_F(Resolve, AFileThatExistsIsRead) {
    const auto list = resolve_providers(
        {folder_.write("any.extension", std::string(kFirst) + "\nwhat?\n"), kSecond}, {});
    ASSERT_TRUE(list);
    EXPECT_THAT(list->providers,
                ElementsAre(provider(kFirst, 0, 0, 0), provider(kSecond, 0, 0, 0)));
    EXPECT_THAT(list->notes, ElementsAre(HasSubstr("any.extension:2:")));
}

TEST_F(Resolve, FilesOfWindowsEditorsAreRead) {
    std::string wide = "\xFF\xFE";
    for (const char* c = kFirst; *c; ++c) wide += std::string{*c, '\0'};
    for (const std::string& text : {wide, "\xEF\xBB\xBF" + std::string(kFirst)}) {
        const auto list = resolve_providers({folder_.write("bom.guid", text)}, {});
        ASSERT_TRUE(list) << list.error().detail;
        EXPECT_THAT(list->providers, ElementsAre(provider(kFirst, 0, 0, 0)));
    }
}

TEST_F(Resolve, WhatGivesNoProviderFails) {
    const auto code = [&](const std::string& source) {
        const auto list = resolve_providers({source}, {});
        return list ? Code::kOk : list.error().code;
    };
    EXPECT_EQ(code("#notaguid"), Code::kInvalidParameter);
    for (const char* mistyped :
         {"d58c126f-b309-11d1-969e-0000f875a5b", "d58c126f-b309-11d1-969e0000f875a5bc",
          "{d58c126f-b309-11d1-969e-0000f875a5bc", "d58c126f-b309-11d1-969e-0000f875a5bc}"}) {
        EXPECT_EQ(code(mistyped), Code::kInvalidParameter) << mistyped;
    }
    EXPECT_EQ(code("feed-bead-dad"), Code::kOk) << "a name";
    EXPECT_EQ(code("missing.guid"), Code::kFileNotFound);
    EXPECT_EQ(code("missing.CTL"), Code::kFileNotFound);
    EXPECT_EQ(code("missing.txt"), Code::kFileNotFound);
    EXPECT_EQ(code("./missing"), Code::kFileNotFound);
    EXPECT_EQ(code("*"), Code::kFileNotFound);
    EXPECT_EQ(code(folder_.path()), Code::kInvalidParameter);
    EXPECT_EQ(code(folder_.write("empty.guid", "")), Code::kInvalidParameter);
    EXPECT_EQ(code(folder_.write("comments.guid", "; nothing\n")), Code::kInvalidParameter);
    EXPECT_EQ(code(folder_.write("large.guid", std::string((1 << 20) + 1, ';'))),
              Code::kInvalidParameter);
}

}  // namespace
}  // namespace etw::cli
