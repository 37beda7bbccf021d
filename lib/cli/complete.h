// Shell completion: `TOOL -complete WORD...` prints what the last WORD may become, a line each,
// from the tool's own table of options and from what runs. Prints nothing where a file is to be
// named: that is the shell's to complete.
#pragma once
#include "cli/cli.h"
#include "etw/session.h"

namespace etw::cli {

inline constexpr std::string_view kComplete = "-complete";

// The words before the cursor, if that is what the tool was called for.
std::optional<Args> words_to_complete(Args args);

// `words`: the option words before the cursor and the one at it, which may be empty. `backend`
// should be one that only looks: a Tab key starts no session host and waits for none.
std::vector<std::string> candidates(Args words, std::span<const OptionWord> options,
                                    session::Backend& backend);

// candidates(), printed. Returns the exit status, kExitDone even where there are none.
int print_candidates(Args words, std::span<const OptionWord> options, session::Backend& backend);

}  // namespace etw::cli
