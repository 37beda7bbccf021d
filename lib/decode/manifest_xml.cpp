#include "decode/manifest_xml.h"

#include "decode/manifest_names.h"
#include "decode/manifest_template.h"
#include "decode/schema.h"

#include <charconv>
#include <map>
#include <pugixml.hpp>

namespace etw::decode {
namespace {

constexpr int kMaxSearchDepth = 6;  // instrumentationManifest/instrumentation/events/provider
constexpr std::string_view kPreferredCulture = "en-US";

std::string_view name_of(const pugi::xml_node& node) { return local_name(node.name()); }

// Calls `visit` for each element of this name, wherever in the first levels it is: writers differ
// in what they put around providers and string tables.
template <class Visit>
void find_elements(const pugi::xml_node& under, std::string_view name, const Visit& visit,
                   int depth = kMaxSearchDepth) {
    for (const pugi::xml_node& node : under.children()) {
        if (name_of(node) == name) {
            visit(node);
        } else if (depth > 0) {
            find_elements(node, name, visit, depth - 1);
        }
    }
}

template <class Visit>
void for_each_child(const pugi::xml_node& parent, std::string_view name, const Visit& visit) {
    for (const pugi::xml_node& node : parent.children()) {
        if (name_of(node) == name) visit(node);
    }
}

// Texts by id; of several languages the preferred one counts, then the first.
class Strings {
public:
    explicit Strings(const pugi::xml_node& root) {
        std::vector<pugi::xml_node> resources;
        find_elements(root, "resources", [&](const pugi::xml_node& node) {
            const bool preferred = kPreferredCulture == node.attribute("culture").value();
            resources.insert(preferred ? resources.begin() : resources.end(), node);
        });
        for (const pugi::xml_node& node : resources) {
            find_elements(node, "string", [&](const pugi::xml_node& text) {
                texts_.try_emplace(text.attribute("id").value(), text.attribute("value").value());
            });
        }
    }

    // "$(string.Id)" replaced by what it stands for, as often as it occurs.
    std::string resolve(std::string_view text) const {
        constexpr std::string_view kOpen = "$(string.";
        std::string out;
        for (;;) {
            const size_t open = text.find(kOpen);
            const size_t close = open == text.npos ? text.npos : text.find(')', open);
            // An id may have parentheses of its own: the last one that makes a known id ends it.
            if (close == text.npos) return out.append(text);
            const auto [id_end, value] = longest_id(text, open + kOpen.size(), close);
            out.append(text.substr(0, open));
            if (value != nullptr) out.append(*value);
            text.remove_prefix(id_end + 1);
            if (out.size() > kMaxModelBytes) return out;
        }
    }

private:
    std::pair<size_t, const std::string*> longest_id(std::string_view text, size_t begin,
                                                     size_t close) const {
        constexpr int kMaxParentheses = 8;
        for (int tries = 0; tries < kMaxParentheses; ++tries) {
            const auto found = texts_.find(text.substr(begin, close - begin));
            if (found != texts_.end()) return {close, &found->second};
            const size_t next = text.find(')', close + 1);
            if (next == text.npos) break;
            close = next;
        }
        return {text.find(')', begin), nullptr};
    }

    std::map<std::string, std::string, std::less<>> texts_;
};

// Whatever of a provider events refer to by name.
struct Definition {
    uint64_t value = 0;
    std::string shown;
};
using Definitions = std::map<std::string, Definition, std::less<>>;

struct Task {
    Definition definition;
    Definitions opcodes;
};

class ProviderParser {
public:
    ProviderParser(const pugi::xml_node& node, const Strings& strings, size_t& budget)
        : node_(node), strings_(strings), budget_(budget) {}

