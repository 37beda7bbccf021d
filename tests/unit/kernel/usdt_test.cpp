#include "kernel/images/usdt.h"

#include "support/elf_builder.h"
#include "support/temp_folder.h"

#include <gtest/gtest.h>

#include <fstream>

namespace etw::kernel {
namespace {

std::string x86(std::string_view arguments) { return fetch_arguments(arguments, Machine::kX86_64); }
std::string arm(std::string_view arguments) {
    return fetch_arguments(arguments, Machine::kAarch64);
}

TEST(Usdt, FetchesRegistersBySizeAndSign) {
    EXPECT_EQ(x86("8@%rdi -4@%eax 2@%r10w -1@%bl"),
              "arg1=%di:u64 arg2=%ax:s32 arg3=%r10:u16 arg4=%bx:s8");
    EXPECT_EQ(x86("4@%r8d 8@%r9 1@%sil 8@%rsp"),
              "arg1=%r8:u32 arg2=%r9:u64 arg3=%si:u8 arg4=%sp:u64");
    EXPECT_EQ(arm("8@x0 -4@w28 8@sp"), "arg1=%x0:u64 arg2=%x28:s32 arg3=%sp:u64");
}

TEST(Usdt, FetchesMemoryAndConstants) {
    EXPECT_EQ(x86("-4@112(%rsp) 8@(%rax) 4@-0x8(%rbp) -4@$-5 4@$12"),
              "arg1=+112(%sp):s32 arg2=+0(%ax):u64 arg3=-8(%bp):u32 arg4=\\-5:s32 arg5=\\12:u32");
    EXPECT_EQ(arm("-4@[sp, 28] 8@[x19] -4@5 8@[x1, -16]"),
              "arg1=+28(%sp):s32 arg2=+0(%x19):u64 arg3=\\5:s32 arg4=-16(%x1):u64");
}

TEST(Usdt, LeavesOutWhatTheKernelCannotFetch) {
    EXPECT_EQ(x86("8@%rdi 8f@%xmm0 8@(%rbx,%rax,8) 4@counter(%rip) 1@%ah 8@%rsi"),
              "arg1=%di:u64 arg6=%si:u64");
    EXPECT_EQ(arm("8@[x1, x2] 8@x31 8@v0 8@x3"), "arg4=%x3:u64");
    EXPECT_EQ(x86(""), "");
    EXPECT_EQ(x86("@ 3@%rax 8@ 8 8@%"), "");
}

TEST(Usdt, TakesAsManyArgumentsAsAProbeCanHave) {
    std::string arguments;
    for (int i = 0; i < 20; ++i) arguments += "8@%rax ";
    const std::string fetched = x86(arguments);
    EXPECT_NE(fetched.find("arg12="), std::string::npos);
    EXPECT_EQ(fetched.find("arg13="), std::string::npos);
}

TEST(Usdt, NamesHaveAPathAndAProvider) {
    const auto name = parse_usdt_name("usdt:/opt/a:b/libx.so:lib");
    ASSERT_TRUE(name);
    EXPECT_EQ(name->path, "/opt/a:b/libx.so");
    EXPECT_EQ(name->provider, "lib");
    for (const char* bad : {"usdt:", "usdt:/a", "usdt::x", "usdt:a:x", "usdt:/a:", "x:/a:b"}) {
        EXPECT_FALSE(parse_usdt_name(bad)) << bad;
    }
    EXPECT_TRUE(is_usdt_name("usdt:x"));
    EXPECT_FALSE(is_usdt_name("Linux.sched"));
}

TEST(Usdt, AFileThatIsNoProgramIsRefusedAndOneWithoutProbesHasNone) {
    EXPECT_EQ(read_usdt_probes("/no/such/file").error().code, Code::kFileNotFound);
    const test::TempFolder folder;
    const std::string path = folder.write("file", "no program");
    EXPECT_EQ(read_usdt_probes(path).error().code, Code::kInvalidData);
    const auto elf = tmf::build_elf({{".note.stapsdt", tmf::bytes_of("\1\2\3"), 7}});
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(elf.data()), std::streamsize(elf.size()));
    const auto probes = read_usdt_probes(path);
    ASSERT_TRUE(probes);
    EXPECT_TRUE(probes->empty());
}

}  // namespace
}  // namespace etw::kernel
