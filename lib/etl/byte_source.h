// Where a reader's bytes come from: a file, or memory of the caller.
//
// A file is read with pread into memory of ours and not mapped, for three reasons. A mapped file
// that another process shortens kills the reader with SIGBUS. A mapped file that another process
// writes may change between the check of a size and its use. And a mapping's resident size grows
// with the file, while here it is one buffer for each processor. The price is one copy into a
// buffer that stays in the cache; bench_log_reader shows that it costs about as much as the page
// faults it saves.
#pragma once
#include "base/file.h"
#include "etw/bytes.h"

#include <cstdint>
#include <memory>
#include <string>

namespace etw::etl {

// Memory that grows and is never filled in vain.
class Storage {
public:
    // At least `size` bytes; what was in them before is lost.
    std::span<std::byte> reserve(size_t size);
    void release() noexcept;

private:
    std::unique_ptr<std::byte[]> bytes_;
    size_t size_ = 0;
};

class ByteSource {
public:
    explicit ByteSource(Bytes memory) noexcept : memory_(memory), size_(memory.size()) {}
    static Result<ByteSource> open(const std::string& path);

    uint64_t size() const noexcept { return size_; }  // at the time of opening

    // Exactly `size` bytes: a view of the memory, or read into `storage`. Fails with kInvalidData
    // where the source is shorter, or the code of reading.
    Result<Bytes> read(uint64_t offset, size_t size, Storage& storage) const;
    // From `offset` up to there everything is zero; nothing has to be read to know it.
    uint64_t next_data(uint64_t offset) const;

private:
    ByteSource(File file, uint64_t size) noexcept : file_(std::move(file)), size_(size) {}

    File file_;
    Bytes memory_;
    uint64_t size_ = 0;
};

}  // namespace etw::etl
