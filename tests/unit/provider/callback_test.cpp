// When enable callbacks run, and what an application may do around and inside of them.
#include "provider/state.h"
#include "served.h"

#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <mutex>

namespace etw::provider {
namespace {

struct Call {
    GUID source;
    ULONG is_enabled;
    UCHAR level;
    ULONGLONG any, all;
    void* filter;
};

struct Calls {
    std::mutex mutex;
    std::vector<Call> list;
    size_t size() {
        const std::lock_guard lock(mutex);
        return list.size();
    }
};

void remember(LPCGUID source, ULONG is_enabled, UCHAR level, ULONGLONG any, ULONGLONG all,
              PEVENT_FILTER_DESCRIPTOR filter, PVOID context) {
    auto& calls = *static_cast<Calls*>(context);
    const std::lock_guard lock(calls.mutex);
    calls.list.push_back({*source, is_enabled, level, any, all, filter});
}

class Callback : public Served {};

TEST_F(Callback, TellsWhatTheSessionsWantAndWhoAsked) {
    start();
    host_->enable.level = 4;
    host_->enable.match_any_keyword = 6;
    host_->enable.match_all_keyword = 2;
    host_->enable.source_id.data1 = 0x77;
    Calls calls;
    register_provider(remember, &calls);
    ASSERT_TRUE(host_->serve_until([&] { return calls.size() == 1; }));
    const Call call = calls.list[0];
    EXPECT_EQ(call.source.Data1, 0x77u);
    EXPECT_EQ(call.is_enabled, ULONG{EVENT_CONTROL_CODE_ENABLE_PROVIDER});
    EXPECT_EQ(call.level, 4);
    EXPECT_EQ(call.any, 6u);
    EXPECT_EQ(call.all, 2u);
    EXPECT_EQ(call.filter, nullptr);
    unregister();
}

TEST_F(Callback, TellsThatNoSessionIsLeft) {
    start();
    Calls calls;
    register_provider(remember, &calls);
    host_->enable.action = wire::EnableAction::kDisable;
    host_->send_enable(registration());
    ASSERT_TRUE(host_->serve_until([&] { return calls.size() == 2; }));
    EXPECT_EQ(calls.list[1].is_enabled, ULONG{EVENT_CONTROL_CODE_DISABLE_PROVIDER});
    EXPECT_EQ(calls.list[1].level, 0);
    EXPECT_FALSE(EventProviderEnabled(handle_, 0, 0));
    unregister();
}

TEST_F(Callback, HasWrittenTheStateWhenACaptureIsAcknowledged) {
    start();
    struct Context {
        REGHANDLE* handle;
        std::atomic<int> captures;
    } context = {&handle_, 0};
    register_provider(
        [](LPCGUID, ULONG is_enabled, UCHAR level, ULONGLONG any, ULONGLONG,
           PEVENT_FILTER_DESCRIPTOR, PVOID data) {
            if (is_enabled != EVENT_CONTROL_CODE_CAPTURE_STATE) return;
            auto& rundown = *static_cast<Context*>(data);
            EXPECT_EQ(level, 3);
            EXPECT_EQ(any, 9u);
            EXPECT_EQ(EventWriteString(*rundown.handle, 1, 0, u"state"), 0u);
            ++rundown.captures;
        },
        &context);
    host_->take_records();
    host_->enable.action = wire::EnableAction::kCaptureState;
    host_->enable.level = 3;
    host_->enable.match_any_keyword = 9;
    host_->send_enable(registration());
    wait_for_ack();
    EXPECT_EQ(context.captures, 1);
    EXPECT_EQ(host_->take_records().size(), 1u);
    unregister();
}

TEST_F(Callback, MayTakeALockThatTheRegisteringThreadHolds) {
    start();
    Calls calls;
    {
        const std::lock_guard held(calls.mutex);
        register_provider(remember, &calls);
        EXPECT_TRUE(EventProviderEnabled(handle_, 5, 0)) << "without waiting for the callback";
    }
    EXPECT_TRUE(host_->serve_until([&] { return calls.size() == 1; }));
    unregister();
}

// Even if the host's answer comes after the Enable has been acted on.
TEST_F(Callback, DoesNotStandInTheWayOfTheAnswerToItsRegistration) {
    start();
    host_->answer_at_registration = false;
    Calls calls;
    std::atomic<bool> returned = false;
    std::unique_lock held(calls.mutex);
    std::thread app([&] {
        EXPECT_EQ(EventRegister(&kId, remember, &calls, &handle_), 0u);
        returned = true;
    });
    const auto enabled = [] {
        const ScopedLock between_two_rounds_of_the_agent(g_state.lock);
        return g_state.registrations[0].entries != 0;
    };
    EXPECT_TRUE(host_->serve_until(enabled));
    EXPECT_FALSE(returned);
    host_->send_registered(registration());
    app.join();
    held.unlock();
    EXPECT_TRUE(host_->serve_until([&] { return calls.size() == 1; }));
    unregister();
}

// However many are due at once: the end of a session tells all its providers what the others have
// enabled, and all sessions but one end here before the first callback has run.
TEST_F(Callback, IsNeverDropped) {
    start();
    constexpr size_t kProviders = 300, kCaptures = 50, kSessions = 8;
    static_assert(kProviders * (kSessions - 1) > kMaxDueCallbacks);
    struct Counts {
        std::atomic<size_t> enabled, captured;
    };
    std::vector<Counts> counts(kProviders);
    const auto all = [&](std::atomic<size_t> Counts::*member, size_t expected) {
        return std::all_of(counts.begin(), counts.end(),
                           [&](const Counts& c) { return c.*member == expected; });
    };
    std::vector<REGHANDLE> handles(kProviders);
    run(
        [&] {
            for (size_t i = 0; i < kProviders; ++i) {
                EventRegister(
                    &kId,
                    [](LPCGUID, ULONG is_enabled, UCHAR, ULONGLONG, ULONGLONG,
                       PEVENT_FILTER_DESCRIPTOR, PVOID context) {
                        auto& c = *static_cast<Counts*>(context);
                        const bool captures = is_enabled == EVENT_CONTROL_CODE_CAPTURE_STATE;
                        ++(captures ? c.captured : c.enabled);
                    },
                    &counts[i], &handles[i]);
            }
        },
        [&] { return all(&Counts::enabled, 1); });
    std::vector<wire::SessionKey> sessions = {host_->enable.session};
    while (sessions.size() < kSessions) {
        host_->enable.session = {2, 0, 78 + sessions.size()};
        sessions.push_back(host_->enable.session);
        host_->send_attach();
        for (size_t i = 0; i < kProviders; ++i) {
            host_->send_enable(host_->registered[i].registration);
            if (i % 50 == 49) wait_for_ack();
        }
    }
    ASSERT_TRUE(host_->serve_until([&] { return all(&Counts::enabled, kSessions); }));
    {
        const ScopedLock busy(g_state.lock);  // what is sent waits, and is taken in one go
        for (size_t i = 0; i + 1 < kSessions; ++i) {
            host_->enable.session = sessions[i];
            host_->send_detach();
        }
        host_->enable.session = sessions.back();
        host_->enable.action = wire::EnableAction::kCaptureState;
        for (size_t i = 0; i < kCaptures; ++i) {
            host_->send_enable(host_->registered[i].registration);
        }
    }
    EXPECT_TRUE(host_->serve_until([&] {
        size_t captured = 0;
        for (const Counts& c : counts) captured += c.captured;
        return captured == kCaptures && all(&Counts::enabled, kSessions + kSessions - 1);
    }));
    run(
        [&] {
            for (const REGHANDLE handle : handles) EventUnregister(handle);
        },
        [&] { return host_->unregistered == kProviders; });
}

TEST_F(Callback, TellsOfASessionThatIsGoneWithItsHost) {
    start();
    Calls calls;
    register_provider(remember, &calls);
    ASSERT_TRUE(host_->serve_until([&] { return calls.size() == 1; }));
    host_->die();
    host_.emplace();
    host_->enable_at_registration = false;
    host_->ring_doorbell();
    EXPECT_TRUE(host_->serve_until([&] { return calls.size() == 2; }));
    EXPECT_EQ(calls.list[1].is_enabled, ULONG{EVENT_CONTROL_CODE_DISABLE_PROVIDER});
    EXPECT_FALSE(EventProviderEnabled(handle_, 0, 0));
    unregister();
}

// As on Windows, where the callback runs within the registration: code that mc.exe makes writes
// nothing before it has.
TEST_F(Callback, HasRunWhenRegistrationReturns) {
    start();
    const auto slowly = [](LPCGUID source, ULONG is_enabled, UCHAR level, ULONGLONG any,
                           ULONGLONG all, PEVENT_FILTER_DESCRIPTOR filter, PVOID context) {
        ::usleep(5000);
        remember(source, is_enabled, level, any, all, filter, context);
    };
    constexpr size_t kRounds = 20;
    size_t in_time = 0;  // a busy machine may take longer than the library waits
    for (size_t i = 0; i < kRounds; ++i) {
        Calls calls;
        REGHANDLE handle = 0;
        const size_t before = host_->registered.size();
        run(
            [&] {
                EXPECT_EQ(EventRegister(&kId, slowly, &calls, &handle), 0u);
                in_time += calls.size();
                EXPECT_EQ(EventUnregister(handle), 0u);
            },
            [&] { return host_->registered.size() > before; });
    }
    EXPECT_GT(in_time, kRounds / 2);
}

// As those of languages that compile at run time are: a jump that stands in memory of no module.
TEST_F(Callback, MayBeOfNoModule) {
#if defined(__x86_64__)
    constexpr uint8_t kJump[] = {0xFF, 0x25, 0, 0, 0, 0};  // to the address that follows
#else
    constexpr uint32_t kJump[] = {0x58000050, 0xD61F0200};
#endif
    start();
    void* code = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(code, MAP_FAILED);
    const PENABLECALLBACK target = remember;
    std::memcpy(code, kJump, sizeof(kJump));
    std::memcpy(static_cast<char*>(code) + sizeof(kJump), &target, sizeof(target));
    __builtin___clear_cache(static_cast<char*>(code), static_cast<char*>(code) + 4096);
    Calls calls;
    register_provider(reinterpret_cast<PENABLECALLBACK>(code), &calls);
    EXPECT_TRUE(host_->serve_until([&] { return calls.size() == 1; }));
    unregister();
    ::munmap(code, 4096);
}

// The application's handler may be what lets the callback go on (a write barrier of its memory).
TEST_F(Callback, MayCauseAFaultThatTheApplicationHandles) {
    start();
    static void* page;
    page = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(page, MAP_FAILED);
    struct sigaction allow {};
    struct sigaction before {};
    allow.sa_handler = [](int) { ::mprotect(page, 4096, PROT_READ | PROT_WRITE); };
    ::sigaction(SIGSEGV, &allow, &before);
    std::atomic<bool> written = false;
    register_provider(
        [](LPCGUID, ULONG, UCHAR, ULONGLONG, ULONGLONG, PEVENT_FILTER_DESCRIPTOR, PVOID context) {
            *static_cast<volatile char*>(page) = 1;
            *static_cast<std::atomic<bool>*>(context) = true;
        },
        &written);
    EXPECT_TRUE(host_->serve_until([&] { return written.load(); }));
    unregister();
    ::sigaction(SIGSEGV, &before, nullptr);
    ::munmap(page, 4096);
}

TEST_F(Callback, MayUnregisterItsProvider) {
    start();
    static std::atomic<REGHANDLE> handle;
    static std::atomic<ULONG> result;
    handle = 0;
    result = ~0u;
    register_provider(
        [](LPCGUID, ULONG is_enabled, UCHAR, ULONGLONG, ULONGLONG, PEVENT_FILTER_DESCRIPTOR,
           PVOID) {
            if (is_enabled == 0) result = EventUnregister(handle);
        },
        nullptr);
    handle = handle_;
    host_->enable.action = wire::EnableAction::kDisable;
    host_->send_enable(registration());
    EXPECT_TRUE(host_->serve_until([&] { return host_->unregistered == 1; }));
    EXPECT_EQ(result, 0u);
    EXPECT_EQ(EventUnregister(handle_), ULONG{ERROR_INVALID_HANDLE});
    handle_ = 0;
}

}  // namespace
}  // namespace etw::provider
