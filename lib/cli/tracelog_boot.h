// The commands of tracelog that speak of what the next boot starts: -start GlobalLogger,
// -addautologger and -remove. They write configuration; nothing that runs changes.
#pragma once
#include "cli/tracelog_providers.h"

namespace etw::cli {

class BootCommands : protected ProviderCommands {
protected:
    using ProviderCommands::ProviderCommands;

    void configure_boot();
    void remove_boot();

private:
    session::BootSession asked_session() const;
    void show_configured(const session::BootConfiguration& configuration);
};

}  // namespace etw::cli
