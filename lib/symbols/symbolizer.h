// Names of the addresses of a log: by module and offset from the log alone, with the function where
// the program, its debug file or the running kernel has it.
#pragma once
#include "decode/image_table.h"
#include "etw/catalog.h"
#include "render/address_names.h"
#include "symbols/kernel_symbols.h"
#include "symbols/module_symbols.h"

#include <deque>
#include <memory>
#include <mutex>
#include <shared_mutex>

namespace etw::symbols {

class Symbolizer final : public render::AddressNames {
public:
    // `catalog` has learnt the log. `folders`: where to look for programs and debug files first.
    Symbolizer(std::shared_ptr<const decode::Catalog> catalog, std::vector<std::string> folders);
    // Of a session's events, which it learns from as they come.
    explicit Symbolizer(std::vector<std::string> folders);
    ~Symbolizer() override;

    // The next event of the session, before it is named: what it says of images and threads.
    void learn(const etl::Record& record);

    std::string name(uint32_t process, int64_t time, uint64_t address) const override;
    uint32_t process_of(uint32_t thread, int64_t time) const override;
    bool name_stack_records() const override { return catalog_ == nullptr; }

private:
    // Read when the first address in it is wanted, by whichever thread.
    struct Lazy;

    std::string function(const decode::Module& module, Lazy& lazy, uint64_t offset) const;

    std::shared_ptr<const decode::Catalog> catalog_;  // null: of a session
    decode::ImageTable learnt_;
    const decode::ImageTable& images_;  // of the catalog, or learnt
    std::vector<std::string> folders_;
    mutable std::shared_mutex mutex_;   // guards the images and the list of modules
    mutable std::deque<Lazy> modules_;  // as images_.modules()
    mutable std::once_flag kernel_once_;
    mutable KernelSymbols kernel_;
};

}  // namespace etw::symbols
