#include "host/control/control_frame.h"

#include <iterator>

namespace etw::host {
namespace {

std::optional<wire::ControlFrame> header_of(Bytes bytes) {
    const auto frame = ByteReader(bytes).read<wire::ControlFrame>("control frame");
    return frame ? std::optional(*frame) : std::nullopt;
}

}  // namespace

Status ControlFrameReader::check_header() const {
    const auto frame = header_of(bytes_);
    if (!frame) return Ok{};
    if (frame->magic != wire::ControlFrame::kMagic) {
        return Error{Code::kInvalidData, "control frame: magic", 0};
    }
    if (frame->version != wire::kControlProtocolVersion) {
        return Error{Code::kRevisionMismatch, "control frame: version", frame->version};
    }
    if (frame->size > wire::kMaxControlBody) {
        return Error{Code::kInvalidData, "control frame: size", 12};
    }
    return Ok{};
}

Status ControlFrameReader::feed(Bytes bytes, ForeignFds fds) {
    // One request at a time: a controller waits for the answer before it asks again.
    if (fds_.size() + fds.size() > wire::kMaxControlDescriptors) {
        return Error{Code::kInvalidData, "control frame: descriptors", 0};
    }
    fds_.insert(fds_.end(), std::make_move_iterator(fds.begin()),
                std::make_move_iterator(fds.end()));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    ETW_CHECK(check_header());
    const auto frame = header_of(bytes_);
    if (frame && bytes_.size() - sizeof(*frame) > frame->size) {
        return Error{Code::kInvalidData, "control frame: bytes behind it", 0};
    }
    return Ok{};
}

std::optional<ControlRequest> ControlFrameReader::next() {
    const auto frame = header_of(bytes_);
    if (!frame || bytes_.size() - sizeof(*frame) < frame->size) return std::nullopt;
    ControlRequest request;
    request.op = wire::ControlOp(frame->op);
    request.body.assign(bytes_.begin() + sizeof(*frame), bytes_.end());
    request.fds = std::move(fds_);
    bytes_.clear();
    return request;
}

}  // namespace etw::host
