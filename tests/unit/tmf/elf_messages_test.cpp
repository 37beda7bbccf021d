// The section of trace messages in ELF files: damage, separate debug files, text as in a source.
// What compilers write is checked by check_messages.py.
#include "tmf/elf_messages.h"

#include "base/sha1.h"
#include "support/elf_builder.h"
#include "support/temp_folder.h"
#include "tmf/binary.h"
#include "tmf/elf_format.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace etw::tmf {
namespace {

ReadAt reader(const std::vector<std::byte>& file) {
    return [&file](uint64_t offset, std::span<std::byte> out) -> Status {
        EXPECT_LE(offset + out.size(), file.size());
        std::memcpy(out.data(), file.data() + offset, out.size());
        return Ok{};
    };
}

// An entry of the section; `body` behind size, version and kind.
std::string entry(uint8_t kind, const std::string& body, uint8_t version = 1) {
    const auto size = uint32_t(6 + body.size());
    std::string out(reinterpret_cast<const char*>(&size), 4);
    return out + char(version) + char(kind) + body;
}
std::string place(uint16_t number, uint32_t line) {
    return std::string(reinterpret_cast<const char*>(&number), 2) +
           std::string(reinterpret_cast<const char*>(&line), 4);
}
std::string values(uint16_t number, uint32_t line, uint8_t count, uint32_t types,
                   const std::string& function) {
    std::string out = place(number, line) + std::string("\4\0\0", 3) + char(count);
    out += std::string(reinterpret_cast<const char*>(&types), 4) + std::string(8, '\0');
    return entry(3, out + function + std::string(64 - function.size(), '\0'));
}
std::string text(uint16_t number, uint32_t line, const std::string& format,
                 const std::string& raw) {
    const auto z = [](const std::string& part) { return part + '\0'; };
    return entry(4, place(number, line) + z("\"src/a.c\"") + z("\"src/a.c\"") +
                        z("Drv d58c126f-b309-11d1-969e-0000f875a5bc;") + z("FLAG") + z("LEVEL") +
                        z(format) + z(raw));
}

std::vector<std::byte> elf_with(const std::string& section, bool wide = true) {
    return build_elf({{".etw.messages", bytes_of(section)}}, wide);
}

ElfMessages read(const std::vector<std::byte>& file) {
    const auto elf = ElfFile::open(reader(file), file.size());
    EXPECT_TRUE(elf);
    auto found = read_elf_messages(*elf);
    EXPECT_TRUE(found);
    return std::move(*found);
}

constexpr uint32_t kInt = 5, kCount = 1;

TEST(ElfMessages, AreReadFromFilesOfBothClasses) {
    for (const bool wide : {true, false}) {
        const auto found = read(
            elf_with(values(10, 7, kCount, kInt, "f") + text(10, 7, "\"a %d\\n\"", "x, y"), wide));
        EXPECT_EQ(found.damaged_entries, 0u);
        ASSERT_EQ(found.messages.formats().size(), 1u);
        const MessageFormat& m = found.messages.formats().begin()->second;
        const Guid control = *parse_guid("d58c126f-b309-11d1-969e-0000f875a5bc");
        EXPECT_EQ(m.guid, uuid5(control, "src/a.c", 7));
        EXPECT_EQ(m.component, "Drv");
        EXPECT_EQ(m.source, "a.c");
        EXPECT_EQ(m.name, "a_c7");
        EXPECT_EQ(m.text, "%0a %10!d!%n");
        EXPECT_EQ(m.function, "f");
        ASSERT_EQ(m.arguments.size(), 1u);
        EXPECT_EQ(m.arguments[0].expression, "y");
        EXPECT_EQ(m.arguments[0].type, "ItemLong");
    }
}

TEST(ElfMessages, OfLaterVersionsAreCountedAndPassedOver) {
    const auto found = read(elf_with(entry(3, "new", 2) + entry(9, "kind") +
                                     values(10, 7, 0, 0, "f") + text(10, 7, "\"a\"", "")));
    EXPECT_EQ(found.damaged_entries, 2u);
    EXPECT_EQ(found.messages.formats().size(), 1u);
}

TEST(ElfMessages, WithoutTheirValuesAreDamaged) {
    EXPECT_EQ(read(elf_with(text(10, 7, "\"a\"", ""))).damaged_entries, 1u);
    EXPECT_EQ(read(elf_with(values(10, 8, 0, 0, "f") + text(10, 7, "\"a\"", ""))).damaged_entries,
              1u);
    const auto misfit = read(elf_with(values(10, 7, kCount, kInt, "f") + text(10, 7, "\"a\"", "")));
    EXPECT_EQ(misfit.damaged_entries, 1u);
    EXPECT_TRUE(misfit.messages.empty());
}

// A list of long names that many messages have: it must not become gigabytes.
TEST(ElfMessages, ShareNoMoreThanTheyMay) {
    constexpr uint16_t kMessages = 100;
    std::string definition = "ItemListLong(";
    for (int i = 0; i < 10; ++i) definition += std::string(100'000, 'x') + ",";
    definition.back() = ')';
    std::string section = entry(2, std::string("List") + '\0' + definition + '\0');
    for (uint16_t i = 0; i < kMessages; ++i) {
        section += values(i, 7, kCount, kInt, "f") + text(i, 7, "\"a %!List!\"", "x, y");
    }
    const auto found = read(elf_with(section));
    EXPECT_GT(found.messages.formats().size(), 10u);
    EXPECT_LT(found.messages.formats().size(), size_t{kMessages});
    EXPECT_EQ(found.messages.formats().size() + found.damaged_entries, size_t{kMessages});
}

TEST(ElfMessages, CutAnywhereAreReadUpToThere) {
    const std::string whole =
        values(10, 7, 0, 0, "f") + text(10, 7, "\"a\"", "") +
        entry(1, std::string("Drv\0d58c126f-b309-11d1-969e-0000f875a5bc\0A\0", 43));
    ASSERT_EQ(read(elf_with(whole)).damaged_entries, 0u);
    ASSERT_EQ(read(elf_with(whole)).messages.controls().at(0).flags, std::vector<std::string>{"A"});
    for (size_t size = 1; size < whole.size(); ++size) {
        const auto found = read(elf_with(whole.substr(0, size)));
        EXPECT_LE(found.messages.formats().size(), 1u);
    }
}

TEST(ElfFile, RefusesWhatIsNone) {
    const std::vector<std::byte> text = bytes_of("no ELF file at all");
    EXPECT_EQ(ElfFile::open(reader(text), text.size()).error().code, Code::kNotSupported);
    EXPECT_EQ(ElfFile::open(reader(text), 0).error().code, Code::kNotSupported);
    auto file = elf_with("");
    file[5] = std::byte{2};  // big-endian
    EXPECT_EQ(ElfFile::open(reader(file), file.size()).error().code, Code::kNotSupported);
}

TEST(ElfFile, CutAnywhereFailsOrHasNoSections) {
    const auto whole = elf_with(values(10, 7, 0, 0, "f") + text(10, 7, "\"a\"", ""));
    for (size_t size = 0; size < whole.size(); ++size) {
        const std::vector<std::byte> file(whole.begin(), whole.begin() + ptrdiff_t(size));
        EXPECT_FALSE(ElfFile::open(reader(file), file.size())) << size;
    }
}

TEST(ElfFile, FindsWhereTheDebugFileIs) {
    const std::string note("\4\0\0\0\3\0\0\0\3\0\0\0GNU\0\xab\xcd\xef", 19);
    const auto file = build_elf({{".note.gnu.build-id", bytes_of(note), 7},
                                 {".gnu_debuglink", bytes_of(std::string("p.debug\0", 8))}});
    const auto elf = ElfFile::open(reader(file), file.size());
    ASSERT_TRUE(elf);
    EXPECT_EQ(
        debug_file_candidates(*elf, "/opt/bin/p"),
        (std::vector<std::string>{"/usr/lib/debug/.build-id/ab/cdef.debug", "/opt/bin/p.debug",
                                  "/opt/bin/.debug/p.debug", "/usr/lib/debug/opt/bin/p.debug"}));
}

TEST(ElfFile, SectionsWithoutContentsAreEmpty) {
    const auto file = build_elf({{".etw.messages", {}, 8}});
    const auto elf = ElfFile::open(reader(file), file.size());
    ASSERT_TRUE(elf);
    EXPECT_TRUE(elf->read_section(".etw.messages")->empty());
    EXPECT_TRUE(elf->read_section(".other")->empty());
}

// The messages of a stripped program are found in its debug file, if that is its own.
TEST(BinaryMessages, AreFoundInTheDebugFileBesideTheProgram) {
    const etw::test::TempFolder folder;
    const auto write = [&](const char* name, const std::vector<std::byte>& bytes) {
        folder.write(name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    };
    const auto note = [](char id) {
        return bytes_of(std::string("\4\0\0\0\1\0\0\0\3\0\0\0GNU\0", 16) + id);
    };
    const std::string section = values(10, 7, 0, 0, "f") + text(10, 7, "\"a\"", "");
    write("p", build_elf({{".note.gnu.build-id", note('x'), 7},
                          {".gnu_debuglink", bytes_of(std::string("p.debug\0", 8))}}));
    const auto messages = [&] {
        const auto found = read_binary(folder / "p");
        EXPECT_TRUE(found);
        return found->messages.formats().size();
    };
    EXPECT_EQ(messages(), 0u);
    write("p.debug",
          build_elf({{".note.gnu.build-id", note('y'), 7}, {".etw.messages", bytes_of(section)}}));
    EXPECT_EQ(messages(), 0u) << "another build's";
    write("p.debug",
          build_elf({{".note.gnu.build-id", note('x'), 7}, {".etw.messages", bytes_of(section)}}));
    EXPECT_EQ(messages(), 1u);
}

TEST(Unquote, ReadsStringLiteralsAsACompilerDoes) {
    EXPECT_EQ(unquote(R"("a" "b\n\t\"\\" u8"\x41\1012\0")"), (std::string("ab\n\t\"\\AA2") + '\0'));
    EXPECT_EQ(unquote(R"("don\'t\?")"), "don't?");
    EXPECT_EQ(unquote("\"\""), "");
    EXPECT_FALSE(unquote("\"open"));
    EXPECT_FALSE(unquote("\"open\\"));
    EXPECT_FALSE(unquote("name"));
    EXPECT_FALSE(unquote(""));
}

TEST(ParseList, NumbersNamesAndBits) {
    const auto list = parse_list("ItemListLong( Idle,Running )");
    ASSERT_TRUE(list);
    EXPECT_EQ(list->names, (std::vector<NamedValue>{{0, "Idle"}, {1, "Running"}}));
    const auto set = parse_list("ItemSetByte(Read, Write, Execute)");
    ASSERT_TRUE(set);
    EXPECT_EQ(set->names, (std::vector<NamedValue>{{1, "Read"}, {2, "Write"}, {4, "Execute"}}));
    EXPECT_FALSE(parse_list("ItemEnum(color)"));
    EXPECT_FALSE(parse_list("ItemListLong(open"));
    EXPECT_FALSE(parse_list(""));
}

}  // namespace
}  // namespace etw::tmf
