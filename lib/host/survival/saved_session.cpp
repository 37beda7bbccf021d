#include "host/survival/saved_session.h"

#include "base/file.h"
#include "base/testpoint.h"
#include "session/codec.h"
#include "wire/control_protocol.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace etw::host {
namespace {

// The values of fixed size, in the order they stand in the file after the boot id.
struct FixedPart {
    wire::SessionKey key;
    wire::RingGeometry geometry;
    uint32_t owner_uid;
    uint32_t owner_gid;
    uint32_t controller_pid;
    uint32_t reserved;
    int64_t start_counter;
    int64_t start_filetime;
    uint64_t counter_hz;
    ProcessKey owner;
    uint32_t admitted;  // that many Admitted follow
    uint32_t reserved2;
};
static_assert(sizeof(FixedPart) == 96 && sizeof(Admitted) == 32);

// Changes with the layout of what stands before the session, whose form is that of the control
// protocol and changes with its version.
constexpr uint64_t kMagic = 0x3347464357544524;
constexpr uint64_t kMaxConfigSize = 4 * 1024 * 1024;

std::string config_path(const std::string& folder) { return folder + "/config"; }

std::string beginning_path(const std::string& folder) { return folder + "/beginning"; }

std::string mark_path(const std::string& runtime_folder) { return runtime_folder + "/recovering"; }

Error os_error(const char* what) { return {code_from_errno(errno), what, uint64_t(errno)}; }

Status save_as(const std::string& path, const std::string& folder, const SavedSession& saved) {
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return os_error("state folder");
    const std::string temporary = path + ".new";
    {
        ETW_TRY(File file, File::create(temporary, true));
        ETW_CHECK(file.write_at(0, encode_saved(saved, boot_id())));
    }
    ETW_TESTPOINT("state.written");
    if (std::rename(temporary.c_str(), path.c_str()) != 0) return os_error("state: rename");
    return Ok{};
}

Result<SavedSession> load_from(const std::string& path, uint32_t slot) {
    const File file(UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)));
    if (!file) return os_error("state: open");
    ETW_TRY(const uint64_t size, file.size());
    if (size > kMaxConfigSize) return Error{Code::kInvalidData, "config: size", size};
    std::vector<std::byte> bytes(size);
    ETW_CHECK(file.read_at(0, bytes));
    ETW_TRY(auto saved, decode_saved(bytes, boot_id()));
    if (saved.key.slot != slot) return Error{Code::kInvalidData, "config: slot", saved.key.slot};
    return saved;
}

}  // namespace

std::string boot_id() {
    std::ifstream in("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(in, id);
    return id;
}

std::vector<std::byte> encode_saved(const SavedSession& s, const std::string& boot) {
    ByteWriter out;
    out.write(kMagic);
    out.write(wire::kControlProtocolVersion);
    out.write_counted(boot);
    out.write(FixedPart{s.key, s.geometry, s.owner_uid, s.owner_gid, s.controller_pid, 0,
                        s.start_counter, s.start_filetime, s.counter_hz, s.owner,
                        uint32_t(s.admitted.size()), 0});
    for (const Admitted& process : s.admitted) out.write(process);
    session::SessionStatus status;
    status.properties = s.properties;
    status.providers = s.providers;
    session::encode(out, status);
    return out.take();
}

Result<SavedSession> decode_saved(Bytes bytes, const std::string& boot) {
    ByteReader in(bytes);
    ETW_TRY(const auto magic, in.read<uint64_t>("config: magic"));
    if (magic != kMagic) return Error{Code::kInvalidData, "config: magic", 0};
    ETW_TRY(const auto version, in.read<uint32_t>("config: version"));
    if (version != wire::kControlProtocolVersion) {
        return Error{Code::kRevisionMismatch, "config: version", version};
    }
    ETW_TRY(const auto written_in, in.take_counted("config: boot id"));
    if (written_in != boot) return Error{Code::kInvalidData, "config: of another boot", 0};
    ETW_TRY(const auto fixed, in.read<FixedPart>("config: fixed part"));
    constexpr uint32_t kSlots = wire::kMaxSessions + wire::kMaxPrivateSessions;
    if (fixed.key.slot >= kSlots || fixed.key.epoch == 0 || !fixed.geometry.valid() ||
        fixed.counter_hz == 0) {
        return Error{Code::kInvalidData, "config: values", in.offset()};
    }
    SavedSession s;
    for (uint32_t i = 0; i < fixed.admitted; ++i) {
        ETW_TRY(s.admitted.emplace_back(), in.read<Admitted>("config: admitted process"));
    }
    ETW_TRY(auto status, session::decode<session::SessionStatus>(in.rest()));
    s.key = fixed.key;
    s.geometry = fixed.geometry;
    s.properties = std::move(status.properties);
    s.providers = std::move(status.providers);
    s.owner_uid = fixed.owner_uid;
    s.owner_gid = fixed.owner_gid;
    s.controller_pid = fixed.controller_pid;
    s.start_counter = fixed.start_counter;
    s.start_filetime = fixed.start_filetime;
    s.counter_hz = fixed.counter_hz;
    s.owner = fixed.owner;
    return s;
}

std::string state_folder(const std::string& sessions_folder, uint32_t slot) {
    return fmt::format("{}/{}", sessions_folder, slot);
}

std::string checkpoint_path(const std::string& sessions_folder, uint32_t slot) {
    return state_folder(sessions_folder, slot) + "/checkpoint";
}

Status save(const std::string& sessions_folder, const SavedSession& saved) {
    const std::string folder = state_folder(sessions_folder, saved.key.slot);
    return save_as(config_path(folder), folder, saved);
}

Result<SavedSession> load_saved(const std::string& sessions_folder, uint32_t slot) {
    return load_from(config_path(state_folder(sessions_folder, slot)), slot);
}

Status save_beginning(const std::string& sessions_folder, const SavedSession& saved) {
    const std::string folder = state_folder(sessions_folder, saved.key.slot);
    return save_as(beginning_path(folder), folder, saved);
}

Result<SavedSession> load_beginning(const std::string& sessions_folder, uint32_t slot) {
    return load_from(beginning_path(state_folder(sessions_folder, slot)), slot);
}

// Renamed into place: a worker that is killed while it writes must not leave an empty mark, which
// would let the session crash its host without end.
void mark_slot(const std::string& runtime_folder, uint32_t slot) {
    const std::string path = mark_path(runtime_folder);
    const std::string temporary = path + ".new";
    std::ofstream(temporary) << slot;
    std::rename(temporary.c_str(), path.c_str());
}

std::optional<uint32_t> marked_slot(const std::string& runtime_folder) {
    uint32_t slot = 0;
    std::ifstream in(mark_path(runtime_folder));
    if (!(in >> slot) || slot >= wire::kMaxSessions) return std::nullopt;
    return slot;
}

void unmark_slot(const std::string& runtime_folder) { ::unlink(mark_path(runtime_folder).c_str()); }

std::string set_aside(const std::string& runtime_folder, const std::string& sessions_folder,
                      uint32_t slot) {
    const std::string aside = fmt::format("{}/crashed-{}", runtime_folder, slot);
    std::error_code ignored;
    std::filesystem::remove_all(aside, ignored);
    std::filesystem::rename(state_folder(sessions_folder, slot), aside, ignored);
    return aside;
}

void remove_state(const std::string& sessions_folder, uint32_t slot) {
    const std::string folder = state_folder(sessions_folder, slot);
    // The config first: without it the rest means nothing.
    ::unlink(config_path(folder).c_str());
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
}

}  // namespace etw::host
