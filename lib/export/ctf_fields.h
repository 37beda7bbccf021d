// The fields of an event in CTF: its type, as text of the metadata, and its values.
//
// A type follows from the decoded items alone. Events of one kind whose types differ (a field that
// is missing at the end, a list of structs that is empty) are events of several types there.
#pragma once
#include "base/byte_writer.h"
#include "etw/event.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etw::exports {

class CtfFields {
public:
    void clear();

    void add_text(std::string_view name, std::string_view value);
    void add_number(std::string_view name, int64_t value, size_t size);  // signed
    void add_bytes(std::string_view name, Bytes value);
    void add_items(std::span<const decode::Item> items);

    // Equal for equal types, different otherwise; cheap, unlike the declaration.
    const std::string& signature() const noexcept { return signature_; }
    Bytes values() const noexcept { return values_.bytes(); }
    // The members of the struct as TSDL, without the braces around them.
    std::string declaration() const;

private:
    size_t add_item(std::span<const decode::Item> items, size_t at);
    size_t add_array(std::span<const decode::Item> items, size_t at);
    void add_structs(std::span<const decode::Item> array);
    void add_value(const decode::Field& field, Bytes bytes);
    void name(std::string_view name);

    std::string signature_;
    ByteWriter values_;
};

}  // namespace etw::exports
