// Makes PDB files block by block, so that a test can break any of it.
#pragma once
#include "base/byte_writer.h"
#include "etw/guid.h"
#include "tmf/msf.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace etw::tmf::test {

using ByteVector = std::vector<std::byte>;

inline ReadAt read_from(Bytes file) {
    return [file](uint64_t offset, std::span<std::byte> out) -> Status {
        if (offset > file.size() || out.size() > file.size() - offset) {
            return Error{Code::kInvalidData, "read: end of file", offset};
        }
        std::copy_n(file.begin() + ptrdiff_t(offset), out.size(), out.begin());
        return Ok{};
    };
}

// Streams into a file of blocks. They are laid out back to front, so that none lies in order.
class MsfBuilder {
public:
    explicit MsfBuilder(uint32_t block_size = 512) : block_size_(block_size) {}

    void stream(ByteVector bytes) { streams_.push_back(std::move(bytes)); }

    ByteVector build() const {
        std::vector<ByteVector> blocks(3);  // super block and the two free block maps
        std::vector<std::vector<uint32_t>> numbers(streams_.size());
        for (size_t s = streams_.size(); s-- > 0;) numbers[s] = place(streams_[s], blocks);
        ByteWriter directory;
        directory.write(uint32_t(streams_.size()));
        for (const ByteVector& s : streams_) directory.write(uint32_t(s.size()));
        for (const auto& list : numbers) {
            for (const uint32_t n : list) directory.write(n);
        }
        const auto directory_blocks =
            place(ByteVector(directory.bytes().begin(), directory.bytes().end()), blocks);
        ByteWriter map;
        for (const uint32_t n : directory_blocks) map.write(n);
        const auto map_blocks = place(map.take(), blocks);

        ByteWriter super;
        super.append_text(
            {"Microsoft C/C++ MSF 7.00\r\n\x1a"
             "DS\0\0\0",
             32});
        for (const uint32_t value : {block_size_, 1u, uint32_t(blocks.size()),
                                     uint32_t(directory.size()), 0u, map_blocks.at(0)}) {
            super.write(value);
        }
        blocks[0] = super.take();
        ByteVector out;
        for (ByteVector& block : blocks) {
            block.resize(block_size_);
            out.insert(out.end(), block.begin(), block.end());
        }
        return out;
    }

private:
    // The last part of the stream goes to the first of the new blocks.
    std::vector<uint32_t> place(const ByteVector& bytes, std::vector<ByteVector>& blocks) const {
        std::vector<uint32_t> numbers;
        const size_t count = (bytes.size() + block_size_ - 1) / block_size_;
        for (size_t i = count; i-- > 0;) {
            const size_t at = i * block_size_;
            const size_t end = std::min<size_t>(at + block_size_, bytes.size());
            numbers.insert(numbers.begin(), uint32_t(blocks.size()));
            blocks.emplace_back(bytes.begin() + ptrdiff_t(at), bytes.begin() + ptrdiff_t(end));
        }
        return numbers;
    }

    uint32_t block_size_;
    std::vector<ByteVector> streams_;
};

// A PDB of one or more modules with annotations, and enumerations.
class PdbBuilder {
public:
    static constexpr uint32_t kFirstType = 0x1000;

    PdbBuilder() { module(); }

