// The bytes of every TraceLogging macro, from C and from C++: see fields.h.
#include "fields_expect.h"
#include "support/fake_host.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace etw::provider {
namespace {

FakeHost* g_host;

struct Written {
    wire::EventHeader header;
    std::optional<Guid> related;
    std::string schema;   // the item's data behind its size field
    std::string payload;  // exact
};

template <class T>
T at(const std::vector<std::byte>& bytes, size_t offset) {
    T out;
    EXPECT_LE(offset + sizeof(T), bytes.size());
    std::memcpy(static_cast<void*>(&out), bytes.data() + offset, sizeof(T));
    return out;
}

std::optional<Written> last_event(const char* what) {
    const auto records = g_host->take_records();
    EXPECT_EQ(records.size(), 1u) << what;
    if (records.size() != 1) return std::nullopt;
    const std::vector<std::byte>& record = records[0];
    const auto* text = reinterpret_cast<const char*>(record.data());
    Written out{};
    out.header = at<wire::EventHeader>(record, 0);
    size_t where = sizeof(wire::EventHeader);
    for (bool more = true; more;) {
        const auto item = at<wire::ExtendedItem>(record, where);
        const size_t data = where + sizeof(item);
        const auto type = wire::ExtendedType(item.type);
        if (type == wire::ExtendedType::kRelatedActivityId) out.related = at<Guid>(record, data);
        if (type == wire::ExtendedType::kEventSchemaTl) {
            EXPECT_EQ(at<uint16_t>(record, data), item.data_size) << what;
            out.schema.assign(text + data + 2, item.data_size - 2u);
        }
        EXPECT_EQ(item.size, wire::align8(sizeof(item) + item.data_size)) << what;
        where += item.size;
        more = item.linkage != 0;
    }
    out.payload.assign(text + where, out.header.size - where);
    return out;
}

std::string schema_of_e(const std::string& fields) { return std::string("\0E\0", 3) + fields; }

struct Head {
    int id, channel, level, opcode;
    uint64_t keyword;
};

void expect_head_of(const Written& event, const Head& head, const GUID* activity,
                    const GUID* related) {
    const auto& descriptor = event.header.descriptor;
    EXPECT_EQ(descriptor.id, head.id);
    EXPECT_EQ(descriptor.channel, head.channel);
    EXPECT_EQ(descriptor.level, head.level);
    EXPECT_EQ(descriptor.opcode, head.opcode);
    EXPECT_EQ(descriptor.keyword, head.keyword);
    const GUID none = {};
    EXPECT_EQ(std::memcmp(&event.header.activity_id, activity != nullptr ? activity : &none,
                          sizeof(GUID)),
              0);
    ASSERT_EQ(event.related.has_value(), related != nullptr);
    if (related != nullptr) {
        EXPECT_EQ(std::memcmp(&*event.related, related, sizeof(GUID)), 0);
    }
}

class Fields : public testing::Test {
protected:
    void run(void (*write)()) {
        runtime_dir();
        FakeHost host;
        host.ring_doorbell();
        g_host = &host;
        // Registration and its end talk to the host while the events in between do not.
        std::atomic<bool> done = false;
        std::thread app([&] {
            write();
            done = true;
        });
        EXPECT_TRUE(host.serve_until([&] { return done && host.unregistered == 1; }));
        app.join();
    }
};

TEST_F(Fields, HaveTheirBytesFromC) { run(write_fields_c); }

TEST_F(Fields, HaveTheirBytesFromCpp) { run(write_fields_cpp); }

}  // namespace
}  // namespace etw::provider

using namespace etw::provider;

extern "C" {

void expect_event(const char* what, const char* schema, size_t schema_size, const char* payload,
                  size_t payload_size) {
    const auto event = last_event(what);
    if (!event) return;
    EXPECT_EQ(event->schema, schema_of_e(std::string(schema, schema_size))) << what;
    EXPECT_EQ(event->payload, std::string(payload, payload_size)) << what;
}

void expect_scalar(const char* what, int in, int out, int array, const void* payload, size_t size) {
    std::string schema("f\0", 2);
    schema += char(in | array | (out != 0 ? 0x80 : 0));
    if (out != 0) schema += char(out);
    const std::string two("\x02\0", 2);
    if (array == 0x20) schema += two;
    std::string bytes(static_cast<const char*>(payload), size);
    if (array == 0x40) bytes = two + bytes;
    expect_event(what, schema.data(), schema.size(), bytes.data(), bytes.size());
}

void expect_event_of(const char* name, int level, int opcode, uint64_t keyword,
                     const GUID* activity, const GUID* related) {
    const auto event = last_event(name);
    if (!event) return;
    expect_head_of(*event, {0, 11, level, opcode, keyword}, activity, related);
    EXPECT_EQ(event->schema, std::string(1, '\0') + name + '\0');
}

void expect_true(const char* what, bool condition) { EXPECT_TRUE(condition) << what; }

void expect_head(int id, int channel, int level, int opcode, uint64_t keyword, const GUID* activity,
                 const GUID* related) {
    const auto event = last_event("attributes");
    if (!event) return;
    expect_head_of(*event, {id, channel, level, opcode, keyword}, activity, related);
    EXPECT_EQ(event->schema, schema_of_e(""));
}

void expect_tag(const char* bytes) {
    if (const auto event = last_event("event tag")) {
        EXPECT_EQ(event->schema, bytes + std::string("E\0", 2));
    }
}

void expect_payload_size(size_t size) {
    if (const auto event = last_event("long text")) {
        EXPECT_EQ(event->payload.size(), size);
    }
}

size_t taken() { return g_host->take_records().size(); }

void expect_nothing() { EXPECT_TRUE(g_host->take_records().empty()); }

}  // extern "C"
