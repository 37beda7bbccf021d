// Starts the sessions that the boot configuration (boot/boot_folder.h) wants.
#pragma once
#include "boot/boot_folder.h"
#include "host/errands.h"
#include "host/session/session_manager.h"

#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace etw::host {

// For the main thread, which waits neither for the configuration nor for the logs. Must outlive the
// answers of the manager.
class BootStart {
public:
    BootStart(EventLoop& loop, SessionManager& manager, boot::BootFolder folder)
        : loop_(loop),
          manager_(manager),
          folder_(std::move(folder)),
          writes_(Errands::create(loop, ::geteuid())) {}

    // Calls `done` once each session runs or has failed. A session that runs already is left alone.
    // One that fails keeps no other from starting: what became of each is in its configuration
    // (Status, and FileCounter of a log with numbers) and, where it is not as asked, in the
    // journal.
    void run(std::function<void()> done);

private:
    // A session's configuration as it was read.
    struct Configured {
        std::string name;
        session::Outcome<session::ParsedBoot> parsed;
    };
    void start_all(const session::Outcome<std::vector<Configured>>& all);
    session::Outcome<Ok> start(const std::string& name, const session::ParsedBoot& parsed);
    void started(const std::string& name, const session::BootSession& boot,
                 const session::Outcome<session::EnableResult>& result);
    void runs(const std::string& name, const session::BootSession& boot);
    void failed(const std::string& name, const session::Failure& failure);
    // The last thing that is done for a session.
    void write_back(const std::string& name, Code status, std::optional<uint32_t> counter);
    void one_done();
    void start_those_in_turn();

    EventLoop& loop_;
    SessionManager& manager_;
    boot::BootFolder folder_;
    std::shared_ptr<Errands> writes_;            // to the configuration
    size_t open_ = 0;                            // sessions that are being started
    std::vector<std::function<void()>> starts_;  // in their order; empty: not known yet what with
    size_t next_start_ = 0;
    std::function<void()> done_;
};

}  // namespace etw::host
