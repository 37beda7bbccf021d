// Events to text. A renderer keeps the text of what recurs, so each thread has its own; what it
// writes depends on the event alone.
#pragma once
#include "etw/event.h"
#include "etw/log_reader.h"
#include "render/clock_text.h"
#include "render/encoding.h"
#include "render/out_buffer.h"

#include <memory>

namespace etw::render {

enum class Format : uint8_t { kText, kCsv, kJson, kXml };

class AddressNames;
class Prefix;

// What a JSON object says of an event beside its fields.
enum JsonMeta : uint32_t {
    kMetaProvider = 0x1,  // with its GUID and group
    kMetaEvent = 0x2,     // its name; of one without a name id and version
    kMetaTime = 0x4,
    kMetaCpu = 0x8,
    kMetaProcess = 0x10,
    kMetaThread = 0x20,
    kMetaId = 0x40,
    kMetaVersion = 0x80,
    kMetaChannel = 0x100,
    kMetaLevel = 0x200,
    kMetaOpcode = 0x400,
    kMetaTask = 0x800,
    kMetaKeywords = 0x1000,
    kMetaTags = 0x2000,
    kMetaActivity = 0x4000,
    kMetaRelated = 0x8000,
    kMetaKernelTime = 0x10000,
    kMetaUserTime = 0x20000,
    kMetaProcessorTime = 0x40000,
    kMetaAll = 0x7FFFF,
    kMetaDefault = 0xFF3F,  // Windows'
};

struct RenderOptions {
    Format format = Format::kText;
    Encoding encoding = Encoding::kUtf8;
    // Text and CSV; JSON and XML are always in UTC, with 7 digits.
    bool prefix = true;
    bool high_resolution = false;  // 7 digits of the second, not 3
    bool utc = false;
    bool sortable_time = false;                     // "2003-10-23T12:27:40.173"
    bool zone_suffix = false;                       // "Z", "+05:30"
    std::shared_ptr<const Prefix> custom_prefix{};  // null: the default
    bool prefer_json = false;                       // text: what has fields as a JSON object
    bool csv_header = false;
    bool csv_quote = false;  // every column in quotes, not only those that need them
    // All formats.
    bool local_file_times = false;  // values of type FILETIME in local time
    uint32_t json_meta = kMetaDefault;
    std::shared_ptr<const AddressNames> names{};  // null: addresses stay numbers
};

class Renderer {
public:
    virtual ~Renderer() = default;
    // Appends the event, and a line feed. `time` is the record's, as FILETIME.
    virtual void render(const etl::Record& record, const decode::Event& event, int64_t time,
                        OutBuffer& out) = 0;
    // What comes once before the first event and after the last.
    virtual void begin(OutBuffer&) const {}
    virtual void end(OutBuffer&) const {}
};

std::unique_ptr<Renderer> make_renderer(const RenderOptions& options);

// The clock of the prefix.
ClockText make_clock(const RenderOptions& options);

}  // namespace etw::render
