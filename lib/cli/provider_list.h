// What -guid names: a GUID, a provider's name, or a file of providers.
#pragma once
#include "cli/tracelog_options.h"
#include "etw/session.h"

namespace etw::cli {

struct ProviderList {
    std::vector<session::ProviderEnable> providers;  // each once, in order of first mention
    std::vector<std::string> notes;                  // lines of files that could not be read
};

// The lines of a provider file:
//   ; text                    a comment
//   GUID [friendly name]      with or without braces
//   GUID;[keyword][;level]    the line's values count, the options fill in what it leaves out
//   GGGGGGGG,GGGG,GGGG,GG,GG,GG,GG,GG,GG,GG,GG or any other cut into groups of hex digits
// Other lines are skipped with a note. `name` is the file's, for the notes.
ProviderList parse_provider_file(std::string_view text, const std::string& name,
                                 const session::ProviderEnable& defaults);

// Resolves each source: `#GUID`, `GUID`, `{GUID}`; `*Name`; `usdt:<path>:<provider>`; a file that
// exists; else a provider's name, unless it looks like a path (it has a slash, or ends in .guid,
// .ctl or .txt), which then is a file that is missing. Fails where a source gives no provider.
session::Outcome<ProviderList> resolve_providers(const std::vector<std::string>& sources,
                                                 const session::ProviderEnable& defaults);

}  // namespace etw::cli
