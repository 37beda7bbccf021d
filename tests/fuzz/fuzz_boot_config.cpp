// Any text as the configuration of GlobalLogger and of an AutoLogger: what can be read is read the
// same again from what is written of it, and a value that is put into the text is found there.
#include "session/boot_config.h"
#include "session/boot_rules.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace etw::session;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const char* name : {"GlobalLogger", "Auto"}) {
        const auto parsed = parse_boot(text, "file", name, "/log");
        if (!parsed) {
            if (parsed.error().code != etw::Code::kInvalidData) std::abort();
            continue;
        }
        const auto again = parse_boot(format_boot(parsed->session), "file", name, "/log");
        if (!again || again->session != parsed->session || !again->notes.empty()) std::abort();
        auto edited = parse_boot(with_boot_value(text, "Status", 112), "file", name, "/log");
        if (!edited || edited->session.status != 112u) std::abort();
        edited->session.status = parsed->session.status;
        if (edited->session != parsed->session) std::abort();
        if (check(parsed->session) && start_request(parsed->session).properties.name.empty())
            std::abort();
    }
    return 0;
}
