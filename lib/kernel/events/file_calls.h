// The system calls on files, and what our programs in the kernel put out of them.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace etw::kernel {

struct FileCall {
    enum class Kind : uint8_t {
        kNone,
        kOpen,
        kClose,
        kRead,
        kWrite,
        kCopy,  // from one file to another, or between one and a pipe or socket
        kFlush,
        kSetSize,
        kListFolder,
        kDelete,
        kRename,
        kMakeFolder,
        kMakeNode,
        kMakeSymlink,
        kLink,
        kSetMode,
        kSetTimes
    };
    // What its arguments are, which the program tells apart too.
    enum Flag : uint32_t {
        kFile = 0x01,  // the first: a descriptor
        kSecondFileAt1 = 0x02,
        kSecondFileAt2 = 0x04,
        kPath = 0x08,            // the first: a path, from the current folder
        kPathAt = 0x10,          // a folder's descriptor and a path
        kPathToo = 0x20,         // the second: one more path
        kPathAtToo = 0x40,       // the third and fourth: one more folder and path
        kOpens = 0x80,           // returns a descriptor
        kFlagsInMemory = 0x100,  // the third: the address of the flags (openat2)
        // These: the address of an offset, or 0.
        kOffsetAt1 = 0x200,
        kOffsetAt2 = 0x400,
        kOffsetAt3 = 0x800,
        kSubmits = 0x1000,  // requests of io_submit()
        kReaps = 0x2000,    // which are done
        // The first is a text, and kPath or kPathAt speak of those behind it.
        kTextFirst = 0x4000,
    };
    long number;
    Kind kind;
    uint32_t flags;
};
std::span<const FileCall> file_calls();
// Of the system call with a number. Null: none of ours.
const FileCall* find_file_call(uint32_t number);

// Records of the programs.
enum class FileRecordKind : uint32_t { kName = 1, kCall = 2, kAsync = 3 };

// A file's path, once: behind this its parts, the last first, each with its NUL.
struct FileName {
    FileRecordKind kind;
    uint32_t device;  // as in struct super_block: major << 20 | minor
    uint64_t inode;
    uint32_t size;    // bytes of the parts: the kernel fills the record up with whatever was there
    uint32_t is_cut;  // not 0: there are folders above these
};

struct CallFile {
    uint64_t file;  // of the kernel's structure; 0: none, or not one that has a path
    uint64_t inode;
    uint64_t position;  // after the call
    uint32_t device;
    uint32_t mode;
};

// A call that has returned. Only one with a path has the parts from `paths` on, and behind them the
// paths, each with its NUL.
struct CallRecord {
    FileRecordKind kind;
    uint32_t number;
    uint32_t flags;    // FileCall::Flag
    uint32_t offsets;  // bits of the arguments that were addresses of offsets, and are these now
    uint64_t duration_ns;
    int64_t result;
    std::array<uint64_t, 8> registers;  // arguments: see argument_of()
    CallFile first;
    CallFile second;
    uint64_t folders[2];  // descriptors
    uint64_t paths[2];    // addresses
    // Where relative paths begin; of an absolute one 0. Of a path that is empty or null: the file
    // of the descriptor.
    CallFile bases[2];
};
static_assert(offsetof(CallRecord, first) == 96 && offsetof(CallRecord, folders) == 160);
static_assert(sizeof(CallRecord) == 256);

// A request of io_submit() or io_uring that is done.
struct AsyncRecord {
    FileRecordKind kind;
    uint32_t writes;  // 1, or 0: reads
    uint32_t thread;  // that has asked
    uint32_t zero;
    uint64_t duration_ns;
    int64_t result;
    CallFile file;  // its position: where the transfer began
};
static_assert(sizeof(AsyncRecord) == 64);

// Where CallRecord::registers stand in struct pt_regs, in bytes, and which of them has an argument,
// by number from 0.
extern const int kRegistersAt;
size_t register_of(size_t argument);
inline uint64_t argument_of(const CallRecord& record, size_t number) {
    return record.registers[register_of(number)];
}

}  // namespace etw::kernel
