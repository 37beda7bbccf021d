// The folder that holds the configuration of boot sessions, in the place of Windows' registry:
//
//   globallogger.conf       GlobalLogger
//   autologger/NAME.conf    the AutoLogger NAME; names count without regard to case
//
// tracelog writes it, people do, and the session host reads it and opens the log files that it
// names. So the host believes nothing here that others than its own user or root could have
// written: folders and files belong to one of the two and are writable by their owner alone, and
// links are not followed below the folder.
#pragma once
#include "base/unique_fd.h"
#include "session/boot_config.h"

#include <string>
#include <vector>

namespace etw::boot {

constexpr size_t kMaxConfigBytes = 1024 * 1024;

// ETW_CONFIG_DIR, else /etc/openetw for root, else openetw in $XDG_CONFIG_HOME or ~/.config.
std::string default_config_folder();
// Where logs of boot sessions go by default: /var/log/openetw for root, else openetw in
// $XDG_STATE_HOME or ~/.local/state.
std::string default_log_folder();

// Makes what is missing of an absolute path.
session::Outcome<Ok> make_folders(const std::string& path);

class BootFolder {
public:
    // `path` is absolute and need not exist. `log_folder` is that of logs without a FileName.
    BootFolder(std::string path, std::string log_folder)
        : path_(std::move(path)), log_folder_(std::move(log_folder)) {}

    // Of all sessions: GlobalLogger first, then the AutoLoggers in the order of their names. Empty
    // where there is no configuration. Fails where the folder cannot be believed.
    session::Outcome<std::vector<std::string>> names() const;

    // The session's configuration as text; kFileNotFound where it has none.
    session::Outcome<std::string> read(const std::string& name) const;
    session::Outcome<session::ParsedBoot> load(const std::string& name) const;

    // Makes the folder where it is missing. Written beside and renamed over: a kill leaves the old
    // configuration or the new one.
    session::Outcome<Ok> write(const std::string& name, const std::string& text) const;

    std::string file_of(const std::string& name) const;  // its path
    const std::string& log_folder() const { return log_folder_; }

private:
    session::Outcome<UniqueFd> open_folder(const std::string& name) const;
    session::Outcome<UniqueFd> make_folder(const std::string& name) const;
    std::string folder_of(const std::string& name) const;

    std::string path_;
    std::string log_folder_;
};

}  // namespace etw::boot
