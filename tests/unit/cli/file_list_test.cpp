#include "cli/file_list.h"

#include "cli/symbol_path.h"
#include "cli/tracepdb.h"
#include "support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace etw::cli {
namespace {

using test::native;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(FileList, IsSplitAtSemicolons) {
    EXPECT_THAT(split_list("a.pdb; \"b c.pdb\" ;;d"), ElementsAre("a.pdb", "b c.pdb", "d"));
    EXPECT_THAT(split_list(";"), IsEmpty());
    const std::vector<std::string> lists = {"a;b", "c"};
    EXPECT_THAT(split_lists(lists), ElementsAre("a", "b", "c"));
}

class Folder : public ::testing::Test {
protected:
    Folder() {
        for (const char* file : {"b.pdb", "a.pdb", "x.sys", "sub/a.pdb", "sub/deeper/C.PDB"}) {
            folder_.write(file, "x");
        }
    }

    std::vector<std::string> expand(const std::string& element, bool recurse = false) {
        const std::vector<std::string> elements = {folder_ / element};
        auto out = expand_files(elements, "*.pdb", recurse);
        for (std::string& file : out) file = file.substr(folder_.path().size() + 1);
        return out;
    }

    test::TempFolder folder_;
};

TEST_F(Folder, PatternsFindFilesInTheirOrder) {
    EXPECT_THAT(expand("*.pdb"), ElementsAre("a.pdb", "b.pdb"));
    EXPECT_THAT(expand("?.pdb"), ElementsAre("a.pdb", "b.pdb"));
    EXPECT_THAT(expand("*.exe"), IsEmpty());
    EXPECT_THAT(expand("missing.pdb"), ElementsAre("missing.pdb"));
    EXPECT_THAT(expand("sub"), ElementsAre(native("sub/a.pdb")));
}

TEST_F(Folder, AreSearchedBelowWhereThatIsAskedFor) {
    EXPECT_THAT(expand("*.pdb", true),
                ElementsAre("a.pdb", "b.pdb", native("sub/a.pdb"), native("sub/deeper/C.PDB")));
    EXPECT_THAT(expand("a.pdb", true), ElementsAre("a.pdb", native("sub/a.pdb")));
    EXPECT_THAT(expand("missing.pdb", true), IsEmpty());
}

TEST_F(Folder, AFileIsListedOnce) {
    const std::vector<std::string> elements = {folder_ / "a.pdb", folder_ / "*.pdb"};
    EXPECT_EQ(expand_files(elements, "*.pdb", false).size(), 2u);
}

TEST_F(Folder, SymbolPathsNameFoldersAndStores) {
    const auto folders = [](const std::string& text) { return SymbolPath(text).folders(); };
    EXPECT_THAT(folders("/a;/b"), ElementsAre("/a", "/b"));
    EXPECT_THAT(folders("srv*/cache*https://example.com/symbols"), ElementsAre("/cache"));
    EXPECT_THAT(folders("SRV*https://example.com"), IsEmpty());
    EXPECT_THAT(folders("symsrv*symsrv.dll*/one*/two"), ElementsAre("/one", "/two"));
    EXPECT_THAT(folders("cache*/c;https://example.com"), ElementsAre("/c"));
    EXPECT_THAT(folders(folder_ / "s*"), ElementsAre(native(folder_ / "sub")));
    EXPECT_THAT(folders(""), IsEmpty());
}

Result<TracepdbOptions, UsageError> parse_words(std::vector<std::string> words) {
    std::vector<char*> args;
    for (std::string& word : words) args.push_back(word.data());
    return parse_tracepdb(args);
}

TEST(TracepdbLine, HasEveryOptionInAnyCaseAndWithASlash) {
    const auto o = parse_words({"-F", "a.pdb;b.pdb", "/s", "-p", "out", "-i", "a.sys", "-r", "syms",
                                "-o", "all.tmf", "-c", "-v", "-json"});
    ASSERT_TRUE(o);
    EXPECT_THAT(o->files, ElementsAre("a.pdb;b.pdb"));
    EXPECT_THAT(o->images, ElementsAre("a.sys"));
    EXPECT_EQ(o->folder, "out");
    EXPECT_EQ(o->symbols, "syms");
    EXPECT_EQ(o->combined, "all.tmf");
    EXPECT_TRUE(o->recurse && o->control_files && o->verbose && o->json);
}

TEST(TracepdbLine, TakesNamesOfBrackets) {
    const auto o = parse_words({"-f", "[a,b]", "-f", "[]", "-o", "[c]"});
    ASSERT_TRUE(o);
    EXPECT_THAT(o->files, ElementsAre("[a,b]", "[]"));
    EXPECT_EQ(o->combined, "[c]");
}

TEST(TracepdbLine, TakesRWithoutAValue) {
    const auto o = parse_words({"-i", "a.sys", "-r", "-v"});
    ASSERT_TRUE(o);
    EXPECT_TRUE(split_list(o->symbols).empty());
    EXPECT_TRUE(o->verbose);
}

TEST(TracepdbLine, NamesTheOptionThatAFileIsMissing) {
    const auto o = parse_words({"a.pdb"});
    ASSERT_FALSE(o);
    EXPECT_THAT(o.error().message, testing::HasSubstr("-f a.pdb"));
}

TEST(TracepdbHelp, IsTheGoldenText) {
    EXPECT_EQ(test::read_file(ETW_GOLDEN_DIR "/tracepdb_help.txt"), kTracepdbHelp);
}

}  // namespace
}  // namespace etw::cli
