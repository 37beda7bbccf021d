// An application's thread and the host that serves it meanwhile.
#pragma once
#include "support/fake_host.h"

#include <gtest/gtest.h>

#include <evntprov.h>

#include <atomic>
#include <thread>

namespace etw::provider {

class Served : public testing::Test {
protected:
    static constexpr GUID kId = {0x11, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};

    void start(bool rings = true) {
        runtime_dir();
        host_.emplace(rings);
        host_->ring_doorbell();
    }
    // Runs `act` as the application does, while the host answers; then until `done` holds.
    template <class Act, class Done>
    void run(Act act, Done done) {
        std::atomic<bool> returned = false;
        std::thread app([&] {
            act();
            returned = true;
        });
        EXPECT_TRUE(host_->serve_until([&] { return returned && done(); }));
        app.join();
    }
    // Registers and waits until the host knows.
    void register_provider(PENABLECALLBACK callback = nullptr, void* context = nullptr) {
        const size_t before = host_->registered.size();
        run([&] { EXPECT_EQ(EventRegister(&kId, callback, context, &handle_), 0u); },
            [&] { return host_->registered.size() > before; });
    }
    void unregister() {
        const uint32_t before = host_->unregistered;
        run([&] { EXPECT_EQ(EventUnregister(handle_), 0u); },
            [&] { return host_->unregistered > before; });
        handle_ = 0;
    }
    uint32_t registration() const { return host_->registered.back().registration; }
    // Sends nothing else before the library has said that it has done what was sent last.
    void wait_for_ack() {
        EXPECT_TRUE(host_->serve_until(
            [&] { return !host_->acks.empty() && host_->acks.back() == host_->cookie; }));
    }
    ULONG write(uint8_t level = 1, uint64_t keyword = 0) {
        EVENT_DESCRIPTOR descriptor;
        EventDescCreate(&descriptor, 1, 0, 0, level, 0, 0, keyword);
        return EventWrite(handle_, &descriptor, 0, nullptr);
    }
    void TearDown() override {
        if (handle_ != 0) unregister();
    }

    std::optional<FakeHost> host_;
    REGHANDLE handle_ = 0;
};

}  // namespace etw::provider
