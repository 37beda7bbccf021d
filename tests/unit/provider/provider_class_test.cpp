// A provider that is a class: its storage stands in a function, its events are static functions,
// some of them templates, as macros of an application define them. Windows Implementation Library's
// classes are made this way; the options, keywords and tags are those of its configuration.
#include "served.h"

#include <TraceLoggingActivity.h>
#include <TraceLoggingProvider.h>
#include <winmeta.h>

#include <string>
#include <utility>

namespace etw::provider {
namespace {

#define SHOP_OPTION_TELEMETRY()
#define SHOP_PRIVACY(tag) TraceLoggingUInt64((tag), "PartA_PrivTags")
#define SHOP_EVENT(name, ...) \
    static void name() { TraceLoggingWrite(Type::Provider(), #name, __VA_ARGS__); }
#define SHOP_EVENT_CV(name, ...)                                                            \
    static void name(const char* vector) {                                                  \
        TraceLoggingWrite(Type::Provider(), #name, TraceLoggingString(vector, "__TlgCV__"), \
                          __VA_ARGS__);                                                     \
    }
#define SHOP_EVENT_OF(name, type, value, ...)                                                   \
    template <class T>                                                                          \
    static void name(T&& value) {                                                               \
        TraceLoggingWrite(Type::Provider(), #name,                                              \
                          TraceLoggingValue(static_cast<type>(std::forward<T>(value)), #value), \
                          __VA_ARGS__);                                                         \
    }

class Shop {
public:
    using Type = Shop;
    static TraceLoggingHProvider Provider() {
        static const Handle handle;
        return handle.provider;
    }

    SHOP_EVENT(Opened, TraceLoggingLevel(WINEVENT_LEVEL_INFO))
    SHOP_EVENT(Sold, TraceLoggingKeyword(0x0000200000000000),
               TraceLoggingLevel(WINEVENT_LEVEL_ERROR), SHOP_PRIVACY(0x0000000002000000u),
               TraceLoggingEventTag(0x00080000))
    SHOP_EVENT_CV(Asked, TraceLoggingUInt32(5, "five", "in words", 0x08000000))
    SHOP_EVENT_OF(Counted, unsigned, number, TraceLoggingLevel(WINEVENT_LEVEL_INFO))
    SHOP_EVENT_OF(Named, const char*, text, SHOP_PRIVACY(1))
    SHOP_EVENT_OF(Identified, GUID, id, TraceLoggingStruct(1, "Part"),
                  TraceLoggingInt32(7, "in_it"))

private:
    struct Handle {
        Handle() {
            TRACELOGGING_DEFINE_PROVIDER_STORAGE(
                storage, "Test.Shop",
                (0x3970f9cf, 0x2c0c, 0x4f11, 0xb1, 0xcc, 0xe3, 0xa1, 0xe9, 0x95, 0x88, 0x44),
                SHOP_OPTION_TELEMETRY());
            provider = &storage;
        }
        TraceLoggingHProvider provider;
    };
};

class ProviderClass : public Served {
protected:
    void SetUp() override {
        start();
        const size_t before = host_->registered.size();
        run([&] { EXPECT_EQ(TraceLoggingRegister(Shop::Provider()), 0); },
            [&] { return host_->registered.size() > before; });
    }
    void TearDown() override {
        run([&] { TraceLoggingUnregister(Shop::Provider()); },
            [&] { return host_->unregistered > 0; });
    }
    // The one event since the last call, as text with its NULs.
    std::string written() {
        const auto records = host_->take_records();
        EXPECT_EQ(records.size(), 1u);
        if (records.size() != 1) return {};
        return {reinterpret_cast<const char*>(records[0].data()), records[0].size()};
    }
    void expect_in(const std::string& record, const char* name, const char* field) {
        EXPECT_NE(record.find(std::string("\0", 1) + name + '\0'), std::string::npos) << name;
        EXPECT_NE(record.find(std::string(field) + '\0'), std::string::npos) << field;
    }
};

TEST_F(ProviderClass, IsRegisteredUnderItsName) {
    const GUID id = TraceLoggingProviderId(Shop::Provider());
    EXPECT_EQ(id.Data1, 0x3970f9cfu);
    EXPECT_TRUE(TraceLoggingProviderEnabled(Shop::Provider(), WINEVENT_LEVEL_ERROR, 0));
}

TEST_F(ProviderClass, WritesItsEvents) {
    Shop::Opened();
    expect_in(written(), "Opened", "Test.Shop");
    Shop::Asked("vector.1");
    const std::string asked = written();
    expect_in(asked, "Asked", "__TlgCV__");
    EXPECT_NE(asked.find(std::string("vector.1\0\5\0\0\0", 13)), std::string::npos);
    Shop::Named("some text");
    const std::string named = written();
    expect_in(named, "Named", "PartA_PrivTags");
    EXPECT_NE(named.find(std::string("some text\0\1", 11)), std::string::npos);
    Shop::Counted(77);
    expect_in(written(), "Counted", "number");
    Shop::Identified(GUID{0x64636261, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}});
    const std::string identified = written();
    expect_in(identified, "Identified", "in_it");
    EXPECT_NE(identified.find(std::string("abcd\2\0\3\0\4\5\6\7\x8\x9\xa\xb\7\0\0\0", 20)),
              std::string::npos);
}

TEST_F(ProviderClass, TagsAndKeywordsOfAnEventStandInIt) {
    Shop::Sold();
    const std::string sold = written();
    wire::EventHeader header;
    ASSERT_GE(sold.size(), sizeof(header));
    std::memcpy(static_cast<void*>(&header), sold.data(), sizeof(header));
    EXPECT_EQ(header.descriptor.keyword, 0x0000200000000000u);
    EXPECT_EQ(header.descriptor.level, WINEVENT_LEVEL_ERROR);
    EXPECT_NE(sold.find(std::string("\xA0\x80\0Sold\0", 8)), std::string::npos)
        << "a tag is sevens of its 28 bits, the highest first";
}

}  // namespace
}  // namespace etw::provider
