// tracefmt as a process, over logs whose events only manifests describe.
#include "../decode/pe_builder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

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

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

void set_id(ByteVector& event, uint16_t id) {
    std::memcpy(event.data() + offsetof(wire::EventHeader, descriptor), &id, sizeof(id));
}

class TracefmtManifests : public testing::Test {
protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "etw_manifests_XXXXXX";
        folder_ = ::mkdtemp(name.data());
    }
    void TearDown() override {
        std::error_code ignored;
        if (!HasFailure()) std::filesystem::remove_all(folder_, ignored);
    }
    std::string path(const std::string& name) const { return folder_ + "/" + name; }
    void write(const std::string& name, std::string_view text) const {
        std::ofstream(path(name), std::ios::binary) << text;
    }

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
        const std::string command = fmt::format("cd '{}' && TZ=UTC '{}' a.etl -o - {} >out 2>err",
                                                folder_, ETW_TRACEFMT, arguments);
        const int status = std::system(command.c_str());
        out_ = read_file(path("out"));
        err_ = read_file(path("err"));
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

    std::string folder_, out_, err_;
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
    write("m.man", kManifest);
    EXPECT_EQ(run("-man m.man"), 0) << err_;
    EXPECT_THAT(out_, HasSubstr(kLine));
}

TEST_F(TracefmtManifests, FindsManifestsByTheGuidsOfTheLog) {
    write_log();
    std::filesystem::create_directory(path("one"));
    std::filesystem::create_directory(path("two"));
    write("two/readme.man", "not a GUID: never read");
    write("two/11223344556677880102030405060708.MAN", kManifest);
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
    write("m.man", kManifest);
    EXPECT_EQ(run("-man m.man"), 0) << err_;
    EXPECT_THAT(out_, HasSubstr(kLine));
}

TEST_F(TracefmtManifests, TakesWindowsPrograms) {
    const ByteVector program = decode::test::program_with_manifest();
    write("x.dll", {reinterpret_cast<const char*>(program.data()), program.size()});
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
    write("m.man", "<a>");
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
