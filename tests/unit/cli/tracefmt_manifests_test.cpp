// tracefmt as a process, over logs whose events only manifests describe.
#include "../decode/pe_builder.h"
#include "support/temp_folder.h"
#include "support/tool_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace etw::cli {
namespace {

using decode::test::ByteVector;
using decode::test::kStartRaw;
using testing::HasSubstr;

constexpr const char* kManifest =
    R"x(<instrumentationManifest><instrumentation><events>
<provider name="Tester" guid="{11223344-5566-7788-0102-030405060708}"><templates><template tid="t">
<data name="n" inType="win:UInt32"/></template></templates><events>
<event value="0" symbol="Ticked" template="t"/></events></provider></events></instrumentation>
</instrumentationManifest>)x";

void set_id(ByteVector& event, uint16_t id) {
    std::memcpy(event.data() + offsetof(wire::EventHeader, descriptor), &id, sizeof(id));
}

class TracefmtManifests : public testing::Test {
protected:
    std::string path(const std::string& name) const { return folder_ / name; }

    // One event of id 0, then, if there is one, the chunk of a manifest.
    void write_log(std::string_view manifest = {}) const {
        decode::test::LogFileWriter log(path("a.etl"), 16384);
        ByteWriter n;
        n.write(uint32_t{77});
        log.add(kStartRaw + 1, decode::test::stored_event(kStartRaw + 1, {}, n.bytes()));
        if (!manifest.empty()) {
            ByteWriter chunk;
            chunk.write(std::array<uint8_t, 4>{1, 1, 0, 0x5B});
            chunk.write(uint16_t{1});
            chunk.write(uint16_t{0});
            chunk.append_text(manifest);
            ByteVector event = decode::test::stored_event(kStartRaw + 2, {}, chunk.bytes());
            set_id(event, 0xFFFE);
            log.add(kStartRaw + 2, event);
        }
        log.finish();
    }
    int run(const std::string& arguments) {
        const int status = etw::test::run_tool(
            {ETW_TRACEFMT, "a.etl -o - " + arguments, folder_.path(), {"TZ=UTC"}, {}});
        out_ = folder_.read("out");
        err_ = folder_.read("err");
        return status;
    }

    etw::test::TempFolder folder_;
    std::string out_, err_;
};

constexpr const char* kLine = "[Tester]Ticked: n=77\n";

TEST_F(TracefmtManifests, NeedsADescription) {
    write_log();
    EXPECT_EQ(run(""), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("(No Format Information found). version=0 opcode=0 "
                                "payload=0x4d000000"));
}

TEST_F(TracefmtManifests, TakesXml) {
    write_log();
    folder_.write("m.man", kManifest);
    EXPECT_EQ(run("-man m.man"), 0) << err_;
    EXPECT_THAT(out_, HasSubstr(kLine));
}

TEST_F(TracefmtManifests, FindsManifestsByTheGuidsOfTheLog) {
    write_log();
    std::filesystem::create_directory(path("one"));
    std::filesystem::create_directory(path("two"));
    folder_.write("two/readme.man", "not a GUID: never read");
    folder_.write("two/11223344556677880102030405060708.MAN", kManifest);
    EXPECT_EQ(run("-manpath 'one;two'"), 0) << err_;
    EXPECT_THAT(out_, HasSubstr(kLine));
}

TEST_F(TracefmtManifests, ReadsTheManifestInALogBeforeItsEvents) {
    write_log(kManifest);
    EXPECT_EQ(run(""), 0) << err_;
    EXPECT_THAT(out_, HasSubstr(kLine));
    EXPECT_THAT(out_, HasSubstr("[Tester]ManifestData: "));
}

TEST_F(TracefmtManifests, PrefersWhatTheCommandLineNames) {
    std::string other = kManifest;
    other.replace(other.find("Ticked"), 6, "Tocked");
    write_log(other);
    folder_.write("m.man", kManifest);
    EXPECT_EQ(run("-man m.man"), 0) << err_;
    EXPECT_THAT(out_, HasSubstr(kLine));
}

TEST_F(TracefmtManifests, TakesWindowsPrograms) {
    const ByteVector program = decode::test::program_with_manifest();
    folder_.write("x.dll", {reinterpret_cast<const char*>(program.data()), program.size()});
    decode::test::LogFileWriter log(path("a.etl"), 4096);
    ByteWriter payload;
    payload.write(uint32_t{2});
    payload.append_text("ab");
    ByteVector event = decode::test::stored_event(kStartRaw + 1, {}, payload.bytes());
    set_id(event, 7);
    event[offsetof(wire::EventHeader, descriptor) + 2] = std::byte{1};  // version
    log.add(kStartRaw + 1, event);
    log.finish();
    EXPECT_EQ(run("-bin x.dll -noprefix"), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("\nSize 2\n")) << "its text";
    EXPECT_EQ(run("-bin x.dll -json"), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("\"event\":\"Task text/Start\""));
    EXPECT_THAT(out_, HasSubstr("\"fields\":{\"Size\":\"Two\",\"Data\":\"6162\"}"));
}

TEST_F(TracefmtManifests, SaysWhatIsWrongWithAFile) {
    write_log();
    folder_.write("m.man", "<a>");
    EXPECT_EQ(run("-man m.man"), 1);
    EXPECT_THAT(err_, HasSubstr("tracefmt: m.man: manifest: no well-formed XML"));
    EXPECT_EQ(run("-man missing.man"), 1);
    EXPECT_THAT(err_, HasSubstr("missing.man"));
    EXPECT_EQ(run("-bin m.man"), 1);
    EXPECT_THAT(err_, HasSubstr("m.man: PE: no program of Windows"));
    EXPECT_EQ(run("-manpath nowhere"), 1);
    EXPECT_THAT(err_, HasSubstr("nowhere: no such folder of manifests"));
}

}  // namespace
}  // namespace etw::cli
