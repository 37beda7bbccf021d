#include "tmf/pe_image.h"

#include "support/pdb_builder.h"
#include "support/pe_builder.h"

#include <gtest/gtest.h>

namespace etw::tmf {
namespace {

using test::ByteVector;
using test::pe_image;
using test::read_from;

constexpr Guid kGuid{0x11223344, 0x5566, 0x7788, {1, 2, 3, 4, 5, 6, 7, 8}};

Result<PdbReference> read(const ByteVector& file) {
    return read_pdb_reference(read_from(file), file.size());
}

TEST(PeImage, NamesItsPdbWithEitherPointerSize) {
    for (const bool is_64_bit : {true, false}) {
        const auto reference = read(pe_image(kGuid, 3, "d:\\build\\tracedrv.pdb", is_64_bit));
        ASSERT_TRUE(reference);
        EXPECT_EQ(reference->path, "d:\\build\\tracedrv.pdb");
        EXPECT_EQ(reference->identity, (PdbIdentity{kGuid, 3}));
    }
}

TEST(PeImage, IsNotWhatHasAnotherSignature) {
    auto file = pe_image(kGuid, 3, "x.pdb");
    file[64] = std::byte{'N'};
    EXPECT_EQ(read(file).error().code, Code::kNotSupported);
    file[0] = std::byte{'Z'};
    EXPECT_EQ(read(file).error().code, Code::kNotSupported);
    EXPECT_EQ(read({}).error().code, Code::kNotSupported);
}

TEST(PeImage, WithoutADebugDirectoryNamesNoPdb) {
    auto file = pe_image(kGuid, 3, "x.pdb");
    const size_t debug_size_at = 64 + 24 + 112 + 6 * 8 + 4;
    file[debug_size_at] = std::byte{0};
    EXPECT_EQ(read(file).error().code, Code::kFileNotFound);
    file = pe_image(kGuid, 3, "x.pdb");
    file[512 + 12] = std::byte{9};  // another kind of debug information
    EXPECT_EQ(read(file).error().code, Code::kFileNotFound);
}

TEST(PeImage, ThatIsCutOffIsAnError) {
    const auto whole = pe_image(kGuid, 3, "x.pdb");
    for (size_t size = 0; size < 560; size += 7) {
        EXPECT_FALSE(read(ByteVector(whole.begin(), whole.begin() + ptrdiff_t(size)))) << size;
    }
}

}  // namespace
}  // namespace etw::tmf
