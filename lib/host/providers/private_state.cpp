#include "host/providers/private_state.h"

#include "base/file.h"
#include "session/codec.h"
#include "wire/control_protocol.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>

namespace etw::host {
namespace {

struct FixedPart {
    FileIdentity folder;
    uint64_t first_taken;
};
static_assert(sizeof(FixedPart) == 24);
constexpr uint64_t kMagic = 0x3256495057544524;  // as in saved_session.cpp
constexpr uint64_t kMaxSize = 4 * 1024 * 1024;

std::string path_in(const std::string& folder) { return folder + "/private"; }

Error os_error(const char* what) { return {code_from_errno(errno), what, uint64_t(errno)}; }

}  // namespace

// Written beside and renamed over: a kill leaves the old one or the new one.
Status save_private(const std::string& folder, const PrivateState& state) {
    ByteWriter out;
    out.write(kMagic);
    out.write(wire::kControlProtocolVersion);
    out.write(FixedPart{state.folder, state.first_taken ? 1u : 0u});
    session::SessionStatus status;
    status.processes = state.processes;
    session::encode(out, status);
    const std::string temporary = path_in(folder) + ".new";
    {
        ETW_TRY(File file, File::create(temporary, true));
        ETW_CHECK(file.write_at(0, out.bytes()));
    }
    if (std::rename(temporary.c_str(), path_in(folder).c_str()) != 0) {
        return os_error("private state: rename");
    }
    return Ok{};
}

Result<PrivateState> load_private(const std::string& folder) {
    const File file(UniqueFd(::open(path_in(folder).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)));
    if (!file) return os_error("private state: open");
    ETW_TRY(const uint64_t size, file.size());
    if (size > kMaxSize) return Error{Code::kInvalidData, "private state: size", size};
    std::vector<std::byte> bytes(size);
    ETW_CHECK(file.read_at(0, bytes));
    ByteReader in(bytes);
    ETW_TRY(const auto magic, in.read<uint64_t>("private state: magic"));
    if (magic != kMagic) return Error{Code::kInvalidData, "private state: magic", 0};
    ETW_TRY(const auto version, in.read<uint32_t>("private state: version"));
    if (version != wire::kControlProtocolVersion) {
        return Error{Code::kRevisionMismatch, "private state: version", version};
    }
    ETW_TRY(const auto fixed, in.read<FixedPart>("private state: fixed part"));
    ETW_TRY(auto status, session::decode<session::SessionStatus>(in.rest()));
    return PrivateState{fixed.folder, fixed.first_taken != 0, std::move(status.processes)};
}

}  // namespace etw::host
