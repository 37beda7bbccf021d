// What the boot is to start, and whether anything has it do so.
#include "backend_linux/diagnose.h"
#include "boot/boot_folder.h"

#include <fmt/format.h>

#include <unistd.h>

#include <filesystem>

namespace etw::backend_linux {
namespace {

using session::Finding;
using session::Verdict;

constexpr char kUnit[] = "openetw-boot.service";
constexpr char kUnitFolder[] = "/etc/systemd/system";  // what an administrator has enabled

// As systemctl enable leaves it: a link in the folder of a target.
bool unit_is_enabled() {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(kUnitFolder, ignored)) {
        if (entry.path().extension() != ".wants") continue;
        if (std::filesystem::is_symlink(entry.path() / kUnit, ignored)) return true;
    }
    return false;
}

Finding warning(const std::string& text, const std::string& remedy) {
    return {"boot sessions", Verdict::kWarning, text, remedy};
}

Finding boot_finding() {
    const boot::BootFolder folder(boot::default_config_folder(), boot::default_log_folder());
    const auto names = folder.names();
    if (!names)
        return warning(names.error().detail, "the boot starts none until that is put right");
    size_t count = 0;
    for (const std::string& name : *names) {
        const auto loaded = folder.load(name);
        if (!loaded) return warning(loaded.error().detail, "correct the file, or delete it");
        const session::BootSession& boot = loaded->session;
        count += boot.start ? 1 : 0;
        if (boot.start && boot.status.value_or(0) != 0) {
            return warning(
                fmt::format("the last boot could not start '{}': error {}", name, *boot.status),
                "the system log says why: journalctl -t etwd");
        }
    }
    if (count == 0) return {"boot sessions", Verdict::kOk, "none is configured", ""};
    const std::string text = fmt::format("{} configured", count);
    if (::geteuid() == 0 && !unit_is_enabled())
        return warning(
            text + ", and systemd does not start them",
            fmt::format("systemctl enable {}, or have something call etwd --boot", kUnit));
    return {"boot sessions", Verdict::kOk, text, ""};
}

}  // namespace

void look_at_boot(Findings& out) { out.push_back(boot_finding()); }

}  // namespace etw::backend_linux