    Result<ProviderModel> parse() {
        ProviderModel out;
        const auto guid = parse_guid(node_.attribute("guid").value());
        if (!guid) return Error{Code::kInvalidData, "manifest: a provider without GUID"};
        out.guid = *guid;
        out.name = clean_text(node_.attribute("name").value());
        read_definitions();
        read_maps();
        read_templates();
        bool fits = true;
        for_each_child(node_, "events", [&](const pugi::xml_node& events) {
            for_each_child(events, "event", [&](const pugi::xml_node& event) {
                if (fits) fits = add_event(event, out);
            });
        });
        if (!fits) return Error{Code::kInvalidData, "manifest: too large"};
        return out;
    }

private:
    // The message of a definition, else its name without prefix. Empty where the manifest asks for
    // more than it may: definitions, like events, share texts by name.
    std::string shown(const pugi::xml_node& node) {
        std::string text = strings_.resolve(node.attribute("message").value());
        while (!text.empty() && text.back() == ' ') text.pop_back();
        if (text.empty() || text.starts_with("$("))
            text = local_name(node.attribute("name").value());
        return charge(text.size()) ? clean_text(text) : std::string();
    }

    Definitions read(const pugi::xml_node& parent, std::string_view list, std::string_view element,
                     const char* value) {
        Definitions out;
        for_each_child(parent, list, [&](const pugi::xml_node& nodes) {
            for_each_child(nodes, element, [&](const pugi::xml_node& node) {
                out.try_emplace(node.attribute("name").value(),
                                Definition{parse_number(node.attribute(value).value()).value_or(0),
                                           shown(node)});
            });
        });
        return out;
    }

    void read_definitions() {
        levels_ = read(node_, "levels", "level", "value");
        opcodes_ = read(node_, "opcodes", "opcode", "value");
        keywords_ = read(node_, "keywords", "keyword", "mask");
        for_each_child(node_, "tasks", [&](const pugi::xml_node& tasks) {
            for_each_child(tasks, "task", [&](const pugi::xml_node& node) {
                Task task;
                task.definition = {parse_number(node.attribute("value").value()).value_or(0),
                                   shown(node)};
                task.opcodes = read(node, "opcodes", "opcode", "value");
                tasks_.try_emplace(node.attribute("name").value(), std::move(task));
            });
        });
        for_each_child(node_, "channels", [&](const pugi::xml_node& channels) {
            for (const pugi::xml_node& node : channels.children()) {
                const std::string name = clean_text(node.attribute("name").value());
                for (const char* key : {"chid", "name"}) {
                    const pugi::xml_attribute id = node.attribute(key);
                    if (id) channels_.try_emplace(id.value(), Definition{0, name});
                }
            }
        });
    }

    void read_maps() {
        const auto read_map = [&](const pugi::xml_node& node, bool bits) {
            auto map = std::make_shared<ValueMap>();
            map->bits = bits;
            for_each_child(node, "map", [&](const pugi::xml_node& entry) {
                const auto value = parse_number(entry.attribute("value").value());
                std::string text = strings_.resolve(entry.attribute("message").value());
                if (!value || !charge(text.size())) return;
                map->names.emplace_back(*value, clean_label(text));
            });
            sort_names(*map);
            maps_.try_emplace(node.attribute("name").value(), std::move(map));
        };
        for_each_child(node_, "maps", [&](const pugi::xml_node& maps) {
            for_each_child(maps, "valueMap", [&](const auto& node) { read_map(node, false); });
            for_each_child(maps, "bitMap", [&](const auto& node) { read_map(node, true); });
        });
    }

    void read_templates() {
        for_each_child(node_, "templates", [&](const pugi::xml_node& templates) {
            for_each_child(templates, "template", [&](const pugi::xml_node& node) {
                templates_.try_emplace(
                    node.attribute("tid").value(),
                    std::make_shared<const TemplateModel>(parse_template(node, maps_)));
            });
        });
    }

