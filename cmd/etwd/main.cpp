// etwd: the session host. Owns the ETW sessions of this user, or of the machine when it runs as
// root. Usually nobody starts it by hand: tracelog does when it is needed.
#include "base/path.h"
#include "base/runtime_folder.h"
#include "base/signals.h"
#include "boot/boot_folder.h"
#include "host/program.h"
#include "host/survival/recover.h"

#include <CLI/CLI.hpp>

int main(int argc, char** argv) {
    etw::host::ProgramOptions options;
    options.program = argv[0];
    options.folder = etw::runtime_folder();
    CLI::App app{"etwd: host of ETW tracing sessions; started by tracelog when it is needed"};
    app.add_option("--runtime-dir", options.folder, "folder of its sockets and saved sessions")
        ->capture_default_str();
    app.add_option("--ready-fd", options.ready_fd, "descriptor to write a byte to once it listens");
    app.add_flag("--foreground", options.foreground,
                 "do not fork, write troubles to stderr, never leave for being idle");
    bool boot = false;
    std::string config = etw::boot::default_config_folder();
    app.add_flag("--boot", boot, "start the sessions of the boot configuration first");
    app.add_option("--config-dir", config, "folder of the boot configuration")
        ->capture_default_str();
    bool recover = false;
    etw::host::RecoverOptions lost;
    app.add_flag("--recover", recover,
                 "save what is left of sessions whose host is gone; see tracelog -recover");
    app.add_option("--session", lost.session, "with --recover: only this one");
    app.add_option("--of-folder", lost.folder, "with --recover: only those of this runtime folder");
    app.add_option("--output", lost.file, "with --recover: the log to write");
    // Between its two processes.
    app.add_option("--worker-fd", options.worker_fd)->group("");
    app.add_option("--kept-fd", options.kept_fd)->group("");
    app.add_option("--crashes", options.crashes)->group("");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    etw::ignore_file_size_limits();  // as a full disk
    if (recover) return etw::host::run_recovery(lost);
    options.folder = etw::to_absolute(options.folder);
    if (boot) options.boot_folder = etw::to_absolute(config);
    return etw::host::run_program(options);
}
