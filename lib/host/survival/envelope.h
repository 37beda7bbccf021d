// A file that is on its way: in a socket's queue, where no process has it open. To close a file
// asks its file system, and so does the end of a process that has it open; a file that does not
// answer would hold up both. What lies in an envelope is let go without being asked.
#pragma once
#include "base/unique_fd.h"
#include "etw/result.h"

namespace etw::host {

Result<UniqueFd> into_envelope(const UniqueFd& file);
// Opens it once more; it stays in the envelope, too. kInvalidData: that is no envelope.
Result<UniqueFd> out_of_envelope(const UniqueFd& envelope);

}  // namespace etw::host
