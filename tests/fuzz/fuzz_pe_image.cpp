// Any bytes as an executable of Windows: nothing is read outside.
#include "tmf/pe_image.h"

#include <algorithm>

using namespace etw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const Bytes file = std::as_bytes(std::span(data, size));
    const tmf::ReadAt read = [file](uint64_t offset, std::span<std::byte> out) -> Status {
        if (offset > file.size() || out.size() > file.size() - offset) {
            return Error{Code::kInvalidData, "read", offset};
        }
        std::copy_n(file.begin() + ptrdiff_t(offset), out.size(), out.begin());
        return Ok{};
    };
    (void)tmf::read_pdb_reference(read, size);
    return 0;
}
