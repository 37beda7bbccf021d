#include "host/boot_start.h"

#include "host/journal.h"
#include "host/recording/log_file.h"
#include "session/boot_rules.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <utility>

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
    fds.emplace_back(*std::move(log), ::geteuid());
    if (numbered) fds.emplace_back(std::move(folder), ::geteuid());
    return fds;
}

Outcome<RequestFiles> open_and_look(const session::Properties& p) {
    ETW_TRY(ForeignFds fds, open_log(p));
    return look_at(std::move(fds));
}

Outcome<Ok> write_into(const boot::BootFolder& folder, const std::string& name, Code status,
                       std::optional<uint32_t> counter) {
    const auto text = folder.read(name);
    if (!text) return Ok{};  // which the journal says already
    std::string now = session::with_boot_value(*text, "Status", uint32_t(status));
    if (counter) now = session::with_boot_value(now, "FileCounter", *counter);
    if (now == *text) return Ok{};
    return folder.write(name, now);
}

}  // namespace

void BootStart::run(std::function<void()> done) {
    done_ = std::move(done);
    const auto read = [this, folder = folder_] {
        const auto all = [&]() -> Outcome<std::vector<Configured>> {
            ETW_TRY(const auto names, folder.names());
            std::vector<Configured> found;
            for (const std::string& name : names) found.push_back({name, folder.load(name)});
            return found;
        }();
        loop_.post([this, all] { start_all(all); });
    };
    if (const Status begun = run_elsewhere(::geteuid(), read); !begun) {
        start_all(failure_of(begun.error(), "its configuration"));
    }
}

void BootStart::start_all(const Outcome<std::vector<Configured>>& all) {
    open_ = 1;
    if (!all) {
        journal(fmt::format("no session of the boot is started: {} [{}]", all.error().detail,
                            uint32_t(all.error().code)));
    }
    for (const auto& [name, parsed] : all ? *all : std::vector<Configured>()) {
        ++open_;
        const auto begun = parsed ? start(name, *parsed) : Outcome<Ok>(parsed.error());
        if (!begun) failed(name, begun.error());
    }
    one_done();
}

void BootStart::one_done() {
    if (--open_ == 0) done_();
}

Outcome<Ok> BootStart::start(const std::string& name, const session::ParsedBoot& parsed) {
    for (const std::string& note : parsed.notes) journal(note);
    const session::BootSession& boot = parsed.session;
    const session::StartRequest request = session::start_request(boot);
    if (!boot.start) {
        one_done();
        return Ok{};
    }
    // One that runs was started by a worker before this one, which was killed before it had
    // started all. With another log it has written down that it did.
    if (const auto running = manager_.query(request.properties.name)) {
        if (running->properties.log_file == request.properties.log_file) {
            runs(name, boot);
        } else {
            one_done();
        }
        return Ok{};
    }
    ETW_CHECK(session::check(boot));
    const auto look = [p = request.properties] { return open_and_look(p); };
    const auto then = [this, name, boot, request,
                       place = starts_.size()](Outcome<RequestFiles> found) {
        const auto files = std::make_shared<Outcome<RequestFiles>>(std::move(found));
        starts_[place] = [this, name, boot, request, files] {
            if (!*files) return failed(name, files->error());
            const PeerCredentials self{::getpid(), ::geteuid(), ::getegid()};
            manager_.start(request, *std::move(*files), self,
                           [this, name, boot](const Outcome<EnableResult>& result) {
                               started(name, boot, result);
                           });
        };
        start_those_in_turn();
    };
    starts_.emplace_back();
    look_elsewhere(loop_, ::geteuid(), request.properties.log_file, look, then);
    return Ok{};
}

// Their logs are looked at all at once; which of two that want the same is refused is not to change
// from boot to boot.
void BootStart::start_those_in_turn() {
    while (next_start_ < starts_.size() && starts_[next_start_]) {
        std::exchange(starts_[next_start_++], nullptr)();
    }
}

void BootStart::started(const std::string& name, const session::BootSession& boot,
                        const Outcome<EnableResult>& result) {
    if (!result) return failed(name, result.error());
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

void BootStart::failed(const std::string& name, const Failure& failure) {
    journal_failure(name, failure);
    write_back(name, failure.code, std::nullopt);
}

void BootStart::write_back(const std::string& name, Code status, std::optional<uint32_t> counter) {
    const auto write = [folder = folder_, name, status, counter] {
        const auto written = write_into(folder, name, status, counter);
        if (!written) journal_failure(name, written.error());
    };
    writes_->add({{}, write, [this](const Status&) { one_done(); }});
}

}  // namespace etw::host
