// The part of the decoder that is for trace messages.
#include "decode/catalog_impl.h"
#include "decode/decoder_impl.h"
#include "decode/walk.h"

namespace etw::decode {
namespace {

constexpr size_t kKnownMessages = 1024;  // a power of two

}  // namespace

const MessageProgram* DecoderImpl::find_message(const Guid& guid, uint16_t number) {
    if (known_messages_.empty()) known_messages_.resize(kKnownMessages);
    const size_t hash = std::hash<Guid>()(guid) + number * size_t{0x9E3779B1};
    KnownMessage& known = known_messages_[(hash ^ hash >> 17) % kKnownMessages];
    if (!known.asked || known.number != number || known.guid != guid) {
        known = {guid, number, true, catalog_->impl().messages.find(guid, number)};
    }
    return known.program;
}

bool DecoderImpl::decode_message(const etl::Record& record, uint16_t number, Event& event) {
    if (catalog_ == nullptr) return false;
    const MessageProgram* const message = find_message(record.provider, number);
    if (message == nullptr) return false;
    event.provider = message->component;
    event.name = message->name;
    event.message = &message->message;
    const Program& program = record.is_64_bit ? message->program_64 : message->program_32;
    walk(program, record.payload, record.is_64_bit, event);
    if (!message->unknown_item.empty()) {
        event.outcome = Outcome::kMalformed;
        event.reason = message->unknown_item.c_str();
    }
    return true;
}

void DecoderImpl::decode_unknown_message(const etl::Record& record, Event& event) {
    event.items.clear();
    event.rest = record.payload;
    event.outcome = Outcome::kUnknown;
    event.reason = "no trace message formats were named";
    if (catalog_ == nullptr) return;
    missing_message_ = catalog_->impl().messages.why_missing(record.provider, record.descriptor.id);
    event.reason = missing_message_.c_str();
}

}  // namespace etw::decode
