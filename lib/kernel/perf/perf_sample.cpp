#include "kernel/perf/perf_sample.h"

#include <linux/perf_event.h>

namespace etw::kernel {
namespace {

constexpr uint64_t kFirstMark = uint64_t(-4095);  // PERF_CONTEXT_MAX: not addresses from here on

// PERF_FORMAT_GROUP | PERF_FORMAT_LOST: how many, then value and losses of each; the leader first.
Status read_counters(ByteReader& in, uint32_t expected, std::vector<uint64_t>& out) {
    struct Value {
        uint64_t value;
        uint64_t lost;
    };
    ETW_TRY(const auto count, in.read<uint64_t>("perf sample: counters"));
    if (count != uint64_t{expected} + 1) {
        return Error{Code::kInvalidData, "perf sample: counters", count};
    }
    for (uint64_t i = 0; i < count; ++i) {
        ETW_TRY(const auto value, in.read<Value>("perf sample: counter"));
        if (i != 0) out.push_back(value.value);
    }
    return Ok{};
}

Status read_raw(ByteReader& in, std::vector<std::byte>& out) {
    ETW_TRY(const auto size, in.read<uint32_t>("perf sample: raw size"));
    ETW_TRY(const Bytes raw, in.take(size, "perf sample: raw"));
    out.assign(raw.begin(), raw.end());
    return Ok{};
}

Status read_all(ByteReader& in, const PerfForm& form, PerfSample& out) {
    struct Fixed {
        uint64_t address;
        uint32_t process;
        uint32_t thread;
        uint64_t time;
    };
    ETW_TRY(const auto fixed, in.read<Fixed>("perf sample"));
    out.address = fixed.address;
    out.process = fixed.process;
    out.thread = fixed.thread;
    out.time = fixed.time;
    if (form.counters != 0) ETW_CHECK(read_counters(in, form.counters, out.counters));
    if (form.stack) ETW_CHECK(read_stack(in, out.stack));
    if (form.raw) ETW_CHECK(read_raw(in, out.raw));
    return Ok{};
}

}  // namespace

Status read_stack(ByteReader& in, std::vector<uint64_t>& out) {
    ETW_TRY(const auto count, in.read<uint64_t>("perf sample: stack"));
    if (count > in.remaining() / sizeof(uint64_t)) {
        return Error{Code::kInvalidData, "perf sample: stack", count};
    }
    out.reserve(count);
    for (uint64_t i = 0; i < count; ++i) {
        ETW_TRY(const auto address, in.read<uint64_t>("perf sample: address"));
        if (address < kFirstMark) out.push_back(address);
    }
    return Ok{};
}

bool parse_sample(Bytes body, const PerfForm& form, PerfSample& out) {
    ByteReader in(body);
    return bool(read_all(in, form, out));
}

}  // namespace etw::kernel
