#include "fixtures.h"
#include "host/journal.h"
#include "host/runtime_folder.h"
#include "host/session/session.h"
#include "host/survival/keeper.h"
#include "host/survival/left_rings.h"
#include "host/survival/saved_session.h"

#include <sys/stat.h>
#include <sys/wait.h>

namespace etw::host {
namespace {

SavedSession full_session() {
    SavedSession saved = test_session();
    saved.owner = {4711, 0, 99};
    saved.admitted = {{saved.properties.guid, {4712, 0, 100}}, {Guid{}, {4713, 0, 101}}};
    saved.providers.push_back(
        {{1, 2, 3, {4}}, 5, 6, 7, 8, {9, 0, 0, {}}, {10}, {"a"}, {}, {}, {}, {}});
    saved.owner_uid = 1000;
    saved.controller_pid = 42;
    return saved;
}

TEST(SavedSession, ComesBackAsItWas) {
    const TempFolder folder;
    const SavedSession saved = full_session();
    ASSERT_TRUE(save(folder.path(), saved));
    const auto loaded = load_saved(folder.path(), saved.key.slot);
    ASSERT_TRUE(loaded);
    EXPECT_EQ(*loaded, saved);
    remove_state(folder.path(), saved.key.slot);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(SavedSession, TornAtAnyByteIsRefused) {
    const auto bytes = encode_saved(full_session(), "boot");
    ASSERT_TRUE(decode_saved(bytes, "boot"));
    for (size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(decode_saved(Bytes(bytes).first(size), "boot")) << size;
    }
}

TEST(SavedSession, OneThatBeginsIsNotSavedYet) {
    const TempFolder folder;
    const SavedSession saved = full_session();
    ASSERT_TRUE(save_beginning(folder.path(), saved));
    EXPECT_FALSE(load_saved(folder.path(), saved.key.slot));
    const auto begun = load_beginning(folder.path(), saved.key.slot);
    ASSERT_TRUE(begun);
    EXPECT_EQ(*begun, saved);
    remove_state(folder.path(), saved.key.slot);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(SavedSession, OfAnotherBootIsRefused) {
    EXPECT_FALSE(decode_saved(encode_saved(full_session(), "yesterday"), "today"));
}

TEST(SavedSession, InTheFolderOfAnotherSlotIsRefused) {
    const TempFolder folder;
    ASSERT_TRUE(save(folder.path(), full_session()));
    std::filesystem::rename(folder.file("3"), folder.file("5"));
    EXPECT_FALSE(load_saved(folder.path(), 5));
}

TEST(LeftRings, AreFoundByNameAndReadOnlyWhole) {
    const TempFolder folder;
    for (const char* name :
         {"left-7-8-3", "left-7-8", "left-7-8-3-9", "left-", "left-7-8-x", "config"})
        ASSERT_TRUE(File::create(folder.file(name), true));
    const auto found = find_left_rings(folder.path());
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].path, folder.file("left-7-8-3"));
    EXPECT_EQ(found[0].rings, (FileIdentity{7, 8}));
    EXPECT_EQ(found[0].blocks, 3u);

    const wire::RingGeometry geometry = {1, 3, 4096, 0};
    const auto stream = test_stream(1, geometry);
    auto writer = StreamWriter::over(*stream);
    ASSERT_EQ(append(*writer, 0, 0, 50), 50u);
    std::vector<std::byte> bytes(geometry.set_size());
    ASSERT_EQ(::pread(stream->rings.fd().get(), bytes.data(), bytes.size(), 0),
              ssize_t(bytes.size()));
    auto file = File::create(found[0].path, true);
    ASSERT_TRUE(file->write_at(0, Bytes(bytes).first(bytes.size() - 1)));
    EXPECT_FALSE(read_left_rings(found[0].path, geometry)) << "cut";
    ASSERT_TRUE(file->write_at(0, bytes));
    const auto read = read_left_rings(found[0].path, geometry);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->head(0), stream->rings.head(0));
    ring::Run run{};
    bool damaged = false;
    EXPECT_TRUE(read->next(0, read->published_tail(0), run, &damaged));
    EXPECT_FALSE(damaged);
    wire::RingGeometry none = geometry;
    none.blocks = 0;
    EXPECT_FALSE(read_left_rings(found[0].path, none));
}

Progress progress_of(uint64_t tail) {
    Progress p(2);
    p.file = {1, tail};
    p.path = std::string(size_t(tail % 50), 'x');
    p.begin = LogBegin(tail % 3);
    p.position.next_offset = tail;
    p.last_time = {int64_t(tail), int64_t(tail) + 1};
    p.streams.push_back({{7, 8}, 1000, {{tail, 1}, {tail + 1, 2}}});
    return p;
}

TEST(Checkpoint, GivesBackTheLastCommit) {
    const TempFolder folder;
    auto checkpoint = Checkpoint::create(folder.file("c"), 2);
    ASSERT_TRUE(checkpoint);
    EXPECT_FALSE(checkpoint->load()) << "nothing committed yet";
    for (const uint64_t tail : {5u, 6u, 7u}) {
        checkpoint->commit(progress_of(tail));
        const auto again = Checkpoint::open(folder.file("c"), 2);
        ASSERT_TRUE(again);
        const auto loaded = again->load();
        ASSERT_TRUE(loaded);
        EXPECT_EQ(loaded->position.next_offset, tail);
        EXPECT_EQ(loaded->begin, LogBegin(tail % 3));
        EXPECT_EQ(loaded->streams[0].cpus[1].tail, tail + 1);
        EXPECT_EQ(loaded->streams[0].uid, 1000u);
        EXPECT_EQ(loaded->path, progress_of(tail).path);
        EXPECT_EQ(loaded->last_time[1], int64_t(tail) + 1);
    }
}

TEST(Checkpoint, OfAnyOtherSizeOrMachineIsRefused) {
    const TempFolder folder;
    const std::string path = folder.file("c");
    { ASSERT_TRUE(Checkpoint::create(path, 2)); }
    EXPECT_FALSE(Checkpoint::open(path, 4));
    const auto size = std::filesystem::file_size(path);
    for (const auto cut : {uintmax_t{0}, uintmax_t{4}, size - 1}) {
        std::filesystem::resize_file(path, cut);
        EXPECT_FALSE(Checkpoint::open(path, 2)) << cut;
    }
}

// The writer of commits is killed again and again: what is loaded is always one whole commit.
TEST(Checkpoint, IsWholeWhereverItsWriterIsKilled) {
    const TempFolder folder;
    { Checkpoint::create(folder.file("c"), 2)->commit(progress_of(1)); }
    for (int round = 0; round < 40; ++round) {
        const pid_t child = ::fork();
        if (child == 0) {
            auto checkpoint = Checkpoint::open(folder.file("c"), 2);
            for (uint64_t tail = 1;; ++tail) checkpoint->commit(progress_of(tail));
        }
        ::usleep(useconds_t(500 + round * 37));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        const auto loaded = Checkpoint::open(folder.file("c"), 2)->load();
        ASSERT_TRUE(loaded);
        const uint64_t tail = loaded->position.next_offset;
        EXPECT_EQ(loaded->streams[0].cpus[0].tail, tail);
        EXPECT_EQ(loaded->streams[0].cpus[1].tail, tail + 1);
        EXPECT_EQ(loaded->last_time[0], int64_t(tail));
        EXPECT_EQ(loaded->path, progress_of(tail).path);
    }
}

TEST(RuntimeFolder, IsRefusedWhereOthersCouldHavePreparedIt) {
    const TempFolder folder;
    ASSERT_TRUE(RuntimeFolder::open(folder.file("good")));
    std::filesystem::create_directory_symlink(folder.file("good"), folder.file("link"));
    EXPECT_FALSE(RuntimeFolder::open(folder.file("link")));
    std::filesystem::create_directory(folder.file("open"));
    ::chmod(folder.file("open").c_str(), 0777);
    EXPECT_FALSE(RuntimeFolder::open(folder.file("open")));
    if (::geteuid() == 0) {
        std::filesystem::create_directory(folder.file("theirs"));
        ASSERT_EQ(::chown(folder.file("theirs").c_str(), 1000, 1000), 0);
        EXPECT_FALSE(RuntimeFolder::open(folder.file("theirs")));
    }
}

TEST(RuntimeFolder, HasOneHost) {
    const TempFolder parent;
    const auto folder = RuntimeFolder::open(parent.file("run"));
    ASSERT_TRUE(folder);
    {
        const auto lock = folder->lock();
        ASSERT_TRUE(lock);
        const auto second = folder->lock();
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().code, Code::kBusy);
    }
    EXPECT_TRUE(folder->lock());
}

