// The files of private sessions. Whatever asks their file system is an errand of the session.
#include "base/filetime.h"
#include "host/journal.h"
#include "host/providers/private_sessions.h"
#include "host/recording/log_file.h"
#include "ring/clock.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <utility>

namespace etw::host {
namespace {

std::string name_in_folder(const std::string& path) {
    return std::filesystem::path(path).filename();
}

// What an errand that opens a log takes along.
struct LogToOpen {
    MemberLog log;  // with a descriptor of the session's own file, where it is that
    std::shared_ptr<const UniqueFd> folder;
    mode_t rights = 0;
    uid_t uid = 0;
    gid_t gid = 0;
    uint32_t buffer_size = 0;
    Status opened = Ok{};

    Status open() {
        ETW_CHECK(opened);
        if (!log.file) {
            ETW_TRY(UniqueFd fd, open_as_user(*folder, name_in_folder(log.path), rights, uid, gid));
            log.file = ForeignFd(std::move(fd), uid);
        }
        ETW_TRY(log.identity, identity_of(log.file.get()));
        ETW_TRY(log.former, mark_of(log.file.fd(), buffer_size));
        return Ok{};
    }
};

// Of a process that was killed between the two steps of that, the file has the new header and the
// former events still: it has not begun it. Such a log is begun anew, by the next process or when
// the session ends.
bool has_begun(const MemberLog& log, uint32_t buffer_size) {
    const auto now = mark_of(log.file.fd(), buffer_size);
    return now && now->size >= buffer_size && !(*now == log.former);
}

// Of the file with the path's name in that folder; zero where there is none.
FileIdentity identity_in(const UniqueFd& folder, const std::string& path) {
    struct stat st {};
    const std::string name = name_in_folder(path);
    if (!folder || ::fstatat(folder.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return {};
    return {uint64_t(st.st_dev), uint64_t(st.st_ino)};
}

// The very folder that the session's log was opened in, by its path: the host that held it is gone.
Result<UniqueFd> reopen_folder(const std::string& log_file, const FileIdentity& identity) {
    const std::string path = std::filesystem::path(log_file).parent_path();
    UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return Error{code_from_errno(errno), "private session: folder", uint64_t(errno)};
    ETW_TRY(const FileIdentity now, identity_of(fd.get()));
    if (!(now == identity)) return Error{Code::kPathNotFound, "private session: other folder", 0};
    return fd;
}

Status write_empty_log(UniqueFd file, const SavedSession& saved) {
    ETW_TRY(auto log, begin_log(std::move(file), saved, saved.properties.log_file, false));
    return log.finish({1, 0, 0, filetime_from_unix_ns(ring::sample_clocks().unix_ns)});
}

}  // namespace

// The log for a process that comes, or goes on in another one. `then` gets no session where that
// has ended meanwhile.
void PrivateSessions::open_log(PrivateSession& session, uint64_t connection, OpenedLog then) {
    const auto it = std::make_shared<LogToOpen>();
    const wire::SessionKey key = session.saved().key;
    const auto prepare = [this, key, connection, it] {
        const PrivateSession& s = *find(key);
        const ProviderConnection* process = providers_.find(connection);
        if (process == nullptr) {  // no file is to be left for it
            it->opened = Error{Code::kFileNotFound, "the process has ended", 0};
            return;
        }
        it->log.first = !s.kept.first_taken;
        it->log.path = s.path_of(it->log.first, uint32_t(process->peer().pid));
        it->folder = s.folder;
        it->rights = s.rights;
        it->uid = s.saved().owner_uid;
        it->gid = s.saved().owner_gid;
        it->buffer_size = s.saved().geometry.block_size;
        if (!it->log.first || !s.first_log) return;
        UniqueFd copy(::fcntl(s.first_log.get(), F_DUPFD_CLOEXEC, 0));
        if (!copy) it->opened = Error{code_from_errno(errno), "log file: dup", uint64_t(errno)};
        it->log.file = ForeignFd(std::move(copy), it->uid);
    };
    const auto done = [this, key, it, then = std::move(then)](const Status& ran) {
        if (!ran) return then(find(key), Error{Code::kTimeout, ran.error().what});
        if (it->opened && !it->log.first && hooks_.log_in_use(it->log.identity)) {
            it->opened = Error{Code::kBadPathname, "private session: log of another session", 0};
        }
        if (!it->opened) return then(find(key), it->opened.error());
        then(find(key), std::move(it->log));
    };
    session.files->add({prepare, [it] { it->opened = it->open(); }, done});
}

// A process has ended with logs of which it never said that it has begun them.
void PrivateSessions::look_at_left(PrivateSession& session, PrivateMember member) {
    struct Left {
        PrivateMember member;
        bool begun = true;
        bool next_begun = true;
    };
    const auto left = std::make_shared<Left>(Left{std::move(member)});
    const wire::SessionKey key = session.saved().key;
    const auto look = [left, buffer_size = session.saved().geometry.block_size] {
        const PrivateMember& m = left->member;
        if (m.log.file) left->begun = has_begun(m.log, buffer_size);
        if (m.next) left->next_begun = has_begun(*m.next, buffer_size);
    };
    const auto done = [this, key, left](const Status&) {
        PrivateSession* owner = find(key);
        if (owner == nullptr) return;
        PrivateMember& m = left->member;
        if (!m.confirmed && !left->begun) owner->give_back(m.log);
        if (m.next) settle_next(*owner, m, left->next_begun);
        for (session::PrivateProcess& process : owner->kept.processes) {
            if (process.pid == m.process.pid) process.log_file = m.process.log_file;
        }
        if (const Status saved = save_state(*owner); !saved) {
            journal(folder_.path(), saved.error());
        }
    };
    session.files->add({{}, look, done});
}

// The log of a process that comes back.
void PrivateSessions::identify(PrivateSession& session, uint64_t connection) {
    struct Named {
        std::shared_ptr<const UniqueFd> folder;
        std::string path;
        FileIdentity identity;
    };
    const auto it = std::make_shared<Named>();
    const wire::SessionKey key = session.saved().key;
    const auto log_of = [this, key, connection]() -> MemberLog* {
        PrivateSession* owner = find(key);
        if (owner == nullptr) return nullptr;
        const auto member = owner->members.find(connection);
        return member == owner->members.end() ? nullptr : &member->second.log;
    };
    const auto prepare = [this, key, it, log_of] {
        it->folder = find(key)->folder;
        if (const MemberLog* log = log_of()) it->path = log->path;
    };
    const auto done = [it, log_of](const Status&) {
        MemberLog* log = log_of();
        if (log != nullptr && log->path == it->path) log->identity = it->identity;
    };
    session.files->add(
        {prepare, [it] { it->identity = identity_in(*it->folder, it->path); }, done});
}

// A first log that nobody has come for holds no events, but is a log.
void PrivateSessions::finish_untaken(Errands& files, std::function<Untaken()> find,
                                     std::function<void()> done) {
    const auto it = std::make_shared<Untaken>();
    const auto prepare = [it, find = std::move(find)] { *it = find(); };
    const auto finish = [it] {
        if (!it->log) return;
        const Status finished = write_empty_log(it->log.take(), it->saved);
        if (!finished) journal("cannot finish " + it->saved.properties.log_file, finished.error());
    };
    files.add({prepare, finish, [done = std::move(done)](const Status&) { done(); }});
}

// What a predecessor had open.
void PrivateSessions::reopen_files(PrivateSession& session) {
    struct Reopened {
        SavedSession saved;
        FileIdentity folder_identity;
        bool first_taken = false;
        Status opened = Ok{};
        UniqueFd folder;
        ForeignFd first_log;
        FileIdentity first_identity;
        mode_t rights = 0600;

        Status open() {
            const std::string& path = saved.properties.log_file;
            ETW_TRY(folder, reopen_folder(path, folder_identity));
            if (!first_taken) {
                auto log = open_as_user(folder, name_in_folder(path), rights, saved.owner_uid,
                                        saved.owner_gid);
                if (log) {
                    rights = rights_of(*log);
                    first_log = ForeignFd(std::move(*log), saved.owner_uid);
                }
            }
            first_identity = identity_in(folder, path);
            return Ok{};
        }
    };
    const wire::SessionKey key = session.saved().key;
    const auto it = std::make_shared<Reopened>();
    it->saved = session.saved();
    it->folder_identity = session.kept.folder;
    it->first_taken = session.kept.first_taken;
    const auto done = [this, key, it](const Status& ran) {
        PrivateSession* owner = find(key);
        if (owner == nullptr) return;
        if (const Status& opened = ran ? it->opened : ran; !opened) {
            // The processes that take part go on; others cannot have a log.
            return journal(
                fmt::format("private session '{}': its folder", it->saved.properties.name),
                opened.error());
        }
        owner->folder = std::make_shared<UniqueFd>(std::move(it->folder));
        owner->first_log = std::move(it->first_log);
        owner->first_identity = it->first_identity;
        owner->rights = it->rights;
    };
    session.files->add({{}, [it] { it->opened = it->open(); }, done});
}

}  // namespace etw::host
