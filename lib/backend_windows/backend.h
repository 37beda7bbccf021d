// Backend over the system's own ETW.
#pragma once
#include "backend_windows/etw_api.h"
#include "backend_windows/properties_buffer.h"
#include "etw/session.h"

#include <optional>

namespace etw::backend_windows {

// Sessions live in the system: an object of this holds nothing but the table of its functions.
class Backend : public session::Backend {
public:
    explicit Backend(const EtwApi& api) noexcept : api_(api) {}

    const session::System& system() const noexcept override { return session::kWindows; }
    session::Outcome<session::EnableResult> start(const session::StartRequest& request) override;
    session::Outcome<session::SessionStatus> stop(const std::string& name) override;
    session::Outcome<session::SessionStatus> query(const std::string& name) override;
    session::Outcome<std::vector<session::SessionStatus>> list() override;
    session::Outcome<session::SessionStatus> update(const session::UpdateRequest& request) override;
    session::Outcome<session::SessionStatus> flush(const session::FlushRequest& request) override;
    session::Outcome<session::SessionStatus> control_private(
        const session::PrivateRequest& request) override;
    session::Outcome<std::vector<session::RecoveredLog>> recover(
        const session::RecoverRequest& request) override;
    session::Outcome<session::SessionStatus> increment_file(const std::string& name) override;
    session::Outcome<session::SessionStatus> system_rundown(const std::string& name) override;
    session::Outcome<std::vector<session::ProfileSource>> profile_sources() override;
    session::Outcome<session::EnableResult> enable(const session::EnableRequest& request) override;
    session::Outcome<session::EnableResult> disable(const session::EnableRequest& request) override;
    session::Outcome<session::EnableResult> capture_state(
        const session::EnableRequest& request) override;
    session::Outcome<std::vector<session::RegisteredProvider>> registered_providers() override;
    session::Outcome<session::BootConfiguration> configure_boot(
        const session::BootSession& asked) override;
    session::Outcome<session::BootConfiguration> remove_boot(const std::string& name) override;

private:
    // One ControlTrace for the session of this name; the block comes back with what it says.
    session::Outcome<session::SessionStatus> control(const std::string& name, ULONG code,
                                                     PropertiesBuffer& buffer);
    session::Outcome<session::SessionStatus> control(const std::string& name, ULONG code);
    // For each provider of the request, in its order.
    session::Outcome<session::EnableResult> for_each(const session::EnableRequest& request,
                                                     ULONG code);
    Code enable_one(TRACEHANDLE session, ULONG code, const session::ProviderEnable& enable,
                    uint32_t timeout_ms);

    const EtwApi& api_;
};

// A code of the system; the detail is what a person needs beyond its text.
session::Failure failure_of(ULONG code, const char* function, const std::string& session);

}  // namespace etw::backend_windows