int keeper_status(const char* script) {
    const pid_t child = ::fork();
    if (child == 0) {
        KeeperOptions options;
        options.program = "/bin/sh";
        options.arguments = {"sh", "-c", script};
        ::_exit(run_keeper(std::move(options)));
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Keeper, LeavesWithItsWorkerButStartsAKilledOneAgain) {
    EXPECT_EQ(keeper_status("exit 3"), 3);
    const TempFolder folder;
    const std::string once =
        "test -e " + folder.file("x") + " && exit 5; touch " + folder.file("x") + "; kill -KILL $$";
    EXPECT_EQ(keeper_status(once.c_str()), 5);
}

TEST(Keeper, GivesUpOnAWorkerThatCrashesAgainAndAgain) {
    EXPECT_EQ(keeper_status("ulimit -c 0; kill -ABRT $$"), 1);
}

TEST(KeptName, SaysWhoseDescriptorItIs) {
    Session session;
    session.saved.key = {7, 0, 0xABCDEF};
    const auto name = parse_kept_name(session.kept_log({1, 2}));
    ASSERT_TRUE(name);
    EXPECT_EQ(name->kind, "log");
    EXPECT_EQ(name->key, session.saved.key);
    EXPECT_EQ(name->rest, "1.2");
    for (const char* bad : {"", "control.sock", "log/1", "log/x/1/", "log/1/xyz/", "log/-1/1/"}) {
        EXPECT_FALSE(parse_kept_name(bad)) << bad;
    }
}

TEST(ReopenedLog, IsOnlyTheVeryFileItWas) {
    const TempFolder folder;
    const auto file = File::create(folder.file("a"), true);
    const auto identity = identity_of(file->fd().get());
    EXPECT_TRUE(reopen_log(folder.file("a"), *identity));
    std::filesystem::create_symlink(folder.file("a"), folder.file("link"));
    EXPECT_FALSE(reopen_log(folder.file("link"), *identity));
    std::filesystem::rename(folder.file("a"), folder.file("b"));
    EXPECT_FALSE(reopen_log(folder.file("a"), *identity));
    const auto other = File::create(folder.file("a"), true);
    EXPECT_FALSE(reopen_log(folder.file("a"), *identity));
}

// What programs and users are called is theirs to choose.
TEST(Journal, KeepsALineALine) {
    testing::internal::CaptureStderr();
    journal("a\nb\x1b[0m", {Code::kInvalidData, "c", 0});
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_EQ(said.substr(0, said.find(':', 6)), "etwd: a?b?[0m");
    EXPECT_EQ(said.find('\n'), said.size() - 1);
}

}  // namespace
}  // namespace etw::host