    PdbBuilder& module() {
        modules_.emplace_back().write(uint32_t{4});
        return *this;
    }
    PdbBuilder& annotation(std::vector<std::string_view> strings) {
        ByteWriter out;
        out.write(uint32_t{0x20});
        out.write(uint16_t{1});
        out.write(uint16_t(strings.size()));
        for (const std::string_view s : strings) write_string(out, s);
        symbol(0x1019, out.bytes());
        return *this;
    }
    PdbBuilder& symbol(uint16_t kind, Bytes bytes) {
        ByteWriter out;
        out.append(bytes);
        while ((out.size() + 4) % 4 != 0) out.write(uint8_t{0});
        modules_.back().write(uint16_t(out.size() + 2));
        modules_.back().write(kind);
        modules_.back().append(out.bytes());
        return *this;
    }
    // Values below 0x8000, or 32-bit ones.
    PdbBuilder& enumeration(std::string_view name,
                            const std::vector<std::pair<std::string_view, int64_t>>& values,
                            uint32_t continues = 0) {
        ByteWriter list;
        for (const auto& [value_name, value] : values) write_value(list, value_name, value);
        if (continues != 0) {
            list.write(uint16_t{0x1404});
            list.write(uint16_t{0});
            list.write(continues);
        }
        const uint32_t fields = type(0x1203, list.bytes());
        ByteWriter out;
        out.write(uint16_t(values.size()));
        out.write(uint16_t{0});
        out.write(uint32_t{0x74});  // int
        out.write(fields);
        write_string(out, name);
        type(0x1507, out.bytes());
        return *this;
    }
    uint32_t type(uint16_t kind, Bytes bytes) {
        types_.write(uint16_t(bytes.size() + 2));
        types_.write(kind);
        types_.append(bytes);
        return kFirstType + type_count_++;
    }
    uint32_t last_type() const { return kFirstType + type_count_ - 1; }

    // The streams of build(), in their order, so that tests can replace one.
    std::vector<ByteVector> streams() const {
        std::vector<ByteVector> out(4);
        ByteWriter info;
        for (const uint32_t value : {20000404u, 0x5f000000u, 3u}) info.write(value);
        info.write(guid_);
        out[1] = info.take();
        ByteWriter types;
        for (const uint32_t value :
             {20040203u, 20u, kFirstType, kFirstType + type_count_, uint32_t(types_.size())}) {
            types.write(value);
        }
        types.append(types_.bytes());
        out[2] = types.take();
        ByteWriter list;
        for (size_t i = 0; i < modules_.size(); ++i) {
            write_module(list, uint16_t(4 + i), uint32_t(modules_[i].size()));
        }
        ByteWriter debug;
        for (const uint32_t value : {UINT32_MAX, 19990903u, 3u, 0u, 0u, 0u, uint32_t(list.size()),
                                     0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u}) {
            debug.write(value);
        }
        debug.append(list.bytes());
        out[3] = debug.take();
        for (const ByteWriter& module : modules_) {
            out.emplace_back(module.bytes().begin(), module.bytes().end());
        }
        return out;
    }
    ByteVector build() const {
        MsfBuilder file;
        for (ByteVector& s : streams()) file.stream(std::move(s));
        return file.build();
    }

    const Guid guid_{0x11223344, 0x5566, 0x7788, {1, 2, 3, 4, 5, 6, 7, 8}};

private:
    static void write_string(ByteWriter& out, std::string_view text) {
        out.append_text(text);
        out.write(uint8_t{0});
    }
    static void write_value(ByteWriter& list, std::string_view name, int64_t value) {
        list.write(uint16_t{0x1502});
        list.write(uint16_t{3});
        if (value >= 0 && value < 0x8000) {
            list.write(uint16_t(value));
        } else {
            list.write(uint16_t{0x8003});
            list.write(int32_t(value));
        }
        write_string(list, name);
        for (size_t pad = -list.size() & 3; pad != 0; --pad) list.write(uint8_t(0xF0 + pad));
    }
    static void write_module(ByteWriter& list, uint16_t stream, uint32_t bytes) {
        for (int i = 0; i < 8; ++i) list.write(uint32_t{0});
        list.write(uint16_t{0});
        list.write(stream);
        list.write(bytes);
        for (int i = 0; i < 6; ++i) list.write(uint32_t{0});
        write_string(list, "driver.obj");
        write_string(list, "driver.lib");
        while (list.size() % 4 != 0) list.write(uint8_t{0});
    }

    std::vector<ByteWriter> modules_;
    ByteWriter types_;
    uint32_t type_count_ = 0;
};

}  // namespace etw::tmf::test
