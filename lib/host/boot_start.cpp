#include "host/boot_start.h"

#include "host/journal.h"
#include "host/recording/log_file.h"
#include "session/boot_rules.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

namespace etw::host {

using session::EnableResult;
using session::Failure;
using session::Outcome;

namespace {

constexpr mode_t kLogRights = 0640;  // what is recorded of the machine is not for everybody

void journal_failure(const std::string& name, const Failure& failure) {
    journal(fmt::format("boot session '{}': {} [{}]", name,
                        failure.detail.empty() ? code_text(failure.code) : failure.detail,
                        uint32_t(failure.code)));
}

// What a start request over the control socket brings along: the log, and the folder of the next
// ones. The path is this user's own word, see boot/boot_folder.h.
Outcome<ForeignFds> open_log(const session::Properties& p) {
    ForeignFds fds;
    if (p.log_file.empty()) return fds;
    const bool numbered = (p.log_file_mode & kModeNewFile) != 0;
    const std::filesystem::path path =
        numbered ? session::numbered_log_file(p.log_file, 1) : p.log_file;
    const std::string parent = path.parent_path();
    ETW_CHECK(boot::make_folders(parent));
    UniqueFd folder(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return failure_of({code_from_errno(errno), "cannot be opened", 0}, parent);
    auto log = open_as_user(folder, path.filename(), kLogRights, ::geteuid(), ::getegid());
    if (!log) return failure_of(log.error(), path);
    fds.push_back(*std::move(log));
    if (numbered) fds.push_back(std::move(folder));
    return fds;
}

}  // namespace

void BootStart::run(std::function<void()> done) {
    done_ = std::move(done);
    open_ = 1;
    const auto names = folder_.names();
    if (!names) {
        journal(fmt::format("no session of the boot is started: {} [{}]", names.error().detail,
                            uint32_t(names.error().code)));
    }
    for (const std::string& name : names ? *names : std::vector<std::string>()) {
        ++open_;
        if (const auto begun = start(name); !begun) {
            journal_failure(name, begun.error());
            write_back(name, begun.error().code, std::nullopt);
            one_done();
        }
    }
    one_done();
}

void BootStart::one_done() {
    if (--open_ == 0) done_();
}

Outcome<Ok> BootStart::start(const std::string& name) {
    ETW_TRY(const session::ParsedBoot parsed, folder_.load(name));
    for (const std::string& note : parsed.notes) journal(note);
    const session::BootSession& boot = parsed.session;
    session::StartRequest request = session::start_request(boot);
    if (!boot.start) {
        one_done();
        return Ok{};
    }
    // One that runs was started by a worker before this one, which was killed before it had
    // started all. With another log it has written down that it did.
    if (const auto running = manager_.query(request.properties.name)) {
        if (running->properties.log_file == request.properties.log_file) runs(name, boot);
        one_done();
        return Ok{};
    }
    ETW_CHECK(session::check(boot));
    ETW_TRY(ForeignFds fds, open_log(request.properties));
    const PeerCredentials self{::getpid(), ::geteuid(), ::getegid()};
    manager_.start(std::move(request), look_at(std::move(fds)), self,
                   [this, name, boot](const Outcome<EnableResult>& result) {
                       started(name, boot, result);
                       one_done();
                   });
    return Ok{};
}

void BootStart::started(const std::string& name, const session::BootSession& boot,
                        const Outcome<EnableResult>& result) {
    if (!result) {
        journal_failure(name, result.error());
        return write_back(name, result.error().code, std::nullopt);
    }
    const auto providers = session::start_request(boot).providers;
    for (size_t i = 0; i < providers.size(); ++i) {
        const Code code = result->codes[i];
        if (code == Code::kOk) continue;
        journal_failure(name, {code, fmt::format("provider {} is not enabled: {}",
                                                 to_string(providers[i].guid), code_text(code))});
    }
    runs(name, boot);
}

void BootStart::runs(const std::string& name, const session::BootSession& boot) {
    const auto number = session::next_log_number(boot);
    write_back(name, Code::kOk,
               number ? std::optional(session::counter_after(boot, *number)) : std::nullopt);
}

void BootStart::write_back(const std::string& name, Code status, std::optional<uint32_t> counter) {
    const auto text = folder_.read(name);
    if (!text) return;  // which the journal says already
    std::string now = session::with_boot_value(*text, "Status", uint32_t(status));
    if (counter) now = session::with_boot_value(now, "FileCounter", *counter);
    if (now == *text) return;
    if (const auto written = folder_.write(name, now); !written)
        journal_failure(name, written.error());
}

}  // namespace etw::host
