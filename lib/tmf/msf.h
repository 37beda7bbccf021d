// The container of PDB files, MSF 7.0: streams scattered over the blocks of a file. The layout is
// that of LLVM's "The MSF File Format". LLVM's own reader is no library that a distribution keeps
// stable, and what is needed of it is this page; the file is untrusted.
#pragma once
#include "etw/bytes.h"
#include "tmf/read_at.h"

#include <vector>

namespace etw::tmf {

class MsfFile {
public:
    // Fails with kInvalidData where the file is none, or its directory is damaged.
    static Result<MsfFile> open(ReadAt read, uint64_t file_size);

    size_t stream_count() const noexcept { return streams_.size(); }
    // A stream that is not there is empty. Streams that share blocks are not all read: what one
    // file gives is bounded by a multiple of its size.
    Result<std::vector<std::byte>> read_stream(size_t index);

private:
    struct Stream {
        uint32_t size;
        size_t first_block;  // of block_numbers_
    };

    MsfFile(ReadAt read, uint64_t file_size) : read_(std::move(read)), file_size_(file_size) {}
    Status read_super_block();
    Status read_directory();
    Result<std::vector<std::byte>> gather(std::span<const uint32_t> blocks, uint32_t size);
    size_t blocks_of(uint32_t size) const noexcept {
        return size / block_size_ + (size % block_size_ != 0 ? 1 : 0);
    }

    ReadAt read_;
    uint64_t file_size_;
    uint32_t block_size_ = 0;
    uint32_t directory_size_ = 0;
    uint32_t block_map_ = 0;  // number of the block that lists those of the directory
    std::vector<Stream> streams_;
    std::vector<uint32_t> block_numbers_;
    uint64_t gathered_ = 0;  // bytes read so far
};

}  // namespace etw::tmf
