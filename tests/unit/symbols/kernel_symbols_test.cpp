#include "symbols/kernel_symbols.h"

#include <gtest/gtest.h>

namespace etw::symbols {
namespace {

constexpr char kList[] =
    "ffffffff81000000 T _text\n"
    "ffffffff81000100 t do_something\n"
    "ffffffff81000100 T __alias_of_it\n"
    "ffffffff81000180 D some_data\n"
    "ffffffff81000200 T schedule\n"
    "ffffffff81000300 T _etext\n"
    "ffffffffc0001040 t ext4_sync\t[ext4]\n"
    "ffffffffc0001080 t ext4_last\t[ext4]\n"
    "nonsense\n";
constexpr char kModules[] = "ext4 700000 1 - Live 0xffffffffc0001000\n";

TEST(KernelSymbols, NamesOffsetsOfTheKernelAndItsModules) {
    const KernelSymbols symbols = KernelSymbols::parse(kList, kModules);
    EXPECT_EQ(symbols.name("", 0x110), "do_something+0x10");
    EXPECT_EQ(symbols.name("", 0x1f0), "do_something+0xf0");  // data is no code
    EXPECT_EQ(symbols.name("", 0x200), "schedule+0x0");
    EXPECT_EQ(symbols.name("[ext4]", 0x44), "ext4_sync+0x4");
}

TEST(KernelSymbols, HasNoNameForWhatLiesOutside) {
    const KernelSymbols symbols = KernelSymbols::parse(kList, kModules);
    EXPECT_EQ(symbols.name("", 0x300), "");  // behind the last one may be anything
    EXPECT_EQ(symbols.name("[ext4]", 0x10), "");
    EXPECT_EQ(symbols.name("[xfs]", 0x10), "");
}

TEST(KernelSymbols, HasNoneWhereAddressesAreHidden) {
    const KernelSymbols symbols =
        KernelSymbols::parse("0000000000000000 T _text\n0000000000000000 T schedule\n", "");
    EXPECT_EQ(symbols.name("", 0), "");
    EXPECT_EQ(symbols.name("", 0x200), "");
}

TEST(KernelSymbols, AreThoseOfTheSameKernelOnly) {
    const std::vector<std::byte> other(16, std::byte{0x5A});
    EXPECT_EQ(KernelSymbols::of_running(other).name("", 0x200), "");
    EXPECT_EQ(KernelSymbols::of_running({}).name("", 0x200), "");
}

}  // namespace
}  // namespace etw::symbols
