// Controls the sessions of this machine. Linux: talks to the session host (etwd). Windows: wraps
// the system's own ETW. Both return the same codes: an unknown session is kSessionNotFound.
#pragma once
#include "etw/boot_session.h"
#include "etw/system.h"

#include <memory>

namespace etw::session {

// A refusal, with what a person needs beyond the code: the thing, the cause, the remedy.
struct Failure {
    Code code = Code::kInvalidFunction;
    std::string detail;  // may be empty; one sentence, no trailing newline

    friend bool operator==(const Failure&, const Failure&) = default;
};

template <class T>
using Outcome = Result<T, Failure>;

// Every call is one round trip and may block for as long as the operation takes. Names of sessions
// are compared without regard to case. Not for use by several threads at once.
class Backend {
public:
    virtual ~Backend() = default;

    // Whose sessions these are.
    virtual const System& system() const noexcept = 0;
    // Creates the session's log file with the caller's rights, starts the session, enables its
    // providers. Nothing is left behind on failure.
    virtual Outcome<EnableResult> start(const StartRequest& request) = 0;
    // Disables the providers, writes out what they committed, closes the log.
    virtual Outcome<SessionStatus> stop(const std::string& name) = 0;
    virtual Outcome<SessionStatus> query(const std::string& name) = 0;
    // Private sessions are not among them.
    virtual Outcome<std::vector<SessionStatus>> list() = 0;
    // All of it or, on failure, nothing. A log that is given is created like that of a start.
    virtual Outcome<SessionStatus> update(const UpdateRequest& request) = 0;
    // Returns when what programs have committed so far is in the log, with its consumers or, of a
    // buffered session, in the file of the request.
    virtual Outcome<SessionStatus> flush(const FlushRequest& request) = 0;
    // Needs no session host: saves what the processes still hold that wrote to one that is gone.
    virtual Outcome<std::vector<RecoveredLog>> recover(const RecoverRequest&) {
        return Failure{Code::kNotSupported, "sessions do not outlive their host here"};
    }
    // Private sessions have names of their own, are never listed and answer to this alone.
    virtual Outcome<SessionStatus> control_private(const PrivateRequest&) {
        return Failure{Code::kNotSupported, "private sessions (-um) are not to be had here"};
    }
    // A session whose log goes on in new files (kModeNewFile) begins the next one now; others fail
    // with kInvalidParameter.
    virtual Outcome<SessionStatus> increment_file(const std::string& name) = 0;
    // A session with kernel events is told once more of all that runs.
    virtual Outcome<SessionStatus> system_rundown(const std::string& name) = 0;
    // What samples can be taken by and counted on this machine. Needs no session.
    virtual Outcome<std::vector<ProfileSource>> profile_sources() {
        return Failure{Code::kNotSupported, "this system does not list what it can count"};
    }
    // Each provider has a code of its own: kTimeout where a program has not answered in the time of
    // the request and may still follow, kGuidNotFound where the session does not have it enabled.
    virtual Outcome<EnableResult> enable(const EnableRequest& request) = 0;
    virtual Outcome<EnableResult> disable(const EnableRequest& request) = 0;
    // Asks the programs to write down the state of what is enabled.
    virtual Outcome<EnableResult> capture_state(const EnableRequest& request) = 0;
    virtual Outcome<std::vector<RegisteredProvider>> registered_providers() = 0;
    // Providers whose events need no program that registers them: the system's own. Empty where
    // there are none, or not for this user.
    virtual Outcome<std::vector<RegisteredProvider>> kernel_providers() {
        return std::vector<RegisteredProvider>();
    }
    // Programs that run and cannot take part, by process id.
    virtual Outcome<std::vector<RefusedProgram>> refused_programs() {
        return std::vector<RefusedProgram>();
    }
    // What the next boot starts; nothing that runs changes. An empty log file is that of a boot
    // session by default. What only hands write into a configuration stays.
    virtual Outcome<BootConfiguration> configure_boot(const BootSession&) {
        return Failure{Code::kNotSupported, "the boot starts no sessions here"};
    }
    // GlobalLogger only: Start becomes 0, and nothing else is left.
    virtual Outcome<BootConfiguration> remove_boot(const std::string&) {
        return Failure{Code::kNotSupported, "the boot starts no sessions here"};
    }
};

// Defined once per platform: lib/backend_linux/ or lib/backend_windows/, chosen by CMake.
std::unique_ptr<Backend> make_backend();

// For who only looks, like a shell that completes a name: it starts no host, whatever is asked of
// it, and a host that says nothing for a second counts as none.
std::unique_ptr<Backend> make_observer();

}  // namespace etw::session
