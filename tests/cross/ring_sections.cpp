// Proves the processor's own code of the ring writer byte by byte, in one thread and without the
// kernel: the sections are given an rseq area of ours that says "CPU 0", so they never restart.
// What restarts need is proven on hardware by tests/unit/ring; this is for scripts/test-aarch64.
#include "ring/writer.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

using namespace etw;
using ring::Outcome;

#define CHECK(condition)                                                         \
    do {                                                                         \
        if (!(condition)) {                                                      \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            std::exit(1);                                                        \
        }                                                                        \
    } while (0)

constexpr wire::RingGeometry kGeometry = {1, 3, 4096, 0};
constexpr uint64_t kGeneration = 0x123456789;
constexpr uint32_t kTimeStampOffset = 16;
constexpr uint64_t kState = 0x98765432100ff;
uint64_t g_state = kState;  // of the events

class Ring {
public:
    explicit Ring(uint32_t blocks = kGeometry.blocks, uint32_t block_size = kGeometry.block_size) {
        geometry_.blocks = blocks;
        geometry_.block_size = block_size;
        void* memory = ::mmap(nullptr, geometry_.set_size(), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(memory != MAP_FAILED);
        set_ = static_cast<std::byte*>(memory);
        control().head = control().tail = wire::ring_position(0, wire::kRingFirstOffset);
        map.describe(set_, geometry_);
        map.generation = kGeneration;
    }
    wire::RingControl& control() {
        return *reinterpret_cast<wire::RingControl*>(set_ + geometry_.ring_offset(0));
    }
    wire::RingSetHeader& header() { return *reinterpret_cast<wire::RingSetHeader*>(set_); }
    uint32_t filled(uint64_t block) {
        uint32_t out;
        std::memcpy(&out,
                    set_ + geometry_.ring_offset(0) + wire::kRingFilledOffset +
                        block % geometry_.blocks * sizeof(out),
                    sizeof(out));
        return out;
    }
    const std::byte* at(wire::RingPosition position) {
        return set_ + geometry_.ring_offset(0) + geometry_.control_size() +
               wire::block_of(position) % geometry_.blocks * geometry_.block_size +
               wire::offset_of(position);
    }
    void release_all() { control().tail = control().head.load(); }

    ring::WriterMap map;
    ring::RseqArea rseq{0, 0, 0, 0, {}};

private:
    wire::RingGeometry geometry_ = kGeometry;
    std::byte* set_;
};

// A record of `staged` bytes and pieces of the given sizes, all with different contents.
struct Event {
    Event(uint32_t staged_size, const std::vector<size_t>& sizes, uint32_t seed) {
        size = staged_size;
        for (const size_t piece : sizes) size += uint32_t(piece);
        bytes.resize(wire::align8(size));
        for (size_t i = 0; i < size; ++i) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = std::byte(seed >> 24);
        }
        size_t where = staged_size;
        for (const size_t piece : sizes) {
            pieces.push_back({bytes.data() + where, uint32_t(piece), 0});
            where += piece;
        }
        record = {nullptr,
                  kGeneration,
                  bytes.data(),
                  pieces.empty() ? nullptr : pieces.data(),
                  staged_size,
                  uint32_t(pieces.size()),
                  uint32_t(bytes.size()),
                  kTimeStampOffset};
    }
    std::vector<std::byte> bytes;  // with zeros up to the next multiple of 8
    std::vector<ring::Piece> pieces;
    uint32_t size;
    ring::Record record;
};

// What a section returns for a record that began a block and left `full` of them full.
constexpr uint32_t switched(uint32_t full) { return full << ETW_RESULT_BLOCKS_SHIFT; }

uint32_t write_staged(Ring& ring, Event& event) {
    event.record.map = &ring.map;
    return ring::etw_ring_write(&event.record, &ring.rseq);
}

// What a provider writes its events from, with the items of two kinds in place.
struct Provider {
    ring::EventSource source{};
    std::byte traits[4096];
};
struct Described {
    etw_event event{};
    std::byte item[4096];
};
static_assert(offsetof(Provider, traits) == ETW_SOURCE_TRAITS);
static_assert(offsetof(Described, item) == ETW_DESCRIBED_ITEM);

// What a quick section returns that has not written.
constexpr uint32_t kRest = 0x12345678;

uint32_t check_rest(const ring::EventSource* source, const void* head, uint64_t state,
                    const ring::Piece* pieces, uint64_t extent, uint32_t described,
                    ring::HeaderPart activity) noexcept;

