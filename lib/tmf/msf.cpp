#include "tmf/msf.h"

#include <algorithm>
#include <bit>
#include <string_view>

namespace etw::tmf {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kMagic =
    "Microsoft C/C++ MSF 7.00\r\n\x1a"
    "DS\0\0\0"sv;

// Offset 0 of the file. Source: LLVM, "The MSF File Format".
struct SuperBlock {
    char magic[32];
    uint32_t block_size;      // bytes, a power of two
    uint32_t free_block_map;  // 1 or 2: of no use to a reader
    uint32_t block_count;     // blocks of the file
    uint32_t directory_size;  // bytes
    uint32_t unknown;
    uint32_t block_map;  // block that lists the blocks of the directory
};
static_assert(sizeof(SuperBlock) == 56 && offsetof(SuperBlock, block_map) == 52);

constexpr uint32_t kMinBlockSize = 512;
constexpr uint32_t kMaxBlockSize = 65536;
constexpr uint32_t kNoStream = UINT32_MAX;  // as a size
// Bytes that may be read in proportion to the file: sound files need less than once.
constexpr uint64_t kReadBudget = 4;

}  // namespace

Result<MsfFile> MsfFile::open(ReadAt read, uint64_t file_size) {
    MsfFile file(std::move(read), file_size);
    ETW_CHECK(file.read_super_block());
    ETW_CHECK(file.read_directory());
    return file;
}

Status MsfFile::read_super_block() {
    SuperBlock super{};
    if (file_size_ < sizeof(super)) return Error{Code::kInvalidData, "PDB: too short"};
    ETW_CHECK(read_(0, std::as_writable_bytes(std::span(&super, 1))));
    if (std::string_view(super.magic, sizeof(super.magic)) != kMagic) {
        return Error{Code::kInvalidData, "PDB: no MSF 7.00 signature"};
    }
    if (!std::has_single_bit(super.block_size) || super.block_size < kMinBlockSize ||
        super.block_size > kMaxBlockSize) {
        return Error{Code::kInvalidData, "PDB: block size", offsetof(SuperBlock, block_size)};
    }
    if (super.directory_size > file_size_) {
        return Error{Code::kInvalidData, "PDB: size of the directory",
                     offsetof(SuperBlock, directory_size)};
    }
    block_size_ = super.block_size;
    directory_size_ = super.directory_size;
    block_map_ = super.block_map;
    return Ok{};
}

Status MsfFile::read_directory() {
    std::vector<uint32_t> map(blocks_of(directory_size_));
    const uint64_t map_at = uint64_t{block_map_} * block_size_;
    if (map_at > file_size_ || map.size() * sizeof(uint32_t) > file_size_ - map_at) {
        return Error{Code::kInvalidData, "PDB: list of the directory's blocks", map_at};
    }
    ETW_CHECK(read_(map_at, std::as_writable_bytes(std::span(map))));
    ETW_TRY(const auto directory, gather(map, directory_size_));

    ByteReader in(directory);
    ETW_TRY(const auto count, in.read<uint32_t>("PDB: number of streams"));
    if (count > in.remaining() / sizeof(uint32_t)) {
        return Error{Code::kInvalidData, "PDB: number of streams"};
    }
    streams_.reserve(count);
    size_t blocks = 0;
    for (uint32_t i = 0; i < count; ++i) {
        ETW_TRY(auto size, in.read<uint32_t>("PDB: size of a stream"));
        if (size == kNoStream) size = 0;
        streams_.push_back({size, blocks});
        blocks += blocks_of(size);
    }
    if (blocks > in.remaining() / sizeof(uint32_t)) {
        return Error{Code::kInvalidData, "PDB: blocks of the streams", in.offset()};
    }
    ETW_TRY(const Bytes numbers, in.take(blocks * sizeof(uint32_t), "PDB: blocks of the streams"));
    block_numbers_.resize(blocks);
    if (blocks != 0) std::memcpy(block_numbers_.data(), numbers.data(), numbers.size());
    return Ok{};
}

Result<std::vector<std::byte>> MsfFile::read_stream(size_t index) {
    if (index >= streams_.size()) return Error{Code::kInvalidData, "PDB: no such stream", index};
    const Stream& stream = streams_[index];
    return gather(std::span(block_numbers_).subspan(stream.first_block, blocks_of(stream.size)),
                  stream.size);
}

Result<std::vector<std::byte>> MsfFile::gather(std::span<const uint32_t> blocks, uint32_t size) {
    if (size > kReadBudget * file_size_ - gathered_) {
        return Error{Code::kInvalidData, "PDB: streams larger than the file"};
    }
    gathered_ += size;
    std::vector<std::byte> out(size);
    size_t done = 0;
    while (!blocks.empty()) {
        // Blocks that follow each other in the file are read at once.
        size_t run = 1;
        while (run < blocks.size() && blocks[run] == uint64_t{blocks[0]} + run) ++run;
        const size_t part = std::min(run * block_size_, size - done);
        const uint64_t at = uint64_t{blocks[0]} * block_size_;
        if (at > file_size_ || part > file_size_ - at) {
            return Error{Code::kInvalidData, "PDB: block outside the file", at};
        }
        ETW_CHECK(read_(at, std::span(out).subspan(done, part)));
        done += part;
        blocks = blocks.subspan(run);
    }
    return out;
}

}  // namespace etw::tmf
