// Message formats by what a record names them with, and control GUIDs.
#pragma once
#include "tmf/message_format.h"

#include <map>
#include <vector>

namespace etw::tmf {

class MessageSet {
public:
    struct Key {
        Guid guid;
        uint16_t number;

        friend auto operator<=>(const Key&, const Key&) = default;
    };

    // What is there already stays: the first description wins, as in the search order of the
    // tools. Returns whether it was new.
    bool add(MessageFormat format);
    bool add(ControlGuid control);
    void add(MessageSet other);

    // The pointer is valid as long as the set.
    const MessageFormat* find(const Guid& guid, uint16_t number) const;

    const std::map<Key, MessageFormat>& formats() const noexcept { return formats_; }
    const std::vector<ControlGuid>& controls() const noexcept { return controls_; }
    bool empty() const noexcept { return formats_.empty() && controls_.empty(); }

private:
    std::map<Key, MessageFormat> formats_;
    std::vector<ControlGuid> controls_;
};

}  // namespace etw::tmf