// The first 80 bytes, which must be the staged ones, as an event header; what of it the sections
// do not take from their caller is made what they write.
struct HeaderOf {
    HeaderOf(Ring& ring, Event& event, uint32_t traits, bool with_items)
        : described_head(with_items),
          pieces(event.record.pieces + (with_items ? 2 : 0)),
          extent((event.size - traits) | uint64_t{event.record.piece_count - (with_items ? 2 : 0)}
                                             << 32) {
        CHECK(event.record.staged_size == sizeof(wire::EventHeader));
        std::byte* const bytes = event.bytes.data();
        const uint64_t first_word = (event.size & 0xFFFF) | ETW_EVENT_TYPE_AND_MARKER |
                                    (with_items ? uint64_t{ETW_EVENT_EXTENDED} << 32 : 0);
        std::memcpy(bytes, &first_word, sizeof(first_word));
        std::memset(bytes + ETW_EVENT_TIMES, 0, sizeof(uint64_t));
        ring::EventSource& source = provider.source;
        source.state = kState;
        source.rings = ring.map.rings;
        source.ring_size = ring.map.ring_size;
        source.map = &ring.map;
        source.generation = event.record.generation;
        source.traits_size = traits;
        source.rest = check_rest;
        std::memcpy(&source.provider_id, bytes + ETW_EVENT_PROVIDER_ID, sizeof(etw_guid));
        std::memcpy(&described.event, bytes + ETW_EVENT_DESCRIPTOR, sizeof(etw_descriptor));
        std::memcpy(&identity, bytes + ETW_EVENT_IDENTITY, sizeof(uint64_t));
        std::memcpy(&activity, bytes + ETW_EVENT_ACTIVITY, sizeof(activity));
    }
    Provider provider;  // the first: `rest` finds all else by it
    Described described;
    bool described_head;
    const ring::Piece* pieces;
    uint64_t extent;
    ring::HeaderPart activity, identity{};
};

// EventSource::rest: what a section takes there must be what it had.
uint32_t check_rest(const ring::EventSource* source, const void* head, uint64_t state,
                    const ring::Piece* pieces, uint64_t extent, uint32_t described,
                    ring::HeaderPart activity) noexcept {
    const HeaderOf& of = *reinterpret_cast<const HeaderOf*>(source);
    CHECK(head == &of.described && state == g_state && pieces == of.pieces && extent == of.extent &&
          described == of.described_head &&
          std::memcmp(&activity, &of.activity, sizeof(activity)) == 0);
    return kRest;
}

uint32_t write_header(Ring& ring, Event& event) {
    const HeaderOf of(ring, event, 0, false);
    return ring::etw_ring_write_event(&of.provider.source, &of.described.event.descriptor, g_state,
                                      of.pieces, of.extent, &ring.rseq, of.activity, of.identity);
}

// The first two pieces as the items of traits and of schema.
uint32_t write_described(Ring& ring, Event& event) {
    const ring::Record& r = event.record;
    CHECK(r.piece_count >= 2);
    HeaderOf of(ring, event, r.pieces[0].size, true);
    CHECK(r.pieces[0].size <= sizeof(of.provider.traits) &&
          r.pieces[1].size <= sizeof(of.described.item));
    std::memcpy(of.provider.traits, r.pieces[0].data, r.pieces[0].size);
    std::memcpy(of.described.item, r.pieces[1].data, r.pieces[1].size);
    of.described.event.item_size = r.pieces[1].size;
    return ring::etw_ring_write_described(&of.provider.source, &of.described.event, g_state,
                                          of.pieces, of.extent, &ring.rseq, of.activity,
                                          of.identity);
}

Outcome write(Ring& ring, Event& event) {
    const uint32_t result = write_staged(ring, event);
    return Outcome(result & (switched(1) - 1));
}

