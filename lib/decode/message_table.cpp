#include "decode/message_table.h"

#include "base/utf16.h"

namespace etw::decode {
namespace {

struct Block {
    uint32_t low_id;
    uint32_t high_id;
    uint32_t offset;  // of the first entry, from the start of the resource
};

struct Entry {
    uint16_t size;  // with this header
    uint16_t flags;
};
constexpr uint16_t kUnicode = 1;

std::string text_of(Bytes bytes, bool is_unicode) {
    std::string text = is_unicode
                           ? to_utf8(bytes)
                           : std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    // Padded with NULs; the compiler ends every text with a line break.
    while (!text.empty() && (text.back() == '\0' || text.back() == '\r' || text.back() == '\n')) {
        text.pop_back();
    }
    return text;
}

}  // namespace

Status read_message_table(Bytes resource, MessageTable& out) {
    ByteReader blocks(resource);
    ETW_TRY(const auto block_count, blocks.read<uint32_t>("message table: blocks"));
    // Blocks may share entries: what is read in all is bounded by what the table could hold.
    size_t budget = resource.size();
    for (uint32_t b = 0; b < block_count; ++b) {
        ETW_TRY(const auto block, blocks.read<Block>("message table: block"));
        if (block.offset > resource.size() || block.low_id > block.high_id) {
            return Error{Code::kInvalidData, "message table: block", blocks.offset()};
        }
        ByteReader in(resource.subspan(block.offset));
        for (uint64_t id = block.low_id; id <= block.high_id; ++id) {
            ETW_TRY(const auto entry, in.read<Entry>("message table: entry"));
            if (entry.size < sizeof(Entry) || entry.size > budget) {
                return Error{Code::kInvalidData, "message table: size of an entry", in.offset()};
            }
            budget -= entry.size;
            ETW_TRY(const Bytes text, in.take(entry.size - sizeof(Entry), "message table: text"));
            out.try_emplace(uint32_t(id), text_of(text, (entry.flags & kUnicode) != 0));
        }
    }
    return Ok{};
}

}  // namespace etw::decode
