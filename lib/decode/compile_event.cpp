#include "decode/compile_event.h"

#include "decode/message_text.h"
#include "decode/unique_names.h"

namespace etw::decode {
namespace {

// In-types of tdh.h up to 25 are those of TraceLogging; these are of the MOF classes.
enum : uint16_t {
    kTdhCountedString = 300,
    kTdhCountedAnsiString = 301,
    kTdhRestString = 304,
    kTdhRestAnsiString = 305,
    kTdhUnicodeChar = 306,
    kTdhAnsiChar = 307,
    kTdhSizeT = 308,
    kTdhWbemSid = 310,
};
constexpr uint16_t kTdhReserved24 = 24;  // a struct in TraceLogging, nothing in manifests
constexpr uint16_t kTdhOutIpv6 = 24;
constexpr uint16_t kTdhOutNoPrint = 301;
constexpr uint8_t kIpv6Size = 16;

Out map_out(uint16_t tdh_out) {
    switch (tdh_out) {
        case 1:
        case 300:  // a string without line breaks
            return Out::kString;
        case 3:
        case 5:
        case 7:
        case 9:
            return Out::kSigned;
        case 4:
        case 6:
        case 8:
        case 10:
            return Out::kUnsigned;
        case 13:
            return Out::kBoolean;
        case 16:
        case 17:
        case 18:
        case 19:
        case 29:  // an error code of unknown origin
            return Out::kHex;
        case 20:
            return Out::kPid;
        case 21:
            return Out::kTid;
        case 22:
            return Out::kPort;
        case 23:
            return Out::kIpv4;
        case kTdhOutIpv6:
            return Out::kIpv6;
        case 25:
            return Out::kSockAddr;
        case 28:
            return Out::kXml;
        case 30:
            return Out::kWin32Error;
        case 31:
            return Out::kNtStatus;
        case 32:
            return Out::kHResult;
        case 34:
            return Out::kJson;
        case 37:
            return Out::kCodePointer;
        case kTdhOutNoPrint:
            return Out::kNoPrint;
        default:
            return Out::kDefault;
    }
}

bool is_integer(const Field& field) {
    if (field.repeat != Field::Repeat::kNone) return false;
    switch (Type(field.type)) {
        case Type::kInt8:
        case Type::kUInt8:
        case Type::kInt16:
        case Type::kUInt16:
        case Type::kInt32:
        case Type::kUInt32:
        case Type::kInt64:
        case Type::kUInt64:
        case Type::kHexInt32:
        case Type::kHexInt64:
        case Type::kPointer:
        case Type::kBool32:
            return true;
        default:
            return false;
    }
}

class FieldsCompiler {
public:
    FieldsCompiler(const TemplateModel& model, bool is_64_bit, Program& out)
        : model_(model), is_64_bit_(is_64_bit), out_(out) {}

    const char* run() {
        if (model_.fields.size() > kMaxTemplateFields) return "description: too many fields";
        for (const FieldModel& field : model_.fields) add(field);
        if (error_ == nullptr) check_nesting(0, out_.fields.size(), 0);
        return error_;
    }

private:
    void fail(const char* why) {
        if (error_ == nullptr) error_ = why;
    }

    void add(const FieldModel& model) {
        Field field;
        field.name = model.name;
        field.end = model.end;
        field.map = model.map.get();
        if (model.is_struct) {
            field.type = uint8_t(Type::kStruct);
            field.format = Format::kStruct;
        } else {
            set_type(model, field);
        }
        set_count(model, field);
        out_.fields.push_back(field);
    }

    void set_type(const FieldModel& model, Field& field) {
        const auto mapped = map_type(model.in_type, model.out_type);
        if (!mapped) return fail("description: unknown field type");
        Type type = mapped->type;
        field.size = type_size(type, is_64_bit_);
        const bool has_length = model.length.kind != Amount::Kind::kNone;
        if (has_length && type == Type::kUtf16) type = Type::kSizedUtf16;
        if (has_length && type == Type::kUtf8) type = Type::kSizedUtf8;
        if (type == Type::kBinary) {  // in manifests without the count that TraceLogging puts first
            const bool is_ipv6 = model.out_type == kTdhOutIpv6;
            if (is_ipv6 && !has_length) field.size = kIpv6Size;
            type = has_length || is_ipv6 ? Type::kSizedBinary : Type::kRest;
        }
        field.type = uint8_t(type);
        field.out = uint8_t(mapped->out);
        field.format = format_of(type, mapped->out);
        if (model.in_type == kTdhRestString) field.format = Format::kUtf16;
        if (model.in_type == kTdhRestAnsiString) field.format = Format::kUtf8;
        field.hidden = mapped->out == Out::kNoPrint;
        if (type == Type::kSizedUtf16 || type == Type::kSizedUtf8 || type == Type::kSizedBinary) {
            field.length = model.length.value;
            if (model.length.kind == Amount::Kind::kField) {
                field.length_from = kept(model.length.value);
            }
        }
    }

