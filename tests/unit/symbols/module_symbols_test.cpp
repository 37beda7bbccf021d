#include "symbols/module_symbols.h"

#include "support/elf_builder.h"
#include "support/temp_folder.h"

#include <gtest/gtest.h>

#include <fstream>

namespace etw::symbols {
namespace {

using tmf::bytes_of;

void put(std::vector<std::byte>& out, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; ++i) out.push_back(std::byte(value >> 8 * i));
}

std::vector<std::byte> symbol(uint32_t name, uint8_t info, uint64_t value, uint64_t size,
                              uint16_t section = 1) {
    std::vector<std::byte> out;
    put(out, name, 4);
    put(out, info, 1);
    put(out, 0, 1);
    put(out, section, 2);
    put(out, value, 8);
    put(out, size, 8);
    return out;
}

template <class... T>
std::vector<std::byte> joined(const T&... parts) {
    std::vector<std::byte> out;
    (out.insert(out.end(), parts.begin(), parts.end()), ...);
    return out;
}

constexpr uint8_t kGlobalFunction = 0x12, kWeakFunction = 0x22, kGlobalObject = 0x11;
constexpr uint64_t kLoaded = 6;

// Names by offset: 1 __write, 9 write, 15 _ZN1a1bEi, 25 data.
const std::string kNames("\0__write\0write\0_ZN1a1bEi\0data\0", 30);

std::vector<std::byte> symbols() {
    return joined(symbol(1, kGlobalFunction, 0x00, 0x10), symbol(9, kWeakFunction, 0x00, 0x10),
                  symbol(15, kGlobalFunction, 0x10, 0x8), symbol(25, kGlobalObject, 0x18, 8),
                  symbol(9, kGlobalFunction, 0x30, 0x10, 0));
}

class ModuleSymbolsTest : public testing::Test {
protected:
    // The code stands at 64, behind the header; in memory at 0.
    std::string write(const std::string& name, std::vector<tmf::ElfSection> sections) const {
        const auto bytes = tmf::build_elf(std::move(sections));
        const std::string path = folder_ / name;
        std::ofstream(path, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
        return path;
    }
    static tmf::ElfSection code() { return {".text", std::vector<std::byte>(0x40), 1, kLoaded}; }
    static tmf::ElfSection build_id(char fill) {
        std::vector<std::byte> note;
        put(note, 4, 4);
        put(note, 20, 4);
        put(note, 3, 4);
        const auto all = joined(note, bytes_of(std::string_view("GNU\0", 4)),
                                std::vector<std::byte>(20, std::byte(fill)));
        return {".note.gnu.build-id", all, 7, 0};
    }

    const test::TempFolder folder_;
};

TEST_F(ModuleSymbolsTest, NamesFunctionsByTheirPlainestName) {
    const auto path = write("a", {code(), {".symtab", symbols()}, {".strtab", bytes_of(kNames)}});
    const ModuleSymbols module = ModuleSymbols::load({path, {}}, {});
    EXPECT_EQ(module.name(64 + 0x4), "write+0x4");
    EXPECT_EQ(module.name(64 + 0x12), "a::b(int)+0x2");
    EXPECT_EQ(module.name(64 + 0x18), "");  // data, and between functions
    EXPECT_EQ(module.name(64 + 0x34), "");  // of another file
    EXPECT_EQ(module.name(10), "");
    EXPECT_EQ(module.name(UINT64_MAX), "");
}

TEST_F(ModuleSymbolsTest, TakesDynamicNamesWhereThereAreNoOthers) {
    const auto path = write("a", {code(), {".dynsym", symbols()}, {".dynstr", bytes_of(kNames)}});
    EXPECT_EQ(ModuleSymbols::load({path, {}}, {}).name(64 + 0x4), "write+0x4");
}

TEST_F(ModuleSymbolsTest, FindsTheDebugFileByItsLink) {
    const auto path =
        write("a", {code(),
                    build_id('i'),
                    {".gnu_debuglink", bytes_of(std::string_view("a.debug\0\0\0\0\0", 12))}});
    EXPECT_EQ(ModuleSymbols::load({path, {}}, {}).name(64 + 0x4), "");
    write("a.debug", {{".symtab", symbols()}, {".strtab", bytes_of(kNames)}, build_id('i')});
    EXPECT_EQ(ModuleSymbols::load({path, {}}, {}).name(64 + 0x4), "write+0x4");
    // One of another build is none.
    write("a.debug", {{".symtab", symbols()}, {".strtab", bytes_of(kNames)}, build_id('j')});
    EXPECT_EQ(ModuleSymbols::load({path, {}}, {}).name(64 + 0x4), "");
}

TEST_F(ModuleSymbolsTest, PassesOverAFileOfAnotherBuild) {
    const auto path =
        write("a", {code(), build_id('i'), {".symtab", symbols()}, {".strtab", bytes_of(kNames)}});
    const std::vector<std::byte> same(16, std::byte('i')), other(16, std::byte('j'));
    EXPECT_EQ(ModuleSymbols::load({path, same}, {}).name(64 + 0x4), "write+0x4");
    EXPECT_EQ(ModuleSymbols::load({path, other}, {}).name(64 + 0x4), "");
    // Folders that are named come first: by the file's name.
    EXPECT_EQ(ModuleSymbols::load({"/nowhere/a", same}, {folder_.path()}).name(64 + 0x4),
              "write+0x4");
}

TEST_F(ModuleSymbolsTest, HasNoNamesOfADamagedFile) {
    const auto path = write("a", {code(), {".symtab", symbols()}, {".strtab", bytes_of("x")}});
    EXPECT_EQ(ModuleSymbols::load({path, {}}, {}).name(64 + 0x4), "");
    std::filesystem::resize_file(path, 100);
    EXPECT_EQ(ModuleSymbols::load({path, {}}, {}).name(64 + 0x4), "");
    EXPECT_EQ(ModuleSymbols::load({"/dev/zero", {}}, {}).name(0), "");
    EXPECT_EQ(ModuleSymbols::load({"[vdso]", {}}, {}).name(0), "");
}

TEST(Demangled, LeavesOtherNamesAlone) {
    EXPECT_EQ(demangled("_ZN1a1bEi"), "a::b(int)");
    EXPECT_EQ(demangled("_Znonsense"), "_Znonsense");
    EXPECT_EQ(demangled("write"), "write");
    EXPECT_EQ(demangled(std::string(5000, 'x')).size(), 1024u);
}

}  // namespace
}  // namespace etw::symbols
