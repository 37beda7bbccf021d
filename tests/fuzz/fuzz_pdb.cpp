// Any bytes as a PDB file: nothing is read outside, all ends, and what is found can be written as
// TMF and read back.
#include "support/pdb_builder.h"
#include "tmf/pdb.h"
#include "tmf/tmf_writer.h"

#include <cstdlib>

using namespace etw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const Bytes file = std::as_bytes(std::span(data, size));
    const tmf::ReadAt read = tmf::test::read_from(file);
    auto msf = tmf::MsfFile::open(read, size);
    if (!msf) return 0;
    (void)tmf::read_pdb_identity(*msf);
    const auto pdb = tmf::read_pdb_messages(*msf);
    if (!pdb) return 0;
    const std::string text = tmf::tmf_text({"fuzz.pdb", 0, "fuzz"}, pdb->messages);
    const auto again = tmf::read_tmf(std::as_bytes(std::span(text)));
    if (again.messages.formats().size() > pdb->messages.formats().size()) std::abort();
    (void)tmf::mof_text({"fuzz.pdb", 0, "fuzz"}, pdb->messages.controls());
    return 0;
}
