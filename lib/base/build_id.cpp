#include "base/build_id.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace etw {

BuildId build_id_of_notes(Bytes notes) {
    struct Note {
        uint32_t name_size, size, type;
    };
    constexpr uint32_t kBuildId = 3;  // NT_GNU_BUILD_ID
    constexpr std::string_view kOwner("GNU\0", 4);
    constexpr size_t kLongest = 64;
    ByteReader in(notes);
    // Padded to words; behind the last one the padding may be missing.
    const auto take = [&in](uint32_t size, const char* what) {
        const auto taken = in.take(size, what);
        const size_t padding = (4 - size % 4) % 4;
        static_cast<void>(in.take(std::min(padding, in.rest().size()), what));
        return taken;
    };
    while (const auto note = in.read<Note>("note")) {
        const auto name = take(note->name_size, "note: name");
        const auto data = take(note->size, "note: data");
        if (!name || !data) break;
        if (note->type != kBuildId || note->name_size != kOwner.size() ||
            std::memcmp(name->data(), kOwner.data(), kOwner.size()) != 0) {
            continue;
        }
        if (note->size > kLongest) break;
        return {data->begin(), data->end()};
    }
    return {};
}

}  // namespace etw
