#include "decode/message_text.h"

#include "decode/schema.h"

#include <algorithm>

namespace etw::decode {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class MessageParser {
public:
    MessageParser(std::string_view message, std::deque<std::string>& store)
        : left_(message), store_(store) {}

    std::vector<MessagePart> parse() {
        while (!left_.empty() && parts_.size() < kMaxMessageParts) {
            const size_t percent = std::min(left_.find('%'), left_.size());
            text_.append(left_.substr(0, percent));
            left_.remove_prefix(percent);
            if (left_.size() == 1) text_.push_back('%');
            if (left_.size() <= 1) break;
            left_.remove_prefix(1);
            if (!escape()) break;
        }
        flush();
        return std::move(parts_);
    }

private:
    // What follows a '%'; false where it ends the text.
    bool escape() {
        const char c = left_.front();
        if (is_digit(c)) {
            if (c == '0') return false;
            insert();
            return true;
        }
        left_.remove_prefix(1);
        switch (c) {
            case 'n':
            case 'r':
            case 't':
            case 'b':
                text_.push_back(' ');
                break;
            case '%':
            case '!':
            case '.':
                text_.push_back(c);
                break;
            default:
                text_.push_back('%');
                text_.push_back(c);
                break;
        }
        return true;
    }

    // "1" or "12!08x!".
    void insert() {
        unsigned number = 0;
        for (int digits = 0; digits < 2 && !left_.empty() && is_digit(left_.front()); ++digits) {
            number = number * 10 + unsigned(left_.front() - '0');
            left_.remove_prefix(1);
        }
        flush();
        std::string_view conversion;
        if (left_.starts_with('!')) {
            const size_t end = left_.find('!', 1);
            if (end != left_.npos) {
                conversion = store_.emplace_back(left_.substr(1, end - 1));
                left_.remove_prefix(end + 1);
            }
        }
        parts_.push_back({MessagePart::Kind::kValue, uint16_t(number - 1), conversion});
    }

    void flush() {
        if (text_.empty()) return;
        for (char& c : text_) {
            if (c == '\n' || c == '\r' || c == '\t') c = ' ';
        }
        parts_.push_back({MessagePart::Kind::kText, 0, store_.emplace_back(clean_text(text_))});
        text_.clear();
    }

    std::string_view left_;
    std::deque<std::string>& store_;
    std::string text_;
    std::vector<MessagePart> parts_;
};

}  // namespace

std::vector<MessagePart> parse_message(std::string_view message, std::deque<std::string>& store) {
    while (!message.empty() && (message.back() == '\n' || message.back() == '\r')) {
        message.remove_suffix(1);
    }
    auto parts = MessageParser(message, store).parse();
    // A break at the end belongs to the console that a text was written for.
    if (!parts.empty() && parts.back().kind == MessagePart::Kind::kText) {
        std::string_view& last = parts.back().text;
        last = last.substr(0, last.find_last_not_of(' ') + 1);
        if (last.empty()) parts.pop_back();
    }
    return parts;
}

}  // namespace etw::decode
