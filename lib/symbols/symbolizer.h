// Names of the addresses of a log: by module and offset from the log alone, with the function where
// the program, its debug file or the running kernel has it.
#pragma once
#include "etw/catalog.h"
#include "render/address_names.h"
#include "symbols/kernel_symbols.h"
#include "symbols/module_symbols.h"

#include <memory>
#include <mutex>

namespace etw::symbols {

class Symbolizer final : public render::AddressNames {
public:
    // `catalog` has learnt the log. `folders`: where to look for programs and debug files first.
    Symbolizer(std::shared_ptr<const decode::Catalog> catalog, std::vector<std::string> folders);
    ~Symbolizer() override;

    std::string name(uint32_t process, int64_t time, uint64_t address) const override;
    uint32_t process_of(uint32_t thread, int64_t time) const override;

private:
    // Read when the first address in it is wanted, by whichever thread.
    struct Lazy;

    const decode::ImageTable& images() const;
    const KernelSymbols& kernel() const;
    std::string function(uint32_t module, uint64_t offset) const;

    std::shared_ptr<const decode::Catalog> catalog_;
    std::vector<std::string> folders_;
    mutable std::vector<Lazy> modules_;  // as images().modules()
    mutable std::once_flag kernel_once_;
    mutable KernelSymbols kernel_;
};

}  // namespace etw::symbols