    void set_count(const FieldModel& model, Field& field) {
        if (model.count.kind == Amount::Kind::kNone) return;
        if (Type(field.type) == Type::kNull) return fail("description: array of nothing");
        if (model.count.kind == Amount::Kind::kToEnd) {
            field.repeat = Field::Repeat::kToEnd;
            return;
        }
        if (model.count.kind == Amount::Kind::kFixed) {
            field.repeat = Field::Repeat::kConstant;
            field.count = model.count.value;
            return;
        }
        field.repeat = Field::Repeat::kReferred;
        field.count_from = kept(model.count.value);
    }

    // The number by which the walk remembers field `position`.
    uint8_t kept(uint16_t position) {
        if (position >= out_.fields.size() || !is_integer(out_.fields[position])) {
            fail("description: a length refers to no earlier integer");
            return 0;
        }
        Field& field = out_.fields[position];
        if (field.kept_as == 0) {
            if (kept_count_ == kMaxKept) {
                fail("description: too many lengths");
                return 0;
            }
            field.kept_as = ++kept_count_;
        }
        return field.kept_as;
    }

    // Every struct ends where its level allows, and no deeper than renderers can follow.
    void check_nesting(size_t first, size_t end, int depth) {
        if (depth > kMaxNesting) return fail("description: structs nested too deep");
        for (size_t i = first; i < end && error_ == nullptr;) {
            const Field& field = out_.fields[i];
            const bool is_struct = Type(field.type) == Type::kStruct;
            if (field.end <= i || field.end > end || (!is_struct && field.end != i + 1)) {
                return fail("description: a struct goes past its end");
            }
            if (is_struct) check_nesting(i + 1, field.end, depth + 1);
            i = field.end;
        }
    }

    const TemplateModel& model_;
    bool is_64_bit_;
    Program& out_;
    uint8_t kept_count_ = 0;
    const char* error_ = nullptr;
};

void make_names_unique(Program& program) {
    std::vector<Field>& fields = program.fields;
    struct Level {
        size_t end;
        UniqueNames names;
    };
    std::vector<Level> levels(1);  // around the current field
    levels[0].end = fields.size();
    for (size_t i = 0; i < fields.size(); ++i) {
        while (i == levels.back().end) levels.pop_back();
        UniqueNames& names = levels.back().names;
        if (!names.take(fields[i].name)) {
            fields[i].name = program.text.emplace_back(names.numbered(fields[i].name));
            names.take(fields[i].name);
        }
        if (fields[i].end > i + 1) levels.push_back({fields[i].end, {}});
    }
}

}  // namespace

std::optional<MappedType> map_type(uint16_t tdh_in, uint16_t tdh_out) noexcept {
    const Out out = map_out(tdh_out);
    switch (tdh_in) {
        case kTdhReserved24:
            return std::nullopt;
        case kTdhCountedString:
            return MappedType{Type::kCountedUtf16, out};
        case kTdhCountedAnsiString:
            return MappedType{Type::kCountedUtf8, out};
        case kTdhRestString:
        case kTdhRestAnsiString:
            return MappedType{Type::kRest, out};
        case kTdhUnicodeChar:
            return MappedType{Type::kUInt16, Out::kString};
        case kTdhAnsiChar:
            return MappedType{Type::kUInt8, Out::kString};
        case kTdhSizeT:
            return MappedType{Type::kPointer, out};
        case kTdhWbemSid:
            return MappedType{Type::kUserSid, out};
        default:
            if (tdh_in > uint16_t(Type::kCountedBinary)) return std::nullopt;
            return MappedType{Type(tdh_in), out};
    }
}

CompiledEvent compile_event(const EventModel& event, bool is_64_bit) {
    CompiledEvent out;
    out.names = {event.symbol, event.level,   event.task,
                 event.opcode, event.channel, {event.keywords.begin(), event.keywords.end()}};
    const bool has_task = !event.task.empty();
    out.name = has_task ? event.task : event.symbol;
    constexpr std::string_view kSaysNothing = "Info";
    if (event.opcode != kSaysNothing) out.opcode = event.opcode;
    if (out.name.empty()) {  // neither task nor symbol: the number is what is left
        out.name = out.text.emplace_back("Event(" + std::to_string(event.id) + ")");
    } else if (!has_task) {
        out.opcode = {};  // a symbol is the whole name
    }
    if (event.fields != nullptr) {
        out.error = FieldsCompiler(*event.fields, is_64_bit, out.program).run();
        if (out.error == nullptr) make_names_unique(out.program);
    }
    out.message.parts = parse_message(event.message, out.text);
    return out;
}

}  // namespace etw::decode
