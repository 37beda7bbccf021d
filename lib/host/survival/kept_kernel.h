// Has the keeper hold what records a session's kernel events, so that recording goes on while the
// worker is replaced. See kernel/holder.h.
#pragma once
#include "host/survival/keeper_link.h"
#include "kernel/holder.h"
#include "wire/provider_protocol.h"

#include <set>

namespace etw::host {

// Takes what a predecessor had the keeper hold for this session out of `kept`.
KeptDescriptors take_kept_kernel(const wire::SessionKey& key, KeptDescriptors& kept);

class KeptKernel final : public kernel::Holder {
public:
    // The keeper's link outlives it. `left`: by the keeper's names.
    KeptKernel(const wire::SessionKey& key, const KeeperLink& keeper, KeptDescriptors left)
        : key_(key), keeper_(keeper), left_(std::move(left)) {}

    void hold(const std::string& what, const std::string& part, const UniqueFd& fd,
              size_t mapped) override;
    void let_go(const std::string& what) override;
    void settle() override { keeper_.settle(); }
    void let_go_all() override;
    kernel::HeldParts take_left(const std::string& what) override;
    void drop_left() override;
    size_t begun() const override { return begun_.size(); }

private:
    std::string name_of(const std::string& what) const;

    wire::SessionKey key_;
    const KeeperLink& keeper_;
    KeptDescriptors left_;
    std::set<std::string> begun_;
};

}  // namespace etw::host
