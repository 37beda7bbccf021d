#include "cli/tracelog_boot.h"

#include "cli/tracelog_display.h"
#include "session/boot_rules.h"
#include "session/rules.h"

#include <fmt/format.h>

namespace etw::cli {

using session::BootProvider;
using session::BootSession;
using session::ProviderEnable;

// What the command line says over the defaults of such a session. What no configuration can say is
// taken over, too: session::check() refuses it.
BootSession BootCommands::asked_session() const {
    const session::Properties& asked = options_.properties;
    BootSession boot = session::boot_defaults(session_, "");
    boot.start = true;
    session::Properties& p = boot.properties;
    const auto take = [](auto& to, const auto& from) {
        if (from != std::decay_t<decltype(from)>()) to = from;
    };
    take(p.guid, asked.guid);
    take(p.buffer_size_kb, asked.buffer_size_kb);
    take(p.minimum_buffers, asked.minimum_buffers);
    take(p.maximum_buffers, asked.maximum_buffers);
    take(p.flush_timer_s, asked.flush_timer_s);
    take(p.flush_threshold, asked.flush_threshold);
    take(p.maximum_file_size, asked.maximum_file_size);
    p.clock = asked.clock;
    p.owner_pid = asked.owner_pid;
    p.ttl_s = asked.ttl_s;
    p.log_file_mode = asked.log_file_mode;
    // The limit by default is in MB.
    if (asked.maximum_file_size == 0) p.log_file_mode &= ~uint32_t{kModeUseKilobytes};
    p.log_file = options_.update.log_file ? absolute_path(asked.log_file) : "";
    // With kernel events it is no system logger, but becomes the kernel's own.
    if (const auto& flags = options_.update.enable_flags; flags && *flags != 0) {
        boot.kernel_flags = {*flags};
        p.log_file_mode &= ~uint32_t{kModeSystemLogger};
    }
    p.kernel = asked.kernel;
    return boot;
}

void BootCommands::configure_boot() {
    if (options_.action == TracelogAction::kAddAutoLogger && session::is_global_logger(session_)) {
        return failed(
            {Code::kInvalidParameter,
             "GlobalLogger is no AutoLogger; tracelog -start GlobalLogger configures it"});
    }
    BootSession boot = asked_session();
    const auto named = providers();
    if (!named) return failed(named.error());
    const uint32_t flags = boot.kernel_flags.empty() ? options_.properties.enable_flags : 0;
    for (const ProviderEnable& how : *named) {
        BootProvider& provider = boot.providers.emplace_back();
        provider.how = how;
        if (flags != 0 && how.match_any_keyword == flags) {
            provider.enable_flags = flags;
            provider.how.match_any_keyword = 0;
        }
    }
    const auto configured = backend_.configure_boot(boot);
    if (!configured) return failed(configured.error());
    for (const std::string& text : session::ineffective(options_.properties)) note(text);
    note_ineffective(*named);
    if (named->empty() && flags != 0) note("-flag has no effect without -guid");
    if (options_.timeout_ms != 0) note("-timeout has no effect: the boot waits for no program");
    if (options_.provider_defaults.source_id != Guid())
        note("-sourceguid has no effect: the boot is nobody's request");
    show_configured(*configured);
    note(fmt::format("'{}' starts with the next boot and every one after{}; nothing runs yet",
                     session_, configured->starter.empty() ? "" : ", " + configured->starter));
    if (session::start_request(configured->session).providers.empty() &&
        configured->session.kernel_flags.empty()) {
        note("no provider is named; give them with -guid, or write them into the configuration");
    }
    if (!configured->session.kernel_flags.empty()) {
        note(
            "EnableKernelFlags make it the NT Kernel Logger: Status in its configuration says "
            "whether the boot could start that");
    }
}

void BootCommands::remove_boot() {
    const auto left = backend_.remove_boot(session_);
    if (!left) return failed(left.error());
    show_configured(*left);
}

void BootCommands::show_configured(const session::BootConfiguration& configuration) {
    print(options_.json ? to_json(configuration)
                        : operation_status(Code::kOk) + "\n" + boot_block(configuration));
}

}  // namespace etw::cli
