// Trace message formats by what records name them with, from whatever gave them, in the order in
// which that was added.
#pragma once
#include "decode/message_program.h"
#include "tmf/message_set.h"

#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <variant>

namespace etw::decode {

// Adding is for one thread, before decoders begin; the rest may be called by any number of them.
class MessageCatalog {
public:
    void add(tmf::MessageSet messages) { sources_.emplace_back(std::move(messages)); }
    // `GUID.tmf` files, each read when its first message is wanted.
    void add_folder(std::string path) { sources_.emplace_back(Folder{std::move(path), {}}); }

    // Null where nothing describes the message. Valid as long as the catalog.
    const MessageProgram* find(const Guid& guid, uint16_t number) const;

    // What is missing and where it was looked for. Depends on the GUID, the number and what was
    // added alone.
    std::string why_missing(const Guid& guid, uint16_t number) const;

private:
    struct Folder {
        std::string path;
        std::unordered_map<Guid, tmf::MessageSet> files;  // that were found, by now
    };
    using Source = std::variant<tmf::MessageSet, Folder>;
    struct Key {
        Guid guid;
        uint16_t number;
        bool operator==(const Key&) const = default;
    };
    struct KeyHash {
        size_t operator()(const Key& key) const noexcept {
            return std::hash<Guid>()(key.guid) * 31 + key.number;
        }
    };

    // With the lock held.
    const tmf::MessageFormat* find_format(const Guid& guid, uint16_t number) const;
    const tmf::MessageSet* file_of(Folder& folder, const Guid& guid) const;

    mutable std::mutex lock_;
    mutable std::vector<Source> sources_;
    mutable std::unordered_map<Key, std::unique_ptr<MessageProgram>, KeyHash> programs_;
    // GUIDs that no folder has a file of, so that they are not looked for again and again. Bounded:
    // it is emptied when a log names too many.
    mutable std::unordered_set<Guid> without_file_;
};

}  // namespace etw::decode