    // False where the manifest asks for more than it may.
    bool add_event(const pugi::xml_node& node, ProviderModel& out) {
        const auto id = parse_number(node.attribute("value").value());
        if (!id || *id > UINT16_MAX) return true;
        EventModel event;
        event.id = uint16_t(*id);
        event.version = uint8_t(parse_number(node.attribute("version").value()).value_or(0));
        event.symbol =
            clean_text(node.attribute(node.attribute("name") ? "name" : "symbol").value());
        event.level = level_of(node.attribute("level").value());
        const char* const opcode = node.attribute("opcode").value();
        const auto task = tasks_.find(std::string_view(node.attribute("task").value()));
        if (task == tasks_.end()) {
            event.opcode = opcode_of(opcode, nullptr);
        } else {
            // Task 0 is no task, whatever a manifest calls it.
            if (task->second.definition.value != 0) event.task = task->second.definition.shown;
            event.opcode = opcode_of(opcode, &task->second.opcodes);
        }
        const auto channel = channels_.find(std::string_view(node.attribute("channel").value()));
        if (channel != channels_.end()) event.channel = channel->second.shown;
        add_keywords(node.attribute("keywords").value(), event.keywords);
        event.message = strings_.resolve(node.attribute("message").value());
        if (event.message.starts_with("$(")) event.message.clear();
        const auto fields = templates_.find(std::string_view(node.attribute("template").value()));
        if (fields != templates_.end()) event.fields = fields->second;
        if (!charge(size_of(event))) return false;
        out.events.push_back(std::move(event));
        return true;
    }

    std::string level_of(std::string_view name) const {
        const auto found = levels_.find(name);
        if (found != levels_.end()) return found->second.shown;
        constexpr std::string_view kAbbreviated = "Informational";
        if (name.empty()) return std::string(level_name(0));
        const std::string_view local = local_name(name);
        return clean_text(local == kAbbreviated ? level_name(4) : local);
    }

    std::string opcode_of(std::string_view name, const Definitions* of_task) const {
        if (of_task != nullptr) {
            const auto found = of_task->find(name);
            if (found != of_task->end()) return found->second.shown;
        }
        const auto found = opcodes_.find(name);
        if (found != opcodes_.end()) return found->second.shown;
        if (name.empty()) return std::string(opcode_name(0));
        std::string local = clean_text(local_name(name));
        if (local.starts_with("DC_")) local.erase(2, 1);  // as the classic kernel events write them
        return local;
    }

    void add_keywords(std::string_view names, std::vector<std::string>& out) const {
        constexpr size_t kMaxKeywords = 64;
        constexpr const char* kBlanks = " \t\r\n";
        while (out.size() < kMaxKeywords) {
            const size_t begin = names.find_first_not_of(kBlanks);
            if (begin == names.npos) return;
            names.remove_prefix(begin);
            const std::string_view name = names.substr(0, names.find_first_of(kBlanks));
            names.remove_prefix(name.size());
            const auto found = keywords_.find(name);
            out.push_back(found != keywords_.end() ? found->second.shown
                                                   : clean_text(local_name(name)));
        }
    }

    bool charge(size_t bytes) {
        if (bytes > budget_) return false;
        budget_ -= bytes;
        return true;
    }

    const pugi::xml_node& node_;
    const Strings& strings_;
    size_t& budget_;
    Definitions levels_, opcodes_, keywords_, channels_;
    std::map<std::string, Task, std::less<>> tasks_;
    MapsByName maps_;
    std::map<std::string, std::shared_ptr<const TemplateModel>, std::less<>> templates_;
};

}  // namespace

std::optional<uint64_t> parse_number(std::string_view text) noexcept {
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        text.remove_prefix(2);
        base = 16;
    }
    uint64_t value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

Result<std::vector<ProviderModel>> parse_manifest(Bytes xml) {
    if (xml.size() > kMaxModelBytes) return Error{Code::kInvalidData, "manifest: too large"};
    pugi::xml_document document;
    const pugi::xml_parse_result parsed = document.load_buffer(xml.data(), xml.size());
    if (!parsed) {
        return Error{Code::kInvalidData, "manifest: no well-formed XML", uint64_t(parsed.offset)};
    }
    const Strings strings(document);
    std::vector<ProviderModel> out;
    std::optional<Error> error;
    size_t budget = kMaxModelBytes;
    find_elements(document, "provider", [&](const pugi::xml_node& node) {
        auto provider = ProviderParser(node, strings, budget).parse();
        if (provider) {
            out.push_back(*std::move(provider));
        } else if (!error) {
            error = provider.error();
        }
    });
    if (out.empty()) {
        return error ? *error : Error{Code::kInvalidData, "manifest: no provider in it"};
    }
    return out;
}

}  // namespace etw::decode
