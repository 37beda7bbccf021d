// Where the PDB of a Windows image may be: -r and _NT_SYMBOL_PATH.
#pragma once
#include "etw/result.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace etw::cli {

// Folders between semicolons, which may have wildcards. `srv*FOLDER*...`, `symsrv*DLL*FOLDER*...`
// and `cache*FOLDER` name symbol stores; nothing is fetched from a network: of servers that are
// addresses only the folders beside them are looked into.
class SymbolPath {
public:
    explicit SymbolPath(std::string text);

    const std::string& text() const noexcept { return text_; }
    const std::vector<std::string>& folders() const noexcept { return folders_; }

private:
    std::string text_;
    std::vector<std::string> folders_;
};

// The PDB that belongs to an image: in the folders, the image's own folder, or where the linker
// left it; also in the layout of a symbol store, NAME/ID/NAME. Another build's PDB of the same name
// is passed over and told to `other_build`. kFileNotFound where there is none; the image's own
// errors are read_pdb_reference's.
Result<std::string> find_pdb(const std::string& image, const SymbolPath& symbols,
                             const std::function<void(const std::string&)>& other_build);

}  // namespace etw::cli
