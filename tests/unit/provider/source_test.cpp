// Filters and added items as the host's packets ask for them.
#include "etw/enable_property.h"
#include "served.h"

#include <alloca.h>
#include <pthread.h>
#include <sys/mman.h>

#include <functional>

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

#ifndef ETW_SANITIZED  // whose functions need stacks of their own size
// A thread whose stack ends in a page that nobody may touch, as all do that the C library makes.
class SmallStack {
public:
    SmallStack() {
        memory_ = static_cast<std::byte*>(::mmap(nullptr, kPage + kSize, PROT_READ | PROT_WRITE,
                                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        ::mprotect(memory_, kPage, PROT_NONE);
    }
    ~SmallStack() { ::munmap(memory_, kPage + kSize); }
    SmallStack(const SmallStack&) = delete;
    SmallStack& operator=(const SmallStack&) = delete;

    // Calls `act` where so many bytes are left.
    void run(size_t left, std::function<void()> act) {
        left_ = left;
        act_ = std::move(act);
        pthread_attr_t attributes;
        ::pthread_attr_init(&attributes);
        ::pthread_attr_setstack(&attributes, memory_ + kPage, kSize);
        pthread_t thread;
        ASSERT_EQ(::pthread_create(&thread, &attributes, descend, this), 0);
        ::pthread_join(thread, nullptr);
        ::pthread_attr_destroy(&attributes);
    }

private:
    static constexpr size_t kPage = 4096, kSize = 64 * 1024;

    [[gnu::noinline]] static void* descend(void* self) {
        const auto& stack = *static_cast<SmallStack*>(self);
        const auto here = static_cast<std::byte*>(__builtin_frame_address(0));
        const size_t down = size_t(here - stack.memory_) - kPage - stack.left_;
        volatile char* const used = static_cast<char*>(::alloca(down));
        used[0] = 1;
        stack.act_();
        return nullptr;
    }
    std::byte* memory_;
    size_t left_ = 0;
    std::function<void()> act_;
};

TEST_F(AtTheSource, AThreadThatHasNoRoomForAStackWritesItsEventWithoutOne) {
    start();
    register_provider();
    host_->enable.enable_property = kPropertyStackTrace;
    enable();
    SmallStack stack;
    EVENT_DESCRIPTOR descriptor;
    EventDescCreate(&descriptor, 1, 0, 0, 4, 0, 0, 1);
    size_t with_stack = 0;
    constexpr size_t kMost = 16 * 1024, kLeast = 2560;
    // The most first: it is a function's first call that needs the loader's stack beside.
    for (size_t left = kMost; left >= kLeast; left -= 128) {
        stack.run(left, [&] { EventWrite(handle_, &descriptor, 0, nullptr); });
        const auto records = host_->take_records();
        ASSERT_EQ(records.size(), 1u) << left;
        const bool has_stack = records[0].size() > sizeof(wire::EventHeader);
        EXPECT_TRUE(left != kMost || has_stack);
        EXPECT_TRUE(left != kLeast || !has_stack);
        with_stack += has_stack ? 1 : 0;
    }
    EXPECT_GT(with_stack, 10u);
}
#endif

}  // namespace
}  // namespace etw::provider
