// The commands of tracelog that speak of providers: -enable, -disable, -capturestate, -enumguid,
// -enumguidex; and what the others need to know of the providers of their command line.
#pragma once
#include "cli/tracelog_answer.h"

#include <string_view>
#include <vector>

namespace etw::cli {

class ProviderCommands : protected TracelogAnswer {
protected:
    ProviderCommands(const TracelogOptions& options, session::Backend& backend)
        : TracelogAnswer(options), backend_(backend) {}

    void enable();
    void disable();
    // Without -guid all providers of the session are asked.
    void capture_state();
    void enum_guid();
    void enum_guid_ex();

    // Those of the command line, each once.
    session::Outcome<std::vector<session::ProviderEnable>> providers();

    void show_enabled(const std::vector<session::ProviderEnable>& asked,
                      const session::EnableResult& result);
    // What was typed and changes nothing; said once, however many providers it was typed for.
    void note_ineffective(const std::vector<session::ProviderEnable>& providers);
    // `started`: the session runs all the same.
    void not_enabled(const session::Failure& failure, const session::SessionStatus* started);
    // Those that no running program has registered.
    std::vector<session::ProviderEnable> absent_providers(
        const std::vector<session::ProviderEnable>& asked);
    // That one is absent, and where to look.
    std::string absence_of(const session::ProviderEnable& provider);

    session::Backend& backend_;

private:
    void note_failed(const std::vector<session::ProviderEnable>& asked,
                     const session::EnableResult& result, std::string_view what);
    void add_kernel_providers(std::vector<session::RegisteredProvider>& all);
    void note_absent(const std::vector<session::ProviderEnable>& asked);
    // Programs that the host has turned away: what is missing may be theirs.
    void note_refused();
};

}  // namespace etw::cli
