// Reads TMF text: what tracepdb writes, what a PDB's annotations hold, and what people made of it.
// Nothing fails: what cannot be read is left out and named.
#pragma once
#include "etw/bytes.h"
#include "tmf/message_set.h"

#include <set>
#include <string_view>
#include <vector>

namespace etw::tmf {

struct SkippedLine {
    size_t line;         // from 1
    const char* reason;  // string literal
};

// Lines come one by one and have no line ends. The grammar:
//   // anything                                    a comment; blank lines count as one
//   GUID COMPONENT // SRC=FILE MJ=MAJOR MN=MINOR   what follows belongs to this message GUID
//   #typev NAME NUMBER "TEXT" // LEVEL=L FLAGS=F FUNC=FUNCTION
//   {
//   EXPRESSION, ITEM -- INDEX                      ITEM: a word, or a word and (NAME,NAME)
//   }
//   #enumv TYPE                                    names of the ItemEnum(TYPE) of the same text,
//   {                                              before or behind it
//   NAME,VALUE
//   }
// All comments, the text, the block and -- INDEX may be missing; #type is the same as #typev.
class TmfReader {
public:
    void line(std::string_view text);
    // A piece ends here that stands for itself, as each annotation of a PDB does: an open block is
    // closed and the message GUID forgotten.
    void end_piece();
    // The text ends here.
    void end_text();

    // Enumerations that arguments name; #enumv lines and this say what is in them.
    std::set<std::string, std::less<>> named_enumerations() const;
    void add_enumeration(const std::string& name, std::vector<NamedValue> values);

    // What was read, with the names of enumerations; complete behind end_text().
    MessageSet take() { return std::move(messages_); }
    const std::vector<SkippedLine>& skipped() const noexcept { return skipped_; }

private:
    enum class Inside : uint8_t { kNothing, kMessage, kArguments, kEnumeration, kValues };

    void outer_line(std::string_view text);
    void guid_line(const Guid& guid, std::string_view rest);
    void message_line(std::string_view rest);
    void argument_line(std::string_view text);
    void value_line(std::string_view text);
    void close();
    void skip(const char* reason);

    MessageSet messages_;
    std::vector<SkippedLine> skipped_;
    std::vector<MessageFormat> pending_;  // of this text: its enumerations may follow
    std::map<std::string, std::vector<NamedValue>, std::less<>> enumerations_;
    Inside inside_ = Inside::kNothing;
    bool has_guid_ = false;
    MessageFormat head_;     // what the GUID's line says of its messages
    MessageFormat message_;  // open while inside a message
    std::string enumeration_;
    size_t line_ = 0;
};

struct TmfText {
    MessageSet messages;
    std::vector<SkippedLine> skipped;
};
// A whole file, in any encoding that text_of_file knows.
TmfText read_tmf(Bytes file);
// Fails only where the file cannot be read, or is too large to be one.
Result<TmfText> read_tmf_file(const std::string& path);

}  // namespace etw::tmf
