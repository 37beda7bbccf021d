// What programs read and write without a system call for each: io_submit() and io_uring. Our
// programs in the kernel note a request as it is made; when it is done, they put out what came of
// it.
#pragma once
#include "kernel/programs/bpf_probe.h"
#include "kernel/programs/file_code.h"

namespace etw::kernel {

// For the program that sees calls return. Requests are known by their address in the process and
// the process, and where a program looks up itself what is done, without a call, they are not told.
class AsyncCode : protected FileCode {
protected:
    // `requests`: a map of make_request_map().
    AsyncCode(const FileOffsets& offsets, const FileMaps& maps, int requests)
        : FileCode(offsets, maps), requests_(requests) {}

    // Where the kernel has_loops():
    // submitted(r1: context, r2: CallRecord): what io_submit() has taken up.
    void write_submitted();
    // reaped(r1: context, r2: CallRecord): what io_getevents() has found done.
    void write_reaped();

    BpfCode::Label submitted_ = code_.label();
    BpfCode::Label reaped_ = code_.label();

private:
    void write_rounds(BpfCode::Label begin, BpfCode::Label round);

    int requests_;
};
Result<UniqueFd> make_request_map();

// Attaches programs for io_uring to a probe that watches files; `told` is its map. Left out where
// the kernel does not have what they need (before Linux 6.2).
void watch_io_uring(BpfProbe& probe, const FileOffsets& offsets, int told);

}  // namespace etw::kernel
