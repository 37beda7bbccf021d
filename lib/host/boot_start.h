// Starts the sessions that the boot configuration (boot/boot_folder.h) wants.
#pragma once
#include "boot/boot_folder.h"
#include "host/session/session_manager.h"

#include <functional>

namespace etw::host {

// Runs on the main thread and must outlive the answers of the manager.
class BootStart {
public:
    BootStart(SessionManager& manager, boot::BootFolder folder)
        : manager_(manager), folder_(std::move(folder)) {}

    // Calls `done` once each session runs or has failed, from within run() or later. A session that
    // runs already is left alone. One that fails keeps no other from starting: what became of each
    // is in its configuration (Status, and FileCounter of a log with numbers) and, where it is not
    // as asked, in the journal.
    void run(std::function<void()> done);

private:
    session::Outcome<Ok> start(const std::string& name);
    void started(const std::string& name, const session::BootSession& boot,
                 const session::Outcome<session::EnableResult>& result);
    void runs(const std::string& name, const session::BootSession& boot);
    void write_back(const std::string& name, Code status, std::optional<uint32_t> counter);
    void one_done();

    SessionManager& manager_;
    boot::BootFolder folder_;
    size_t open_ = 0;  // sessions that are being started
    std::function<void()> done_;
};

}  // namespace etw::host
