// Any bytes as a TMF file: all ends, names stay within their budget, and what was read is read
// again from what is written of it.
#include "tmf/tmf_reader.h"
#include "tmf/tmf_writer.h"

#include <cstdlib>

using namespace etw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto text = tmf::read_tmf(std::as_bytes(std::span(data, size)));
    const std::string written = tmf::tmf_text({"fuzz.pdb", 0, "fuzz"}, text.messages);
    const auto again = tmf::read_tmf(std::as_bytes(std::span(written)));
    if (again.messages.formats().size() != text.messages.formats().size()) std::abort();
    return 0;
}
