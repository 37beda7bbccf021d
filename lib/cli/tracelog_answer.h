// What a tracelog command says, as text or as JSON, and how it ends.
#pragma once
#include "cli/tracelog.h"

#include <string>

namespace etw::cli {

// A path is the caller's: it begins in the caller's folder, not the host's. As it is where that
// folder has been removed.
std::string absolute_path(const std::string& path);

class TracelogAnswer {
protected:
    explicit TracelogAnswer(const TracelogOptions& options)
        : options_(options), session_(options.session) {
        report_.notes = options.notes;
    }

    void print(const std::string& text) { report_.output += text; }
    void note(const std::string& text) { report_.notes.push_back(text); }

    // The session's block, or why there is none.
    void show(const session::Outcome<session::SessionStatus>& status);
    std::string block(const session::SessionStatus& status) const;

    // The command ends with kExitFailed.
    void failed(const session::Failure& failure);
    void note_failure(const session::Failure& failure);

    const TracelogOptions& options_;
    std::string session_;  // the one that is spoken of; -x speaks of several
    TracelogReport report_;

private:
    // For a code that came without words.
    std::string explanation(Code code) const;
};

}  // namespace etw::cli
