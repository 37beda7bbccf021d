// Names of the fields of one level, of which JSON wants each but once: a name that is taken gets a
// number, "name#2". A file can give all of its fields one name, so that none is looked for by
// trying number after number.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace etw::decode {

class UniqueNames {
public:
    // Takes `name` and returns true where it is free; it has to stay where it is.
    bool take(std::string_view name) { return taken_.insert(name).second; }

    // A free name for one that is taken. To be taken in its turn.
    std::string numbered(std::string_view name) {
        int& next = next_.try_emplace(std::string(name), 2).first->second;
        for (;;) {
            std::string out = std::string(name) + '#' + std::to_string(next++);
            if (!taken_.contains(out)) return out;
        }
    }

private:
    std::unordered_set<std::string_view> taken_;
    std::unordered_map<std::string, int> next_;  // by name: the number to try first
};

}  // namespace etw::decode
