#include "etw/guid.h"

#include <gtest/gtest.h>

namespace etw {
namespace {

TEST(Guid, NameHashMatchesPublishedVectors) {
    // etl-format (g) and three GUIDs printed in public documentation.
    EXPECT_EQ(to_string(guid_from_name("MyProvider")), "b3864c38-4273-58c5-545b-8b3608343471");
    EXPECT_EQ(to_string(guid_from_name("TraceLoggingProviderSample")),
              "a12b3f0b-1161-5d99-1553-a9194ee77d81");
    EXPECT_EQ(to_string(guid_from_name("Microsoft.Windows.Audio.ApoTrace")),
              "8b4a0b51-5dcf-5a9c-2817-95d0ec876a87");
    EXPECT_EQ(to_string(guid_from_name("MyCompany.MyComponent")),
              "ce5fa4ea-ab00-5402-8b76-9f76ac858fb5");
}

TEST(Guid, NameHashIgnoresCase) {
    EXPECT_EQ(guid_from_name("myprovider"), guid_from_name("MYPROVIDER"));
    EXPECT_EQ(to_string(guid_from_name("Größe.ж")),
              "46532606-9374-5fa4-5a14-876c0a39c5ba");  // of "GRÖßE.Ж"
}

TEST(Guid, ParsesWithAndWithoutBracesAndPrintsLowerCase) {
    const auto g = parse_guid("{D58C126F-B309-11D1-969E-0000F875A5BC}");
    ASSERT_TRUE(g);
    EXPECT_EQ(to_string(*g), "d58c126f-b309-11d1-969e-0000f875a5bc");
    EXPECT_EQ(parse_guid("d58c126f-b309-11d1-969e-0000f875a5bc"), g);
}

TEST(Guid, RejectsWhatIsNotExactlyAGuid) {
    EXPECT_FALSE(parse_guid(""));
    EXPECT_FALSE(parse_guid("d58c126f-b309-11d1-969e-0000f875a5b"));
    EXPECT_FALSE(parse_guid("d58c126f-b309-11d1-969e-0000f875a5bg"));
    EXPECT_FALSE(parse_guid("d58c126f+b309-11d1-969e-0000f875a5bc"));
    EXPECT_FALSE(parse_guid("{d58c126f-b309-11d1-969e-0000f875a5bc"));
    EXPECT_FALSE(parse_guid("d58c126f-b309-11d1-969e-0000f875a5bc "));
}

}  // namespace
}  // namespace etw
