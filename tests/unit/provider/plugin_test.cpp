// Modules that come and go with a provider registered, with the library shared or built in.
#include "served.h"

#include <dlfcn.h>
#include <unistd.h>

namespace etw::provider {
namespace {

int call(void* module, const char* name) {
    auto* function = reinterpret_cast<int (*)()>(::dlsym(module, name));
    EXPECT_NE(function, nullptr) << name;
    return function != nullptr ? function() : -1;
}

class Plugin : public Served, public testing::WithParamInterface<const char*> {
protected:
    void* load() {
        void* module = ::dlopen(GetParam(), RTLD_NOW | RTLD_LOCAL);
        EXPECT_NE(module, nullptr) << ::dlerror();
        return module;
    }
};

TEST_P(Plugin, LeavesTheProgramWholeWhenItIsUnloadedWithItsProviderRegistered) {
    start();
    for (int round = 0; round < 3; ++round) {
        void* module = load();
        ASSERT_NE(module, nullptr);
        run(
            [&] {
                // A module that stays in memory still has its registration from the round before.
                const int result = call(module, "plugin_register");
                EXPECT_TRUE(result == 0 || round > 0) << result;
            },
            [&] { return !host_->registered.empty(); });
        host_->take_records();
        EXPECT_EQ(call(module, "plugin_write"), 1);
        EXPECT_EQ(host_->take_records().size(), 1u);
        EXPECT_EQ(::dlclose(module), 0);
        if (void* stayed = ::dlopen(GetParam(), RTLD_NOW | RTLD_NOLOAD)) {
            ::dlclose(stayed);
            continue;
        }
        EXPECT_TRUE(host_->serve_until([&] {
            return host_->unregistered == host_->registered.size();
        })) << "the host was not told";
    }
}

TEST(PluginConstructor, MayRegisterWhileAnotherThreadIsTheFirstToDoSo) {
    runtime_dir();
    // While the constructor holds the loader's lock nobody can answer it: for no longer than usual.
    ::unsetenv("ETW_REGISTER_WAIT_MS");
    ::alarm(60);  // a deadlock would be for ever
    void* module = ::dlopen(ETW_PLUGIN_CONSTRUCTOR, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(module, nullptr) << ::dlerror();
    EXPECT_EQ(call(module, "plugin_register"), 0);
    ::alarm(0);
}

INSTANTIATE_TEST_SUITE_P(, Plugin, testing::Values(ETW_PLUGIN_SHARED, ETW_PLUGIN_STATIC),
                         [](const auto& kind) {
                             return kind.index == 0 ? "SharedLibrary" : "StaticLibrary";
                         });

}  // namespace
}  // namespace etw::provider
