#include "render/summary.h"

#include "render/digits.h"
#include "render/message.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace etw::render {

void Summary::add(const etl::Record& record, const decode::Event& event, bool by_kind) {
    ++events_;
    if (event.outcome == decode::Outcome::kUnknown) ++unknown_;
    if (event.outcome == decode::Outcome::kMalformed ||
        (event.message != nullptr && event.outcome == decode::Outcome::kDecoded &&
         missing_parameter(record, event))) {
        ++malformed_;
    }
    if (!by_kind) return;
    kernel_.add(record, event);
    if (!event.name.empty()) {
        const std::string_view type = event.opcode.empty() ? event.provider : event.opcode;
        ++find({record.provider, event.name, type});
        return;
    }
    char number[kMaxDecimal];
    const auto length = size_t(put_decimal(number, record.descriptor.id) - number);
    ++find({record.provider, "Unknown", {number, length}});
}

size_t Summary::recent_slot(const View& view) noexcept {
    // First and last letters tell most events of one provider apart.
    size_t hash = view.guid.data1 ^ view.name.size() * 31 ^ view.type.size() * 7;
    if (!view.name.empty()) hash += size_t(view.name.front()) * 5 + size_t(view.name.back());
    if (!view.type.empty()) hash += size_t(view.type.back()) * 3;
    return hash % kRecent;
}

uint64_t& Summary::find(const View& view) {
    Rows::value_type*& recent = recent_[recent_slot(view)];
    if (recent != nullptr && recent->first.name == view.name && recent->first.type == view.type &&
        recent->first.guid == view.guid) {
        return recent->second;
    }
    return insert({view.guid, std::string(view.name), std::string(view.type)});
}

uint64_t& Summary::insert(Key key) {
    const auto at = rows_.try_emplace(std::move(key)).first;
    if (rows_.size() > kMaxRows) {
        const auto last = std::prev(rows_.end());
        const bool is_last = at == last;
        others_ += last->second;
        rows_.erase(last);
        recent_ = {};  // it may be among them
        if (is_last) return others_;
    }
    const Key& found = at->first;
    recent_[recent_slot({found.guid, found.name, found.type})] = &*at;
    return at->second;
}

void Summary::merge(const Summary& other) {
    for (const auto& [key, count] : other.rows_) insert(key) += count;
    others_ += other.others_;
    kernel_.merge(other.kernel_);
    events_ += other.events_;
    unknown_ += other.unknown_;
    malformed_ += other.malformed_;
    left_out_ += other.left_out_;
}

std::vector<SummaryRow> Summary::rows() const {
    std::vector<SummaryRow> out;
    out.reserve(rows_.size());
    for (const auto& [key, count] : rows_) out.push_back({key.name, key.type, key.guid, count});
    if (others_ != 0) out.push_back({"(others)", "", {}, others_});
    std::sort(out.begin(), out.end(), [](const SummaryRow& a, const SummaryRow& b) {
        return std::tie(b.count, a.name, a.type, a.guid) <
               std::tie(a.count, b.name, b.type, b.guid);
    });
    return out;
}

}  // namespace etw::render
