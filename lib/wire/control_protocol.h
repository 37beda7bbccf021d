// Framing of the control socket (SOCK_STREAM, `control.sock` in the host's folder): a request frame
// from a controller, one response frame from the host, any number of times. Bodies are the byte
// forms of lib/session/codec.h. Descriptors travel with the first byte of a frame. The log file's
// folder comes along for -newfile and private sessions only; the host truncates a log when it
// begins it.
//
// Each frame begins with the version of its sender. A host answers a frame of another version with
// an empty one of its own and kRevisionMismatch, and ends the connection: who reads that can say
// which version runs. ControlFrame stays as it is in all versions.
//
// A controller that finds nobody listening starts `etwd --runtime-dir DIR --ready-fd N`; etwd
// writes one byte to N once it listens and closes it. The host keeps what it needs to take up its
// sessions again in DIR/sessions: while anything is there, controllers start a host for any
// request.
#pragma once
#include <cstddef>
#include <cstdint>

namespace etw::wire {

// Rises with every change of a body's form, also where members are only added: the other end takes
// a body of another length for damage. A test holds the forms against the number.
constexpr uint32_t kControlProtocolVersion = 4;

enum class ControlOp : uint32_t {
    kStart = 1,      // session::StartRequest  -> EnableResult; fds: log file, [its folder]
    kStop,           // name                   -> SessionStatus, final
    kQuery,          // name                   -> SessionStatus
    kList,           // nothing                -> SessionStatus...
    kUpdate,         // session::UpdateRequest -> SessionStatus; fds: [new log file, its folder]
    kFlush,          // session::FlushRequest  -> SessionStatus; fds: [file for the snapshot]
    kEnable,         // session::EnableRequest -> EnableResult
    kDisable,        // session::EnableRequest -> EnableResult
    kCaptureState,   // session::EnableRequest -> EnableResult
    kListProviders,  // nothing                -> RegisteredProvider...
    kPrivate = 12,   // session::PrivateRequest -> SessionStatus; fds: [new log file, its folder]
    kIncrementFile,  // name                   -> SessionStatus
    kConsume,        // session::ConsumeRequest -> ConsumeGrant; fds: an end of a socket pair
    kListRefused,    // nothing                -> RefusedProgram...
    kSystemRundown,  // name                   -> SessionStatus
    kListKernelProviders,  // nothing          -> RegisteredProvider...
};

struct ControlFrame {
    static constexpr uint32_t kMagic = 0x43575445;  // "ETWC"
    uint32_t magic;
    uint32_t version;  // kControlProtocolVersion
    uint32_t op;       // request: ControlOp; response: Code
    uint32_t size;     // bytes of the body that follows
};
static_assert(sizeof(ControlFrame) == 16);
constexpr char kSavedSessionsFolder[] = "sessions";
// In the folder of a session there: rings that a program left, as PREFIX device-inode-blocks.
constexpr char kLeftRingsPrefix[] = "left-";
constexpr char kHostLockName[] = "lock";  // flock of the host that has the folder
constexpr size_t kMaxControlBody = 4 * 1024 * 1024;
constexpr size_t kMaxControlDescriptors = 2;

}  // namespace etw::wire
