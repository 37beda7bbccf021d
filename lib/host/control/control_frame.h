// Puts request frames of the control socket together from what the socket delivers.
#pragma once
#include "base/unique_fd.h"
#include "etw/bytes.h"
#include "host/elsewhere.h"
#include "wire/control_protocol.h"

#include <optional>
#include <vector>

namespace etw::host {

struct ControlRequest {
    wire::ControlOp op{};
    std::vector<std::byte> body;
    ForeignFds fds;
};

class ControlFrameReader {
public:
    // Bytes (and descriptors) as they came. Fails with kInvalidData when no request can begin like
    // this, with kRevisionMismatch when it is one of another version; then the connection has to
    // end.
    Status feed(Bytes bytes, ForeignFds fds);
    // A whole request, if there is one.
    std::optional<ControlRequest> next();
    bool in_the_middle() const noexcept { return !bytes_.empty(); }

private:
    Status check_header() const;
    std::vector<std::byte> bytes_;
    ForeignFds fds_;
};

}  // namespace etw::host
