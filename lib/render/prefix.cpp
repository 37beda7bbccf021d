#include "render/prefix.h"

#include "render/message.h"
#include "render/quoted.h"

#include <iterator>

namespace etw::render {
namespace {

using Variable = Prefix::Variable;

constexpr std::pair<std::string_view, Variable> kNamed[] = {
    {"FUNC", Variable::kFunction},        {"LEVEL", Variable::kLevel},
    {"FLAGS", Variable::kFlags},          {"COMPNAME", Variable::kComponentName},
    {"SUBCOMP", Variable::kSubcomponent},
};

bool is_number(Variable variable) {
    switch (variable) {
        case Variable::kThread:
        case Variable::kKernelTime:
        case Variable::kUserTime:
        case Variable::kSequence:
        case Variable::kProcess:
        case Variable::kProcessor:
            return true;
        default:
            return false;
    }
}

class Compiler {
public:
    explicit Compiler(std::string_view text) : text_(text) {}

    Result<std::vector<Prefix::Part>> run() {
        while (at_ < text_.size()) {
            if (text_[at_] != '%') {
                literal(text_[at_++]);
                continue;
            }
            ETW_CHECK(variable());
        }
        return std::move(parts_);
    }

private:
    Error error(const char* what) const { return Error{Code::kInvalidParameter, what, at_}; }
    void literal(char c) {
        if (parts_.empty() || parts_.back().variable != Variable::kText) parts_.push_back({});
        parts_.back().text += c;
    }

    // At a percent sign.
    Status variable() {
        const char c = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
        if (c == '%') {
            literal('%');
            at_ += 2;
            return Ok{};
        }
        if (c == '!') return named();
        if (c < '1' || c > '9' || starts_digit(at_ + 2)) {
            return error("a % is followed by 1 to 9, a name in ! or another %");
        }
        Prefix::Part part;
        part.variable = Variable(int(Variable::kComponent) + (c - '1'));
        at_ += 2;
        if (at_ < text_.size() && text_[at_] == '!') {
            const size_t end = text_.find('!', at_ + 1);
            const auto how = end == text_.npos
                                 ? std::nullopt
                                 : parse_conversion(text_.substr(at_ + 1, end - at_ - 1));
            if (!how) return error("between two ! stands a conversion of printf, as in %8!04X!");
            part.how = *how;
            at_ = end + 1;
        } else if (is_number(part.variable)) {
            part.how.type = 'u';
        }
        parts_.push_back(std::move(part));
        return Ok{};
    }

    bool starts_digit(size_t at) const {
        return at < text_.size() && text_[at] >= '0' && text_[at] <= '9';
    }

    Status named() {
        const std::string_view rest = text_.substr(at_ + 2);
        for (const auto& [name, variable] : kNamed) {
            if (!rest.starts_with(name) || !rest.substr(name.size()).starts_with('!')) continue;
            parts_.push_back({variable, "", {}});
            at_ += 2 + name.size() + 1;
            return Ok{};
        }
        return error("the names are FUNC, LEVEL, FLAGS, COMPNAME and SUBCOMP");
    }

    std::string_view text_;
    size_t at_ = 0;
    std::vector<Prefix::Part> parts_;
};

uint32_t number_of(Variable variable, const etl::Record& record) {
    return header_number(record, unsigned(variable) - unsigned(Variable::kComponent) + 1);
}

void append_text(OutBuffer& out, Variable variable, const etl::Record& record,
                 const decode::Event& event, int64_t time, ClockText& clock) {
    const decode::Message* const message = event.message;
    switch (variable) {
        case Variable::kComponent:
        case Variable::kComponentName:
            return append_component(out, record, event);
        case Variable::kSource:
            if (message != nullptr && !message->source.empty()) {
                return append_bare(out, message->source);
            }
            return append_event_name(out, event);
        case Variable::kTime:
            return out.commit(clock.put(out.reserve(kMaxClockText), time));
        case Variable::kLevel:
            return append_level(out, record, event);
        case Variable::kFlags:
            return append_flags(out, record, event);
        case Variable::kFunction:
            if (message != nullptr) append_bare(out, message->function);
            return;
        case Variable::kSubcomponent:
            if (message != nullptr) append_bare(out, message->subcomponent);
            return;
        default:
            return append_number(out, number_of(variable, record));
    }
}

}  // namespace

Result<Prefix> Prefix::compile(std::string_view text, bool sequence) {
    Prefix out;
    ETW_TRY(out.parts_, Compiler(text).run());
    // Example F7 of the documentation: a prefix that ends in a colon is set off from the text.
    if (text.ends_with(':')) out.parts_.push_back({Variable::kText, "  ", {}});
    if (!sequence) return out;
    auto at = out.parts_.begin();
    while (at != out.parts_.end() && at->variable != Variable::kTime) ++at;
    if (at != out.parts_.end()) ++at;
    const Conversion digits{.zero = true, .width = 8, .type = 'x'};
    at = out.parts_.insert(at, {Variable::kText, " ", {}});
    out.parts_.insert(at + 1, {Variable::kSequence, "", digits});
    return out;
}

void append_prefix(OutBuffer& out, const Prefix& prefix, const etl::Record& record,
                   const decode::Event& event, int64_t time, ClockText& clock) {
    for (const Prefix::Part& part : prefix.parts()) {
        if (part.variable == Variable::kText) {
            out.append(part.text);
            continue;
        }
        if (is_number(part.variable) && part.how.type != 's' &&
            append_integer(out, part.how, number_of(part.variable, record), sizeof(uint32_t))) {
            continue;
        }
        const size_t begin = out.size();
        append_text(out, part.variable, record, event, time, clock);
        fit_text(out, begin, part.how);
    }
}

}  // namespace etw::render
