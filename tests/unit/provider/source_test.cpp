// Filters and added items as the host's packets ask for them.
#include "etw/enable_property.h"
#include "served.h"

namespace etw::provider {
namespace {

class AtTheSource : public Served {
protected:
    void enable() {
        host_->send_enable(registration());
        wait_for_ack();
    }
    ULONG write_id(uint16_t id, size_t payload = 0) {
        EVENT_DESCRIPTOR descriptor;
        EventDescCreate(&descriptor, id, 0, 0, 4, 0, 0, 1);
        const std::vector<char> bytes(payload);
        EVENT_DATA_DESCRIPTOR data;
        EventDataDescCreate(&data, bytes.data(), ULONG(payload));
        return EventWrite(handle_, &descriptor, 1, &data);
    }
    size_t written(uint16_t id) {
        EXPECT_EQ(write_id(id), 0u);
        return host_->take_records().size();
    }
};

TEST_F(AtTheSource, EventIdsPassOnlyWhereTheFilterLetsThem) {
    start();
    register_provider();
    host_->enable.events = {wire::IdFilterMode::kOnly, 2, {1, 65535}};
    enable();
    EXPECT_EQ(written(1) + written(65535), 2u);
    EXPECT_EQ(written(0) + written(2), 0u);
    host_->enable.events.mode = wire::IdFilterMode::kAllBut;
    enable();
    EXPECT_EQ(written(1) + written(65535), 0u);
    EXPECT_EQ(written(0) + written(2), 2u);
    host_->enable.events = {};
    enable();
    EXPECT_EQ(written(1) + written(2), 2u);
}

TEST_F(AtTheSource, AHostThatSendsAnImpossibleFilterIsLeft) {
    start();
    register_provider();
    host_->enable.events = {wire::IdFilterMode::kOnly, wire::IdFilter::kMaxIds + 1, {}};
    const size_t before = host_->registered.size();
    host_->send_enable(registration());
    // It connects anew and registers again.
    EXPECT_TRUE(host_->serve_until([&] {
        host_->enable.events = {};
        return host_->registered.size() > before;
    }));
    EXPECT_EQ(host_->registered.back().flags, wire::kRegisterEarlier);
}

TEST_F(AtTheSource, AStackIsCutWhereTheRecordWouldBeTooLong) {
    start();
    register_provider();
    host_->enable.enable_property = kPropertyStackTrace;
    enable();
    for (const size_t payload : {size_t{16}, wire::kMaxRecordSize - sizeof(wire::EventHeader) - 200,
                                 wire::kMaxRecordSize - sizeof(wire::EventHeader)}) {
        const ULONG result = write_id(7, payload);
        // The longest does not go into a block of 64 KB, with or without a stack.
        for (const auto& record : host_->take_records()) {
            EXPECT_LE(record.size(), size_t{65536 - 72});
            EXPECT_GE(record.size(), sizeof(wire::EventHeader) + payload);
        }
        EXPECT_TRUE(result == 0 || payload > 65000) << payload;
    }
}

}  // namespace
}  // namespace etw::provider
