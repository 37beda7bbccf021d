#include "base/build_id.h"

#include "base/byte_writer.h"

#include <gtest/gtest.h>

namespace etw {
namespace {

// Name and data are rounded up to 4 bytes.
std::vector<std::byte> note(uint32_t type, const std::string& name, uint32_t size) {
    ByteWriter out;
    out.write(uint32_t(name.size() + 1));
    out.write(size);
    out.write(type);
    out.append_text(name + std::string(4 - name.size() % 4, '\0'));
    for (uint32_t i = 0; i < (size + 3) / 4 * 4; ++i) out.write(uint8_t(i));
    return out.take();
}

TEST(BuildIdOfNotes, IsTheOneOfTheLinkerAmongOthers) {
    auto notes = note(3, "FreeBSD", 5);
    for (const auto& more : {note(1, "GNU", 16), note(3, "GNU", 20)}) {
        notes.insert(notes.end(), more.begin(), more.end());
    }
    const BuildId id = build_id_of_notes(notes);
    ASSERT_EQ(id.size(), 20u);
    EXPECT_EQ(id[19], std::byte{19});
    notes.resize(notes.size() - 1);
    EXPECT_TRUE(build_id_of_notes(notes).empty());
}

TEST(BuildIdOfNotes, NeedsNoPaddingBehindTheLast) {
    auto notes = note(3, "GNU", 19);
    notes.resize(notes.size() - 1);
    EXPECT_EQ(build_id_of_notes(notes).size(), 19u);
}

TEST(BuildIdOfNotes, IsNoLongerThanAnyIs) {
    EXPECT_EQ(build_id_of_notes(note(3, "GNU", 64)).size(), 64u);
    EXPECT_TRUE(build_id_of_notes(note(3, "GNU", 65)).empty());
    ByteWriter huge;
    for (const uint32_t word : {4u, 0xFFFFFFFFu, 3u}) huge.write(word);
    huge.append_text(std::string("GNU\0", 4));
    EXPECT_TRUE(build_id_of_notes(huge.bytes()).empty());
}

}  // namespace
}  // namespace etw
