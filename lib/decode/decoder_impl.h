// What is behind etw/decoder.h. Sources of a description: the record itself (TraceLogging), the
// catalog's manifests, the layouts of the classic kernel events, EventSource's manifest event.
#pragma once
#include "decode/blob_cache.h"
#include "decode/catalog_impl.h"
#include "decode/compile_event.h"
#include "decode/kernel_table.h"
#include "decode/message_program.h"
#include "decode/schema.h"
#include "decode/windows_events.h"
#include "etw/catalog.h"
#include "etw/event.h"
#include "etw/log_reader.h"

#include <string>
#include <unordered_map>
#include <vector>

namespace etw::decode {

// Holds the compiled descriptions.
class DecoderImpl {
public:
    explicit DecoderImpl(std::shared_ptr<const Catalog> catalog);

    void decode(const etl::Record& record, Event& event);

private:
    struct Schema {
        Program program;
        const char* error = nullptr;
    };
    struct Layout {
        uint8_t version;
        Program program_32, program_64;
    };
    // What the catalog has for a message: asking it takes a lock.
    struct KnownMessage {
        Guid guid;
        uint16_t number = 0;
        bool asked = false;
        const MessageProgram* program = nullptr;
    };
    struct Extended {  // the items that the decoder reads
        Bytes schema, traits, related;
    };

    static Extended find_items(Bytes chain, Added& added);  // `added` gets the others
    void set_provider(Bytes traits, Event& event);
    void decode_described(const etl::Record& record, Bytes schema, Event& event);
    bool decode_kernel(const etl::Record& record, Event& event);
    bool decode_message(const etl::Record& record, uint16_t number, Event& event);
    const MessageProgram* find_message(const Guid& guid, uint16_t number);
    void decode_unknown_message(const etl::Record& record, Event& event);
    bool decode_from_manifest(const etl::Record& record, Event& event);
    ProviderSet::Found find_described(const etl::Record& record);
    const CompiledEvent& compiled(const EventModel& model, bool is_64_bit);
    void add_stack(const etl::Record& record, Event& event);
    void decode_layout(const etl::Record& record, const Layout* layout, Event& event);
    void decode_undescribed(const etl::Record& record, Event& event);
    const Layout* find_layout(const KernelHook* hook, uint16_t hook_id, uint16_t version) const;

    std::shared_ptr<const Catalog> catalog_;  // may be null
    BlobCache<Schema> schemas_32_, schemas_64_;
    BlobCache<Provider> providers_;
    std::vector<std::vector<Layout>> layouts_;  // by family, highest version first
    std::unordered_map<uint16_t, std::vector<Layout>> own_layouts_;  // by hook id, likewise
    std::unordered_map<uint16_t, std::string_view> own_names_;       // of events without a hook
    std::vector<const KernelHook*> hooks_;                           // by hook id
    std::vector<const KernelClass*> classes_;                        // by group
    std::unordered_map<Guid, uint8_t> groups_;
    Program manifest_chunk_;
    std::vector<KnownMessage> known_messages_;
    std::string missing_message_;
    // By the model, which the catalog keeps where it is; one for each pointer size.
    std::unordered_map<const EventModel*, CompiledEvent> events_32_, events_64_;
    WindowsProviders windows_;
    size_t stack_hint_ = 0;
    std::string opcode_text_;
    Guid related_;
};

}  // namespace etw::decode
