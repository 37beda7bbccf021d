// tracepdb, tracefmt and traceview as processes, over PDBs, images and logs of trace messages that
// are made here. Tests that are worked examples of the command reference carry their numbers.
#include "../decode/event_builder.h"
#include "support/pdb_builder.h"
#include "support/pe_builder.h"
#include "support/temp_folder.h"
#include "support/tool_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace etw::cli {
namespace {

using etw::test::native;
using testing::HasSubstr;
using testing::Not;
using tmf::test::ByteVector;
using tmf::test::PdbBuilder;

constexpr const char* kGuidText = "9f4c5d00-1111-2222-3333-444455556666";
constexpr const char* kControlText = "d58c126f-b309-11d1-969e-0000f875a5bc";
const std::string kGuidLine = std::string(kGuidText) + " tracedrv // SRC=tracedrv.c MJ= MN=";

PdbBuilder driver_pdb() {
    PdbBuilder pdb;
    pdb.annotation({"TMF:", kGuidLine,
                    "#typev tracedrv_c258 10 \"%0IOCTL = %10!d!\" //   LEVEL=INFO FLAGS=FLAG_ONE "
                    "FUNC=Dispatch",
                    "{", "ioctlCount, ItemLong -- 10", "}"})
        .annotation({"TMF:", kGuidLine, "#typev tracedrv_c300 11 \"%0Done %10!s!\" //", "{",
                     "name, ItemString -- 10", "}"})
        .annotation({"TMC:", kControlText, "TraceDrvGuid", "FLAG_ONE", "FLAG_TWO"});
    return pdb;
}

ByteVector message(int64_t time, uint16_t number, Bytes arguments) {
    ByteWriter out;
    const wire::MessageHeader header{uint16_t(8 + 16 + 8 + 8 + arguments.size()), 0,
                                     wire::kMarkerMessage, number, 0xAA};
    out.write(header);
    out.write(*parse_guid(kGuidText));
    out.write(time);
    out.write(uint32_t{0xC64});
    out.write(uint32_t{0xAF4});
    out.append(arguments);
    while (out.size() % 8 != 0) out.write(uint8_t{0});
    return out.take();
}

class MessageTools : public testing::Test {
protected:
    std::string text(const std::string& name) const { return folder_.read(name); }
    bool exists(const std::string& name) const { return folder_.has(name); }

