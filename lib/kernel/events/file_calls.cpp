#include "kernel/events/file_calls.h"

#include <asm/ptrace.h>
#include <asm/unistd.h>

#include <algorithm>
#include <iterator>

namespace etw::kernel {
namespace {

using Kind = FileCall::Kind;

constexpr long kNumberOfFchmodat2 = 452;  // since Linux 6.6, on every machine

constexpr FileCall kCalls[] = {
#ifdef __NR_open
    {__NR_open, Kind::kOpen, FileCall::kPath | FileCall::kOpens},
    {__NR_creat, Kind::kOpen, FileCall::kPath | FileCall::kOpens},
    {__NR_unlink, Kind::kDelete, FileCall::kPath},
    {__NR_rmdir, Kind::kDelete, FileCall::kPath},
    {__NR_rename, Kind::kRename, FileCall::kPath | FileCall::kPathToo},
    {__NR_mkdir, Kind::kMakeFolder, FileCall::kPath},
    {__NR_mknod, Kind::kMakeNode, FileCall::kPath},
    {__NR_symlink, Kind::kMakeSymlink, FileCall::kPath | FileCall::kTextFirst},
    {__NR_link, Kind::kLink, FileCall::kPath | FileCall::kPathToo},
    {__NR_chmod, Kind::kSetMode, FileCall::kPath},
    {__NR_utime, Kind::kSetTimes, FileCall::kPath},
    {__NR_utimes, Kind::kSetTimes, FileCall::kPath},
    {__NR_futimesat, Kind::kSetTimes, FileCall::kPathAt},
#endif
#ifdef __NR_renameat
    {__NR_renameat, Kind::kRename, FileCall::kPathAt | FileCall::kPathAtToo},
#endif
    {__NR_openat, Kind::kOpen, FileCall::kPathAt | FileCall::kOpens},
    {__NR_openat2, Kind::kOpen, FileCall::kPathAt | FileCall::kOpens | FileCall::kFlagsInMemory},
    {__NR_unlinkat, Kind::kDelete, FileCall::kPathAt},
    {__NR_renameat2, Kind::kRename, FileCall::kPathAt | FileCall::kPathAtToo},
    {__NR_mkdirat, Kind::kMakeFolder, FileCall::kPathAt},
    {__NR_mknodat, Kind::kMakeNode, FileCall::kPathAt},
    {__NR_symlinkat, Kind::kMakeSymlink, FileCall::kPathAt | FileCall::kTextFirst},
    {__NR_linkat, Kind::kLink, FileCall::kPathAt | FileCall::kPathAtToo},
    {__NR_truncate, Kind::kSetSize, FileCall::kPath},
    {__NR_fchmod, Kind::kSetMode, FileCall::kFile},
    {__NR_fchmodat, Kind::kSetMode, FileCall::kPathAt},
    {kNumberOfFchmodat2, Kind::kSetMode, FileCall::kPathAt},
    {__NR_utimensat, Kind::kSetTimes, FileCall::kPathAt},
    {__NR_close, Kind::kClose, FileCall::kFile},
    {__NR_read, Kind::kRead, FileCall::kFile},
    {__NR_readv, Kind::kRead, FileCall::kFile},
    {__NR_pread64, Kind::kRead, FileCall::kFile},
    {__NR_preadv, Kind::kRead, FileCall::kFile},
    {__NR_preadv2, Kind::kRead, FileCall::kFile},
    {__NR_write, Kind::kWrite, FileCall::kFile},
    {__NR_writev, Kind::kWrite, FileCall::kFile},
    {__NR_pwrite64, Kind::kWrite, FileCall::kFile},
    {__NR_pwritev, Kind::kWrite, FileCall::kFile},
    {__NR_pwritev2, Kind::kWrite, FileCall::kFile},
    {__NR_sendfile, Kind::kCopy, FileCall::kFile | FileCall::kSecondFileAt1 | FileCall::kOffsetAt2},
    {__NR_copy_file_range, Kind::kCopy,
     FileCall::kFile | FileCall::kSecondFileAt2 | FileCall::kOffsetAt1 | FileCall::kOffsetAt3},
    {__NR_splice, Kind::kCopy,
     FileCall::kFile | FileCall::kSecondFileAt2 | FileCall::kOffsetAt1 | FileCall::kOffsetAt3},
    {__NR_fsync, Kind::kFlush, FileCall::kFile},
    {__NR_fdatasync, Kind::kFlush, FileCall::kFile},
    {__NR_ftruncate, Kind::kSetSize, FileCall::kFile},
    {__NR_getdents64, Kind::kListFolder, FileCall::kFile},
    {__NR_io_submit, Kind::kNone, FileCall::kSubmits},
    {__NR_io_getevents, Kind::kNone, FileCall::kReaps},
    {__NR_io_pgetevents, Kind::kNone, FileCall::kReaps},
};
// Eight registers of pt_regs that have all arguments, and which of them has which.
#if defined(__x86_64__)
constexpr int kFirstRegister = offsetof(pt_regs, r10);
constexpr size_t kArguments[] = {7, 6, 5, 0, 2, 1};  // rdi rsi rdx r10 r8 r9
#elif defined(__aarch64__)
constexpr int kFirstRegister = 0;
constexpr size_t kArguments[] = {0, 1, 2, 3, 4, 5};
#endif

}  // namespace

const int kRegistersAt = kFirstRegister;

size_t register_of(size_t argument) { return kArguments[argument]; }

std::span<const FileCall> file_calls() { return kCalls; }

const FileCall* find_file_call(uint32_t number) {
    const auto found = std::find_if(std::begin(kCalls), std::end(kCalls),
                                    [&](const FileCall& c) { return c.number == long(number); });
    return found == std::end(kCalls) ? nullptr : &*found;
}

}  // namespace etw::kernel
