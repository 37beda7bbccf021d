// The log files of a session: what their headers say, how one begins, goes on after a crash, ends,
// and how -newfile makes the next one.
#pragma once
#include "etl/log_writer.h"
#include "host/recording/checkpoint.h"
#include "host/session/session_clock.h"
#include "host/survival/saved_session.h"

#include <sys/types.h>

#include <array>
#include <string>
#include <vector>

namespace etw::host {

SessionClock clock_of(const SavedSession& saved);
etl::LogFileInfo log_info(const SavedSession& saved, const std::string& path);
// What a ring set of the session says of itself.
wire::RingSetDescription describe_rings(const SavedSession& saved, uint32_t uid,
                                        const wire::RingGeometry& geometry,
                                        const std::string& runtime_folder);
uint64_t limit_bytes(const session::Properties& properties);  // 0: none

// Begins the session's log in `fd`, which may hold an older file's content: -append goes on with
// it, everything else replaces it. A failure leaves that as it was.
Result<etl::LogWriter> begin_log(UniqueFd fd, const SavedSession& saved, const std::string& path,
                                 bool append);
// What a log begins with that a process is to begin itself: its header buffer up to where that is
// unused. kBadPathname where the names are too long to be sent.
Result<std::vector<std::byte>> log_front(const SavedSession& saved, const std::string& path);
Result<etl::LogWriter> resume_log(UniqueFd fd, const SavedSession& saved, const Progress& progress);
// What tells whether a file is still the log that it was, or was begun anew by another process: its
// size and the header of its first data buffer, as far as there is one.
struct LogMark {
    uint64_t size = 0;  // bytes
    std::array<std::byte, sizeof(wire::BufferHeader)> first{};
    friend bool operator==(const LogMark&, const LogMark&) = default;
};
Result<LogMark> mark_of(const UniqueFd& log, uint32_t buffer_size);
// Opens the log a second time for writes past the page cache; the client's open file stays as it
// is. Empty where the file system has no such writes, or the host not the right to open it.
File open_direct(const File& log);
// The log of a session whose host and keeper are both gone. Only the very file it was.
Result<UniqueFd> reopen_log(const std::string& path, const FileIdentity& identity);
// Its folder, for the next log of a -newfile session; with the rights of that user.
Result<UniqueFd> reopen_folder(const std::string& log_path, uid_t uid, gid_t gid);

// On its disk, for who may not be root.
Result<uint64_t> free_bytes(const UniqueFd& file);
// Refuses a start that could not even fill its file, with so much free on the disk: kDiskFull.
Status check_disk_space(uint64_t available, const session::Properties& properties);
// The same for `needed` bytes that take the place of what the file holds.
Status check_room(const UniqueFd& file, uint64_t needed);
// Only a regular file that can be read and written is a log. Fails with kInvalidParameter.
Status check_log_descriptor(const UniqueFd& fd);

// Opens `name` in `folder` with the rights of that user, not with the host's: a name there may be a
// link that somebody prepared. Calls from one thread change nothing for the others. Who may read a
// new one is what `rights` say.
Result<UniqueFd> open_as_user(const UniqueFd& folder, const std::string& name, mode_t rights,
                              uid_t uid, gid_t gid);
// Who may read and write the log: its user's umask went into it, where the host has another. Only
// its user, if it cannot be told.
mode_t rights_of(const UniqueFd& log);

}  // namespace etw::host
