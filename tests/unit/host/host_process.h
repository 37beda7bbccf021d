// The real host, started on demand like any other, with real provider processes.
#pragma once
#include "backend_linux/backend.h"
#include "fixtures.h"
#include "wire/control_protocol.h"
#include "wire/provider_protocol.h"

#include <etw/provider.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>
#include <vector>

namespace etw::host {

constexpr Guid kProvider = {0x0dd5ba11, 1, 2, {3}};

// Ends what was started when the test ends, however it ends.
class HostProcess : public ::testing::Test {
protected:
    void TearDown() override {
        for (const pid_t pid : writers_) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
        }
        kill_host();
    }

    // Keeper and worker start each other again, and one that is just becoming the other may be
    // found as neither: until nobody has the folder.
    void kill_host() const {
        while (host_lives()) {
            for (const pid_t pid : processes()) ::kill(pid, SIGKILL);
        }
    }

    // Each of its processes, whatever it is about to be, has the lock.
    bool host_lives() const {
        const std::string path = runtime() + "/" + wire::kHostLockName;
        const UniqueFd lock(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        return lock && ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0;
    }

    std::vector<pid_t> processes() const {
        auto all = processes(false);
        for (const pid_t pid : processes(true)) all.push_back(pid);
        return all;
    }

    std::string runtime() const { return folder_.file("run"); }

    // Processes of the host in our folder.
    std::vector<pid_t> processes(bool worker) const {
        std::vector<pid_t> found;
        for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
            const pid_t pid = std::atoi(entry.path().filename().c_str());
            if (pid <= 0) continue;
            std::ifstream in(entry.path() / "cmdline");
            std::string line;
            std::getline(in, line);  // a process that ends meanwhile leaves it empty
            if (line.find(runtime()) == std::string::npos) continue;
            if ((line.find("--worker-fd") != std::string::npos) == worker) found.push_back(pid);
        }
        return found;
    }

    session::StartRequest request(const std::string& name) const {
        session::StartRequest r;
        r.properties.name = name;
        r.properties.log_file = folder_.file(name + ".etl");
        r.properties.maximum_buffers = 512;
        session::ProviderEnable enable;
        enable.guid = kProvider;
        enable.level = 5;
        r.providers.push_back(enable);
        return r;
    }

    // A process that writes `count` numbered events, beginning at `first`, and then waits to be
    // killed. Returns once it is registered.
    pid_t start_writer(uint64_t first, uint64_t count) {
        int pipe[2];
        EXPECT_EQ(::pipe(pipe), 0);
        const pid_t pid = ::fork();
        if (pid == 0) write_events(pipe[1], first, count);
        ::close(pipe[1]);
        char byte = 0;
        EXPECT_EQ(::read(pipe[0], &byte, 1), 1) << "the provider has registered";
        pipes_.emplace_back(pipe[0]);
        writers_.push_back(pid);
        return pid;
    }

    [[noreturn]] void write_events(int ready, uint64_t first, uint64_t count) {
        ::setenv("ETW_RUNTIME_DIR", runtime().c_str(), 1);
        uint64_t handle = 0;
        etw_guid guid{};
        std::memcpy(&guid, &kProvider, sizeof(guid));
        if (etw_register(&guid, nullptr, nullptr, nullptr, nullptr, &handle) != 0) ::_exit(1);
        // Registered is not enabled where a session is being started at the same time.
        while (count > 0 && !etw_is_enabled(handle, 4, 0)) ::usleep(1000);
        if (::write(ready, "r", 1) != 1) ::_exit(1);
        etw_descriptor descriptor{};
        descriptor.level = 4;
        for (uint64_t i = 0; i < count; ++i) {
            const uint64_t number = first + i;
            const etw_data data = {reinterpret_cast<uint64_t>(&number), sizeof(number), 0};
            while (etw_write(handle, &descriptor, nullptr, nullptr, 1, &data) != 0) ::usleep(100);
            if (i % 16 == 0) ::usleep(50);
        }
        if (::write(ready, "d", 1) != 1) ::_exit(1);
        for (;;) ::pause();
    }

    // Whether all writers have written everything.
    bool all_written() {
        for (auto it = pipes_.begin(); it != pipes_.end();) {
            pollfd p{it->get(), POLLIN, 0};
            if (::poll(&p, 1, 0) != 1) return false;
            it = pipes_.erase(it);
        }
        return true;
    }

    // True once the condition holds; false after long enough.
    template <class F>
    bool eventually(F condition) {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(120);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > until) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return true;
    }

    TempFolder folder_;
    backend_linux::Backend backend_{backend_linux::HostLauncher{folder_.file("run"), ETWD_PROGRAM}};
    std::vector<pid_t> writers_;
    std::vector<UniqueFd> pipes_;
};

}  // namespace etw::host
