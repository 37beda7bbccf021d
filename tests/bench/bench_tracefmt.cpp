// How fast events become lines. The event has a u64, a double and a 16-character string: a log line
// of a typical service. One thread: decode, count and render, without reading and writing.
#include "../unit/decode/event_builder.h"
#include "etw/decoder.h"
#include "render/renderer.h"
#include "render/summary.h"

#include <benchmark/benchmark.h>

namespace etw::render {
namespace {

constexpr size_t kEvents = 4096;

void BM_Render(benchmark::State& state, const RenderOptions& options) {
    const auto extended = decode::test::typical_chain();
    std::vector<decode::test::ByteVector> payloads;
    for (size_t i = 0; i < kEvents; ++i) {
        payloads.push_back(decode::test::typical_payload(i * 1'000'003));
    }
    decode::Decoder decoder;
    decode::Event event;
    Summary summary;
    const auto renderer = make_renderer(options);
    OutBuffer out;
    size_t i = 0;
    for (auto _ : state) {
        if (++i == kEvents) {
            i = 0;
            out.clear();
        }
        const auto record = decode::test::event_record(extended, payloads[i]);
        decoder.decode(record, event);
        summary.add(record, event);
        renderer->render(record, event, decode::test::kStartTime + int64_t(i) * 1000, out);
        benchmark::DoNotOptimize(out.view().data());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(BM_Render, text, RenderOptions{.utc = true});
BENCHMARK_CAPTURE(BM_Render, json, RenderOptions{.format = Format::kJson});

void BM_Decode(benchmark::State& state) {
    const auto extended = decode::test::typical_chain();
    const auto payload = decode::test::typical_payload(1);
    const auto record = decode::test::event_record(extended, payload);
    decode::Decoder decoder;
    decode::Event event;
    for (auto _ : state) {
        decoder.decode(record, event);
        benchmark::DoNotOptimize(event.items.data());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Decode);

}  // namespace
}  // namespace etw::render

BENCHMARK_MAIN();
