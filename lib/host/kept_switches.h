// Has the keeper hold what records a session's context switches, so that recording goes on while
// the worker is replaced. See kernel/switch_program.h.
#pragma once
#include "host/keeper_link.h"
#include "kernel/switch_program.h"
#include "wire/provider_protocol.h"

namespace etw::host {

// Takes what a predecessor had the keeper hold for this session out of `kept`, if it is all there.
std::optional<kernel::SwitchDescriptors> take_switches(const wire::SessionKey& key,
                                                       KeptDescriptors& kept);
void forget_switches(const wire::SessionKey& key, const KeeperLink& keeper);

class KeptSwitches final : public kernel::SwitchHolder {
public:
    // The keeper's link outlives it.
    KeptSwitches(const wire::SessionKey& key, const KeeperLink& keeper,
                 std::optional<kernel::SwitchDescriptors> left)
        : key_(key), keeper_(keeper), left_(std::move(left)) {}

    void hold(const std::array<const UniqueFd*, kernel::kSwitchParts>& parts) override;
    void let_go() override { forget_switches(key_, keeper_); }
    std::optional<kernel::SwitchDescriptors> take_left() override {
        return std::exchange(left_, std::nullopt);
    }

private:
    wire::SessionKey key_;
    const KeeperLink& keeper_;
    std::optional<kernel::SwitchDescriptors> left_;
};

}  // namespace etw::host
