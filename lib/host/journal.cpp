#include "host/journal.h"

#include <fmt/format.h>

#include <syslog.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>

namespace etw::host {
namespace {

std::atomic<bool> g_to_stderr{true};

}  // namespace

void set_journal_to_stderr(bool to_stderr) noexcept {
    g_to_stderr = to_stderr;
    if (!to_stderr) ::openlog("etwd", LOG_PID, LOG_DAEMON);
}

void journal(const std::string& text) {
    std::string line = text;
    std::replace_if(
        line.begin(), line.end(), [](char c) { return uint8_t(c) < ' ' || c == 0x7F; }, '?');
    if (g_to_stderr) {
        std::fprintf(stderr, "etwd: %s\n", line.c_str());
    } else {
        ::syslog(LOG_WARNING, "%s", line.c_str());
    }
}

void journal(const std::string& what, const Error& error) {
    journal(fmt::format("{}: {}: {} [{}, {}]", what, error.what, code_text(error.code),
                        uint32_t(error.code), error.where));
}

}  // namespace etw::host
