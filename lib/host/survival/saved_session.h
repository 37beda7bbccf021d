// What the host remembers of a session outside its own memory, so that the next host of the same
// boot can go on with it: <runtime folder>/sessions/<slot>/config. How far the log is written
// changes with every write and stands in checkpoint.h.
#pragma once
#include "etw/bytes.h"
#include "etw/session_properties.h"
#include "host/process.h"
#include "wire/provider_protocol.h"

#include <optional>
#include <string>
#include <vector>

namespace etw::host {

// A process that a filter by process ids named while it ran.
struct Admitted {
    Guid provider;
    ProcessKey process;

    friend bool operator==(const Admitted&, const Admitted&) = default;
};

struct SavedSession {
    wire::SessionKey key{};
    wire::RingGeometry geometry{};
    session::Properties properties;  // defaults applied
    std::vector<session::ProviderEnable> providers;
    std::vector<Admitted> admitted;  // of all filters by process ids
    ProcessKey owner;                // the process whose end ends the session; pid 0: none
    uint32_t owner_uid = 0;
    uint32_t owner_gid = 0;
    uint32_t controller_pid = 0;
    // One instant on the counter and on the wall clock, and the counter's rate: the log's time.
    int64_t start_counter = 0;
    int64_t start_filetime = 0;
    uint64_t counter_hz = 0;

    bool is_real_time() const { return (properties.log_file_mode & kModeRealTime) != 0; }

    friend bool operator==(const SavedSession&, const SavedSession&) = default;
};

// An id of the running boot: state of an earlier one means nothing (the counter began anew).
std::string boot_id();

std::vector<std::byte> encode_saved(const SavedSession& saved, const std::string& boot);
// Untrusted bytes (another version may have written them). kInvalidData for anything but a whole
// config of this boot.
Result<SavedSession> decode_saved(Bytes bytes, const std::string& boot);

// Folder of a session's state.
std::string state_folder(const std::string& sessions_folder, uint32_t slot);
std::string checkpoint_path(const std::string& sessions_folder, uint32_t slot);

// Written beside and renamed over: a kill leaves the old one or the new one.
Status save(const std::string& sessions_folder, const SavedSession& saved);
Result<SavedSession> load_saved(const std::string& sessions_folder, uint32_t slot);
// Of a session before it has the kernel change programs (set breakpoints): what is to be looked
// through where nobody goes on with it. Stays with its state.
Status save_beginning(const std::string& sessions_folder, const SavedSession& saved);
Result<SavedSession> load_beginning(const std::string& sessions_folder, uint32_t slot);
// Which session is being taken up, for the host that follows a crash.
void mark_slot(const std::string& runtime_folder, uint32_t slot);
std::optional<uint32_t> marked_slot(const std::string& runtime_folder);
void unmark_slot(const std::string& runtime_folder);
// Moves a session's state out of the way, for people to look at. Returns where it is.
std::string set_aside(const std::string& runtime_folder, const std::string& sessions_folder,
                      uint32_t slot);
void remove_state(const std::string& sessions_folder, uint32_t slot);

}  // namespace etw::host