    void write(const std::string& name, const ByteVector& bytes) {
        folder_.write(name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
    void write_log(const std::string& name) {
        decode::test::LogFileWriter log(folder_ / name, 4096);
        ByteWriter number;
        number.write(uint32_t{1});
        ByteWriter words;
        words.append_text(std::string_view("it\0", 3));
        log.add(decode::test::kStartRaw, message(decode::test::kStartRaw, 10, number.bytes()));
        log.add(decode::test::kStartRaw + 1000,
                message(decode::test::kStartRaw + 1000, 11, words.bytes()));
        log.finish();
    }
    void write_tmf(const std::string& name) {
        folder_.write(name, kGuidLine +
                                "\n#typev tracedrv_c258 10 \"%0IOCTL = %10!d!\" //\n{\n"
                                "ioctlCount, ItemLong -- 10\n}\n"
                                "#typev tracedrv_c300 11 \"%0Done %10!s!\" //\n{\n"
                                "name, ItemString -- 10\n}\n");
    }

    // Runs `tool arguments` in the folder; returns the exit status.
    int run(const std::string& tool, const std::string& arguments,
            const std::vector<std::string>& environment = {}) {
        std::vector<std::string> settings = environment;
        settings.emplace_back("TZ=UTC");
        const int status = etw::test::run_tool({std::string(ETW_TOOLS) + "/" + tool,
                                                arguments,
                                                folder_.path(),
                                                settings,
                                                {"_NT_SYMBOL_PATH", "TRACE_FORMAT_SEARCH_PATH"}});
        out_ = text("out");
        err_ = text("err");
        return status;
    }

    const std::string tmf_ = std::string(kGuidText) + ".tmf";
    const std::string tmc_ = std::string(kControlText) + ".tmc";
    const std::string lines_ =
        "[0]0AF4.0C64::10/23/2003-12:27:40.173 [tracedrv]IOCTL = 1\n"
        "[0]0AF4.0C64::10/23/2003-12:27:40.173 [tracedrv]Done it\n";
    etw::test::TempFolder folder_;
    std::string out_, err_;
};

// --- tracepdb ----------------------------------------------------------------------------------

TEST_F(MessageTools, P1WritesFormatsOfThePdbsInTheCurrentFolder) {
    write("tracedrv.pdb", driver_pdb().build());
    EXPECT_EQ(run("tracepdb", "-v"), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("TRACEPDB generating " + tmf_ + " for tracedrv.pdb\n"));
    EXPECT_THAT(text(tmf_), HasSubstr("// PDB:  tracedrv.pdb\n// PDB:  Last Updated :"));
    EXPECT_THAT(text(tmf_), HasSubstr(kGuidLine + "\n#typev tracedrv_c258 10 \"%0IOCTL = "
                                                  "%10!d!\" //   LEVEL=INFO FLAGS=FLAG_ONE "
                                                  "FUNC=Dispatch\n{\nioctlCount, ItemLong -- "
                                                  "10\n}\n"));
    EXPECT_THAT(text("tracedrv.mof"), HasSubstr(kControlText));
    EXPECT_FALSE(exists(tmc_));
}

TEST_F(MessageTools, P1FindsPdbsByNameListAndBelow) {
    write("drivers/ndisA.pdb", driver_pdb().build());
    write("drivers/deep/NDISB.PDB", driver_pdb().build());
    write("tracedrv.pdb", driver_pdb().build());
    EXPECT_EQ(run("tracepdb", "-f tracedrv.pdb"), 0) << err_;
    EXPECT_TRUE(exists("tracedrv.mof"));
    EXPECT_EQ(run("tracepdb", "-f 'drivers/ndis*.pdb' -s -p all/new"), 0) << err_;
    EXPECT_TRUE(exists("all/new/" + tmf_));
    EXPECT_TRUE(exists("all/new/ndisA.mof"));
    EXPECT_TRUE(exists("all/new/NDISB.mof"));
    EXPECT_EQ(run("tracepdb", "-f 'drivers/*.pdb;tracedrv.pdb' -p list"), 0) << err_;
    EXPECT_TRUE(exists("list/ndisA.mof"));
    EXPECT_TRUE(exists("list/tracedrv.mof"));
    EXPECT_FALSE(exists("list/NDISB.mof"));
}

TEST_F(MessageTools, P1FindsThePdbsOfImages) {
    const PdbBuilder pdb = driver_pdb();
    write("symbols/tracedrv.pdb", pdb.build());
    write("a.sys", tmf::test::pe_image(pdb.guid_, 3, "d:\\build\\tracedrv.pdb"));
    write("b.sys", tmf::test::pe_image(Guid{9}, 3, "d:\\build\\tracedrv.pdb"));
    EXPECT_EQ(run("tracepdb", "-i a.sys -r -v"), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("Searching for matching PDB to a.sys\n"));
    EXPECT_FALSE(exists(tmf_));
    EXPECT_EQ(run("tracepdb", "-i a.sys -r symbols -v"), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("Current Symbol Search Path = symbols\n"
                                "DBGHELP: " +
                                native("symbols/tracedrv.pdb") +
                                " - OK\n"
                                "Extracting TMF files out of found PDB files\n"));
    EXPECT_TRUE(exists(tmf_));
    EXPECT_EQ(run("tracepdb", "-i b.sys -r symbols -v -p b"), 0) << err_;
    EXPECT_THAT(out_,
                HasSubstr("DBGHELP: " + native("symbols/tracedrv.pdb") + " - mismatched pdb\n"));
    EXPECT_FALSE(exists("b/" + tmf_));
    EXPECT_EQ(run("tracepdb", "-i '*.sys;flpy*.dll' -p c", {"_NT_SYMBOL_PATH=srv*symbols"}), 0)
        << err_;
    EXPECT_TRUE(exists("c/" + tmf_));
}

TEST_F(MessageTools, AStoreOfSymbolsIsSearchedByTheIdentity) {
    const PdbBuilder pdb = driver_pdb();
    write(
        "store/tracedrv.pdb/11223344556677880102030405060708"
        "3/tracedrv.pdb",
        pdb.build());
    write("a.sys", tmf::test::pe_image(pdb.guid_, 3, "TraceDrv.pdb"));
    EXPECT_EQ(run("tracepdb", "-i a.sys -r 'srv*store*https://example.com'"), 0) << err_;
    EXPECT_TRUE(exists(tmf_));
}

TEST_F(MessageTools, TracepdbWritesOneFileOrControlFilesWhereItIsAskedTo) {
    write("tracedrv.pdb", driver_pdb().build());
    EXPECT_EQ(run("tracepdb", "-f tracedrv.pdb -o all.tmf -p x -c"), 0) << err_;
    EXPECT_THAT(text("all.tmf"), HasSubstr("tracedrv_c300"));
    EXPECT_FALSE(exists("x/" + tmf_));
    EXPECT_THAT(text("x/" + tmc_),
                HasSubstr(std::string(kControlText) + " TraceDrvGuid\nFLAG_ONE\nFLAG_TWO\n"));
}

TEST_F(MessageTools, TracepdbPutsMessagesOfAGuidTogether) {
    PdbBuilder other;
    other.annotation({"TMF:", kGuidLine, "#typev header_h7 12 \"%0in a header\" //", "{", "}"});
    write("a.pdb", driver_pdb().build());
    write("b.pdb", other.build());
    EXPECT_EQ(run("tracepdb", ""), 0) << err_;
    EXPECT_THAT(text(tmf_), HasSubstr("tracedrv_c258"));
    EXPECT_THAT(text(tmf_), HasSubstr("header_h7"));
}

TEST_F(MessageTools, TracepdbSaysWhatAPdbLacksAndWhatItCannotRead) {
    EXPECT_EQ(run("tracepdb", ""), 0);
    EXPECT_EQ(out_ + err_, "");
    EXPECT_EQ(run("tracepdb", "-v"), 0);
    EXPECT_THAT(out_, HasSubstr("no file matches *.pdb"));
    write("plain.pdb", PdbBuilder().build());
    EXPECT_EQ(run("tracepdb", ""), 0);
    EXPECT_THAT(out_, HasSubstr("no trace messages in plain.pdb"));
    EXPECT_FALSE(exists("plain.mof"));
    EXPECT_EQ(run("tracepdb", "-f missing.pdb"), 1);
    EXPECT_THAT(err_, HasSubstr("tracepdb: missing.pdb: "));
    folder_.write("text.pdb", "text");
    EXPECT_EQ(run("tracepdb", "-f text.pdb"), 1);
    EXPECT_THAT(err_, HasSubstr("neither a PDB file nor an ELF binary"));
    EXPECT_EQ(run("tracepdb", "text.pdb"), 2);
    write("good.pdb", driver_pdb().build());
    EXPECT_EQ(run("tracepdb", "-f good.pdb -p text.pdb"), 1);
}

TEST_F(MessageTools, TracepdbTellsItInJson) {
    write("tracedrv.pdb", driver_pdb().build());
    EXPECT_EQ(run("tracepdb", "-json"), 0) << err_;
    const auto json = nlohmann::json::parse(out_);
    EXPECT_EQ(json["sources"][0]["file"], "tracedrv.pdb");
    EXPECT_EQ(json["sources"][0]["messages"], 2);
    EXPECT_EQ(json["sources"][0]["controls"][0]["flags"][1], "FLAG_TWO");
    EXPECT_EQ(json["written"][0], tmf_);
}

TEST_F(MessageTools, V2TraceviewWritesControlFilesToo) {
    write("tracedrv.pdb", driver_pdb().build());
    EXPECT_EQ(run("traceview", "-parsepdb tracedrv.pdb"), 0) << err_;
    EXPECT_TRUE(exists(tmf_));
    EXPECT_TRUE(exists(tmc_));
    EXPECT_EQ(run("traceview", "-parsepdb tracedrv.pdb -p tmfs"), 0) << err_;
    EXPECT_TRUE(exists("tmfs/" + tmf_));
    EXPECT_TRUE(exists("tmfs/" + tmc_));
}

// --- tracefmt ----------------------------------------------------------------------------------

TEST_F(MessageTools, F2FindsFormatsInAFolder) {
    write_log("mytrace.etl");
    write_tmf("tmfs/" + tmf_);
    EXPECT_EQ(run("tracefmt", "mytrace.etl -p tmfs -o mytrace.txt"), 0) << err_;
    EXPECT_THAT(text("mytrace.txt"), HasSubstr(lines_));
    EXPECT_THAT(out_, HasSubstr("Setting log file to: mytrace.etl\n"
                                "Searching for TMF files on path: tmfs\n"
                                "Logfile mytrace.etl:\n"));
    EXPECT_THAT(out_, HasSubstr("Unknowns: 0\n"));
    EXPECT_TRUE(exists("mytrace.txt.sum"));
}

TEST_F(MessageTools, F3GivesTheSameTextFromAFileAFolderAndTheEnvironment) {
    write_log("mytrace.etl");
    write_tmf("tmfs/" + tmf_);
    write_tmf("any.tmf");
    EXPECT_EQ(run("tracefmt", "mytrace.etl -tmf any.tmf -o a.txt"), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("Examining any.tmf for message formats,  2 found.\n"
                                "Searching for TMF files on path: (null)\n"));
    EXPECT_EQ(run("tracefmt", "mytrace.etl -p tmfs -o b.txt"), 0) << err_;
    EXPECT_EQ(run("tracefmt", "mytrace.etl -o c.txt", {"TRACE_FORMAT_SEARCH_PATH=none;tmfs"}), 0);
    EXPECT_THAT(out_, HasSubstr("Searching for TMF files on path: none;tmfs\n"));
    EXPECT_THAT(text("a.txt"), HasSubstr(lines_));
    EXPECT_EQ(text("a.txt"), text("b.txt"));
    EXPECT_EQ(text("a.txt"), text("c.txt"));
    write_tmf("default.tmf");
    EXPECT_EQ(run("tracefmt", "mytrace.etl -o d.txt"), 0) << err_;
    EXPECT_EQ(text("a.txt"), text("d.txt"));
}

TEST_F(MessageTools, F3ShowsWhatHasNoFormatWithTheFileThatIsMissing) {
    write_log("mytrace.etl");
    EXPECT_EQ(run("tracefmt", "mytrace.etl -p tmfs -displayonly -noprefix"), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("Unknown( 10): GUID=" + std::string(kGuidText) +
                                " (No Format Information found). no " + tmf_ +
                                " in tmfs payload=0x01000000\n"));
    EXPECT_THAT(err_, HasSubstr("Unknowns: 2\n"));
    EXPECT_EQ(run("tracefmt", "mytrace.etl -displayonly -skipTmfWpp"), 0) << err_;
    EXPECT_THAT(out_, Not(HasSubstr("Unknown")));
    EXPECT_THAT(err_, HasSubstr("Unknowns: 0\n"));
}

TEST_F(MessageTools, F6AcceptsTheFormatsOfTheSystemThatComeWithTheTools) {
    write_log("mytrace.etl");
    EXPECT_EQ(run("tracefmt", "mytrace.etl -tmf system.tmf -o a.txt"), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("system.tmf for message formats,"));
    EXPECT_EQ(err_, "");
}

TEST_F(MessageTools, F9MakesFormatsOfAnImageAndUsesThem) {
    write_log("mytrace.etl");
    const PdbBuilder pdb = driver_pdb();
    write("sym/tracedrv.pdb", pdb.build());
    write("bin/tracedrv.sys", tmf::test::pe_image(pdb.guid_, 3, "d:\\build\\tracedrv.pdb"));
    EXPECT_EQ(run("tracefmt", "mytrace.etl -i bin/tracedrv.sys -r sym -p tmfs -o x1.txt"), 0)
        << err_;
    EXPECT_THAT(text("x1.txt"), HasSubstr(lines_));
    EXPECT_TRUE(exists("tmfs/" + tmf_));
    EXPECT_THAT(out_, HasSubstr("Searching for TMF files on path: tmfs\n"
                                "Searching for matching PDB to bin/tracedrv.sys\n"
                                "Current Symbol Search Path = sym\n"
                                "DBGHELP: " +
                                native("sym/tracedrv.pdb") +
                                " - OK\n"
                                "Extracting TMF files out of found PDB files\n"));
    EXPECT_THAT(out_,
                HasSubstr("tracefmt : info BNP0000: WPPFMT generating " + native("tmfs/" + tmf_) +
                          " for " + native("sym/tracedrv.pdb") + "\n"));
}

TEST_F(MessageTools, TracefmtReadsPdbsDirectly) {
    write_log("mytrace.etl");
    write("tracedrv.pdb", driver_pdb().build());
    EXPECT_EQ(run("tracefmt", "mytrace.etl -pdb 'other*.pdb;trace*.pdb' -o a.txt"), 0) << err_;
    EXPECT_THAT(text("a.txt"), HasSubstr(lines_));
    EXPECT_FALSE(exists(tmf_));
}

TEST_F(MessageTools, TracefmtNamesWhatItCannotUse) {
    write_log("mytrace.etl");
    std::filesystem::create_directory(folder_ / "folder");
    EXPECT_EQ(run("tracefmt", "mytrace.etl -tmf missing.tmf"), 1);
    EXPECT_THAT(err_, HasSubstr("tracefmt: missing.tmf: "));
    EXPECT_EQ(run("tracefmt", "mytrace.etl -tmf folder"), 1);
    EXPECT_THAT(err_, HasSubstr("name it with -p"));
    folder_.write("odd.tmf", "one\ntwo\nthree\nfour\n");
    EXPECT_EQ(run("tracefmt", "mytrace.etl -tmf odd.tmf"), 0);
    EXPECT_THAT(err_, HasSubstr("tracefmt: odd.tmf: line 1: neither a message GUID nor"));
    EXPECT_THAT(err_, HasSubstr("tracefmt: odd.tmf: 1 more lines were left out\n"));
}

TEST_F(MessageTools, V1TraceviewFormatsWithFormatsOfMessages) {
    write_log("mytrace.etl");
    write_tmf("tmfs/" + tmf_);
    EXPECT_EQ(run("traceview", "-process mytrace.etl -p tmfs -o mytrace.txt"), 0) << err_;
    EXPECT_THAT(text("mytrace.txt"), HasSubstr(lines_));
    EXPECT_TRUE(exists("mytrace.txt.sum"));
}

}  // namespace
}  // namespace etw::cli