// Writes and compares what is in the ring; returns the time that the section read. What a quick
// section has not written, which it must where there is not the room that it asks for and never
// otherwise, the other one writes.
uint64_t write_and_compare(Ring& ring, Event& event,
                           uint32_t (*write_one)(Ring&, Event&) = write_staged) {
    const wire::RingPosition before = ring.control().head;
    const uint32_t size = event.record.size;
    const uint32_t room = kGeometry.block_size - wire::offset_of(before);
    const bool fits = size <= room;
    uint32_t result = write_one(ring, event);
    if (write_one != write_staged) {
        CHECK(result == (event.size + ETW_QUICK_SLACK <= room ? 0 : kRest));
        CHECK((ring.control().head == before) == (result == kRest));
        if (result == kRest) result = write_staged(ring, event);
    }
    CHECK(result == (fits ? 0 : switched(1)));
    const wire::RingPosition begin =
        fits ? before : wire::ring_position(wire::block_of(before) + 1, wire::kRingFirstOffset);
    CHECK(ring.control().head == begin + size);
    if (!fits) CHECK(ring.filled(wire::block_of(before)) == wire::offset_of(before));
    uint64_t time = 0;
    std::memcpy(&time, ring.at(begin) + kTimeStampOffset, sizeof(time));
    std::memcpy(event.bytes.data() + kTimeStampOffset, &time, sizeof(time));
    CHECK(std::memcmp(ring.at(begin), event.bytes.data(), size) == 0);
    ring.release_all();
    return time;
}

void copies_every_size_and_alignment() {
    Ring ring;
    uint64_t last = 0;
    uint32_t seed = 1;
    for (uint32_t staged = 24; staged <= 1024; staged += 8) {
        for (size_t piece = 0; piece <= 130; piece += 13) {
            Event event(staged, {piece, 1, 0, piece / 3, 200 + piece}, ++seed);
            const uint64_t time = write_and_compare(ring, event);
            CHECK(time >= last);
            last = time;
        }
        Event whole(staged, {}, ++seed);
        write_and_compare(ring, whole);
    }
}

void copies_headers_from_registers() {
    Ring ring;
    uint64_t last = 0;
    for (uint32_t piece = 0; piece <= 200; ++piece) {
        Event event(sizeof(wire::EventHeader), {piece, 7, 0, 24}, piece);
        const uint64_t time = write_and_compare(ring, event, write_header);
        CHECK(time >= last);
        last = time;
        Event bare(sizeof(wire::EventHeader), {}, piece);
        write_and_compare(ring, bare, write_header);
    }
}

void copies_items_of_described_events() {
    Ring ring;
    uint32_t seed = 1;
    for (size_t traits = 0; traits <= 160; traits += 8) {
        for (size_t schema = 0; schema <= 160; schema += 8) {
            Event event(sizeof(wire::EventHeader), {traits, schema, seed % 40, 8, 4}, seed);
            write_and_compare(ring, event, write_described);
            Event bare(sizeof(wire::EventHeader), {traits, schema}, ++seed);
            write_and_compare(ring, bare, write_described);
        }
    }
}

void goes_round_with_any_number_of_blocks() {
    for (uint32_t blocks = 2; blocks <= 9; ++blocks) {
        for (const auto write_one : {write_staged, write_header, write_described}) {
            Ring ring(blocks);
            for (uint32_t i = 0; i < 60 * blocks; ++i) {
                Event event(sizeof(wire::EventHeader), {24, 32, 900 + i % 100}, i);
                write_and_compare(ring, event, write_one);
            }
        }
    }
}

void says_how_many_blocks_are_full() {
    Ring ring;
    Event event(sizeof(wire::EventHeader), {16, 24, 1960}, 3);
    std::vector<uint32_t> results;
    for (int i = 0; i < 4; ++i) results.push_back(write_staged(ring, event));
    CHECK((results == std::vector<uint32_t>{0, switched(1), switched(2), ETW_OUTCOME_FULL}));
}

// Not a byte of the next block, which may be the host's at the time.
void leaves_the_next_block_alone() {
    for (const auto write_one : {write_header, write_described}) {
        for (uint32_t blocks = 2; blocks <= 3; ++blocks) {
            for (uint32_t short_of = 0; short_of < 24; ++short_of) {
                Ring ring(blocks);
                const wire::RingPosition start = ring.control().head;
                const uint32_t room = kGeometry.block_size - wire::offset_of(start);
                Event event(sizeof(wire::EventHeader), {16, 24, room - 120 - short_of}, short_of);
                const std::byte* const next = ring.at(wire::ring_position(1, 0));
                CHECK(write_one(ring, event) == (short_of < ETW_QUICK_SLACK ? kRest : 0));
                for (size_t i = 0; i < 64; ++i) CHECK(next[i] == std::byte{0});
            }
        }
    }
}

