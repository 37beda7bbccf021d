// Prints the trace message formats of binaries as TMF, for tests of what compilers make of
// etw/trace_message.h.
#include "tmf/binary.h"
#include "tmf/tmf_writer.h"

#include <cstdio>

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        const auto found = etw::tmf::read_binary(argv[i]);
        if (!found) {
            std::fprintf(stderr, "%s: %s\n", argv[i], found.error().what);
            return 1;
        }
        std::printf("%s", etw::tmf::tmf_text({"program", 0, "test"}, found->messages).c_str());
        for (const auto& control : found->messages.controls()) {
            std::printf("%s", etw::tmf::tmc_text({"program", 0, "test"}, control).c_str());
        }
        std::printf("damaged %zu\n", found->damaged_parts);
    }
    return 0;
}
