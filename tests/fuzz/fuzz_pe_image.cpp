// Any bytes as an executable of Windows: nothing is read outside.
#include "support/pdb_builder.h"
#include "tmf/pe_image.h"

using namespace etw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const Bytes file = std::as_bytes(std::span(data, size));
    const tmf::ReadAt read = tmf::test::read_from(file);
    (void)tmf::read_pdb_reference(read, size);
    return 0;
}