// What one session's filter has let pass must not go to the next session.
void leaves_events_of_another_state() {
    Ring ring;
    for (const auto write_one : {write_header, write_described}) {
        Event event(sizeof(wire::EventHeader), {16, 24, 4}, 1);
        for (const uint64_t other :
             {kState + 1, kState + 0x10000, kState - 0x10000, uint64_t{0}, kState << 32}) {
            g_state = other;
            CHECK(write_one(ring, event) == kRest);
        }
        g_state = kState;
    }
    CHECK(ring.control().head == wire::ring_position(0, wire::kRingFirstOffset));
}

void refuses_when_full_and_counts() {
    Ring ring;
    constexpr uint32_t kSize = 1024;
    uint32_t written = 0;
    Event event(kSize, {}, 7);
    while (write(ring, event) == Outcome::kWritten) ++written;
    const uint32_t per_block = (kGeometry.block_size - wire::kRingFirstOffset) / kSize;
    CHECK(written == per_block * kGeometry.blocks);
    const wire::RingPosition head = ring.control().head;
    CHECK(write(ring, event) == Outcome::kFull);
    CHECK(ring.control().head == head);
    CHECK(ring::etw_ring_count_lost(&ring.map, &ring.rseq, kGeneration) == 0 &&
          ring.control().lost == 1);
    ring.release_all();
    write_and_compare(ring, event);
}

void refuses_what_cannot_be() {
    Ring ring;
    for (const auto write_one : {write_staged, write_header, write_described}) {
        const auto expect = [&](uint32_t outcome) {
            return write_one == write_staged ? outcome : kRest;
        };
        Event big(sizeof(wire::EventHeader), {16, 24, kGeometry.block_size}, 1);
        CHECK(write_one(ring, big) == expect(ETW_OUTCOME_TOO_BIG));
        Event event(sizeof(wire::EventHeader), {16, 24}, 1);
        event.record.generation = kGeneration + 1;
        CHECK(write_one(ring, event) == expect(ETW_OUTCOME_DETACHED));
        event.record.generation = kGeneration;
        ring.rseq.cpu_id = 1;
        ring.rseq.cpu_id_start = 1;
        CHECK(write_one(ring, event) == expect(ETW_OUTCOME_NO_CPU));
        ring.rseq.cpu_id = uint32_t(-2);
        CHECK(write_one(ring, event) == expect(ETW_OUTCOME_NO_CPU));
        ring.rseq.cpu_id = 0;
    }
    CHECK(ring.control().head == wire::ring_position(0, wire::kRingFirstOffset));
}

// Though blocks hold more: the size of a record has 16 bits.
void leaves_events_of_more_than_16_bits() {
    Ring ring(2, 1u << 18);
    for (const uint32_t more : {0u, 1u}) {
        Event header(sizeof(wire::EventHeader), {0xFFFF - 80 + more}, more);
        CHECK(write_header(ring, header) == (more == 0 ? 0 : kRest));
        Event described(sizeof(wire::EventHeader), {16, 24, 0xFFFF - 120 + more}, more);
        CHECK(write_described(ring, described) == (more == 0 ? 0 : kRest));
    }
}

void claims_the_wake_once_enough_blocks_are_full() {
    Ring ring;
    const auto claim = [&](uint64_t generation, uint32_t full) {
        return ring::etw_ring_claim_wake(&ring.map, &ring.rseq, generation, full);
    };
    auto& sleeps = ring.header().host_sleeps;
    CHECK(claim(kGeneration, 1) == nullptr);
    sleeps = 2;
    CHECK(claim(kGeneration, 1) == nullptr && sleeps == 2);
    CHECK(claim(kGeneration + 1, 2) == nullptr && sleeps == 2);
    CHECK(claim(kGeneration, 2) == reinterpret_cast<int32_t*>(&sleeps));
    CHECK(sleeps == 0);
    CHECK(claim(kGeneration, 2) == nullptr);
}

}  // namespace

int main() {
    copies_every_size_and_alignment();
    copies_headers_from_registers();
    copies_items_of_described_events();
    goes_round_with_any_number_of_blocks();
    says_how_many_blocks_are_full();
    leaves_the_next_block_alone();
    leaves_events_of_another_state();
    leaves_events_of_more_than_16_bits();
    refuses_when_full_and_counts();
    refuses_what_cannot_be();
    claims_the_wake_once_enough_blocks_are_full();
    std::puts("ring sections: ok");
    return 0;
}
