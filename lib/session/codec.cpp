#include "session/codec.h"

#include <concepts>

namespace etw::session {
namespace {

// The members of each type in the order of their bytes: one list for both directions, so that
// writing and reading cannot drift apart. `V` is the type itself or its const form.
template <class V, class T>
concept Form = std::same_as<std::remove_const_t<V>, T>;

template <Form<ProfileInterval> V, class F>
void fields(V& v, F&& f) {
    f(v.source), f(v.interval);
}

template <Form<KernelTracing> V, class F>
void fields(V& v, F&& f) {
    f(v.stack_events), f(v.profile_source), f(v.intervals), f(v.counters), f(v.counter_events);
}

template <Form<Properties> V, class F>
void fields(V& v, F&& f) {
    f(v.name), f(v.guid), f(v.log_file_mode), f(v.buffer_size_kb), f(v.minimum_buffers);
    f(v.maximum_buffers), f(v.maximum_file_size), f(v.flush_timer_s), f(v.enable_flags);
    f(v.flush_threshold), f(v.clock), f(v.log_file), f(v.owner_pid), f(v.ttl_s);
    f(v.kernel);
}

template <Form<EventIdFilter> V, class F>
void fields(V& v, F&& f) {
    f(v.exclude), f(v.ids);
}

template <Form<ProviderEnable> V, class F>
void fields(V& v, F&& f) {
    f(v.guid), f(v.level), f(v.match_any_keyword), f(v.match_all_keyword), f(v.enable_property);
    f(v.source_id), f(v.pids), f(v.exe_names), f(v.event_ids), f(v.stack_walk_ids), f(v.name);
}

template <Form<PrivateProcess> V, class F>
void fields(V& v, F&& f) {
    f(v.pid), f(v.running), f(v.log_file), f(v.buffers_written), f(v.log_buffers_lost);
    f(v.events_lost), f(v.recorded_bytes), f(v.log_file_size);
}

template <Form<SessionStatus> V, class F>
void fields(V& v, F&& f) {
    f(v.properties), f(v.logger_id), f(v.logger_thread_id), f(v.number_of_buffers);
    f(v.free_buffers), f(v.buffers_written), f(v.events_lost), f(v.log_buffers_lost);
    f(v.real_time_buffers_lost), f(v.real_time_consumers), f(v.events_seen_bytes);
    f(v.owner_uid), f(v.start_time), f(v.log_file_size);
    f(v.log_unanswered_s), f(v.providers), f(v.processes);
}

template <Form<StartRequest> V, class F>
void fields(V& v, F&& f) {
    f(v.properties), f(v.providers);
}

template <Form<UpdateRequest> V, class F>
void fields(V& v, F&& f) {
    f(v.name), f(v.log_file), f(v.real_time), f(v.maximum_buffers), f(v.flush_timer_s);
    f(v.enable_flags), f(v.kernel);
}

template <Form<PrivateRequest> V, class F>
void fields(V& v, F&& f) {
    f(v.action), f(v.name), f(v.providers), f(v.log_file), f(v.flush_timer_s);
}

template <Form<FlushRequest> V, class F>
void fields(V& v, F&& f) {
    f(v.name), f(v.snapshot_file);
}

template <Form<EnableRequest> V, class F>
void fields(V& v, F&& f) {
    f(v.name), f(v.providers), f(v.timeout_ms);
}

template <Form<EnableResult> V, class F>
void fields(V& v, F&& f) {
    f(v.status), f(v.codes);
}

template <Form<RegisteredProvider::Enabled> V, class F>
void fields(V& v, F&& f) {
    f(v.logger_id), f(v.how);
}

template <Form<RegisteredProvider::Instance> V, class F>
void fields(V& v, F&& f) {
    f(v.pid), f(v.uid), f(v.by_socket), f(v.executable), f(v.logger_ids);
}

template <Form<RegisteredProvider::Event> V, class F>
void fields(V& v, F&& f) {
    f(v.name), f(v.level), f(v.keyword);
}

template <Form<RegisteredProvider> V, class F>
void fields(V& v, F&& f) {
    f(v.guid), f(v.name), f(v.pids), f(v.sessions), f(v.instances), f(v.events);
}

template <Form<RefusedProgram> V, class F>
void fields(V& v, F&& f) {
    f(v.pid), f(v.executable), f(v.version), f(v.host_version);
}

template <Form<ConsumeRequest> V, class F>
void fields(V& v, F&& f) {
    f(v.name), f(v.epoch), f(v.ring), f(v.position), f(v.number);
}

template <Form<ConsumeGrant> V, class F>
void fields(V& v, F&& f) {
    f(v.epoch), f(v.ring), f(v.capacity), f(v.number), f(v.log_header);
}

template <Form<Failure> V, class F>
void fields(V& v, F&& f) {
    f(v.code), f(v.detail);
}

template <class T>
concept Record = requires(T& value) {
    fields(value, [](auto&) {});
};
template <class T>
concept Plain = std::unsigned_integral<T> || std::signed_integral<T> || std::same_as<T, Guid>;

class Encoder {
public:
    explicit Encoder(ByteWriter& out) : out_(out) {}

    template <Plain T>
    void operator()(const T& value) {
        out_.write(value);
    }
    void operator()(bool value) { out_.write(uint8_t(value)); }
    void operator()(ClockType value) { out_.write(uint32_t(value)); }
    void operator()(Code value) { out_.write(uint32_t(value)); }
    void operator()(PrivateRequest::Action value) { out_.write(uint32_t(value)); }
    void operator()(const std::string& value) { out_.write_counted(value); }
    template <class T>
    void operator()(const std::optional<T>& value) {
        (*this)(value.has_value());
        if (value) (*this)(*value);
    }
    template <class T>
    void operator()(const std::vector<T>& value) {
        out_.write(uint32_t(value.size()));
        for (const T& element : value) (*this)(element);
    }
    template <Record T>
    void operator()(const T& value) {
        fields(value, *this);
    }

private:
    ByteWriter& out_;
};

// The fewest bytes a T can take: all its strings, lists and options empty.
template <class T>
size_t minimum_size() {
    static const size_t size = [] {
        ByteWriter out;
        Encoder{out}(T{});
        return out.size();
    }();
    return size;
}

// Reads into a value; after the first failure every further call does nothing.
class Decoder {
public:
    explicit Decoder(Bytes bytes) : in_(bytes) {}

    template <Plain T>
    void operator()(T& value) {
        take(in_.read<T>("message: value"), value);
    }
    void operator()(bool& value) {
        uint8_t byte = 0;
        const size_t at = in_.offset();
        (*this)(byte);
        if (byte > 1) fail("message: flag", at);
        value = byte == 1;
    }
    void operator()(ClockType& value) {
        uint32_t raw = uint32_t(ClockType::kPerfCounter);
        const size_t at = in_.offset();
        (*this)(raw);
        if (raw < uint32_t(ClockType::kPerfCounter) || raw > uint32_t(ClockType::kCpuCycle)) {
            fail("message: clock", at);
            return;
        }
        value = ClockType(raw);
    }
    void operator()(PrivateRequest::Action& value) {
        uint32_t raw = 0;
        const size_t at = in_.offset();
        (*this)(raw);
        if (raw < uint32_t(PrivateRequest::Action::kQuery) ||
            raw > uint32_t(PrivateRequest::Action::kStop)) {
            fail("message: action", at);
            return;
        }
        value = PrivateRequest::Action(raw);
    }
    // Any number: a newer peer may know codes that have no name here.
    void operator()(Code& value) {
        uint32_t raw = 0;
        (*this)(raw);
        value = Code(raw);
    }
    void operator()(std::string& value) {
        std::string_view text;
        take(in_.take_counted("message: text"), text);
        value = text;
    }
    template <class T>
    void operator()(std::optional<T>& value) {
        bool present = false;
        (*this)(present);
        if (present) (*this)(value.emplace());
    }
    template <class T>
    void operator()(std::vector<T>& value) {
        uint32_t count = 0;
        const size_t at = in_.offset();
        (*this)(count);
        // The count is the peer's word; what is left of the message bounds what can be true.
        if (count > in_.remaining() / minimum_size<T>()) fail("message: count", at);
        if (error_) return;
        value.reserve(count);
        for (uint32_t i = 0; i < count && !error_; ++i) (*this)(value.emplace_back());
    }
    template <Record T>
    void operator()(T& value) {
        fields(value, *this);
    }

    Status finish() {
        if (in_.remaining() != 0) fail("message: bytes left over", in_.offset());
        if (error_) return *error_;
        return Ok{};
    }

private:
    void fail(const char* what, size_t where) {
        if (!error_) error_ = Error{Code::kInvalidData, what, where};
    }
    template <class T>
    void take(Result<T> result, T& value) {
        if (error_) return;
        if (!result) {
            error_ = result.error();
        } else {
            value = *std::move(result);
        }
    }

    ByteReader in_;
    std::optional<Error> error_;
};

}  // namespace

void encode(ByteWriter& out, const Properties& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const ProviderEnable& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const SessionStatus& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const StartRequest& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const UpdateRequest& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const FlushRequest& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const PrivateRequest& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const EnableRequest& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const EnableResult& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const RegisteredProvider& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const RefusedProgram& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const Failure& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const ConsumeRequest& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const ConsumeGrant& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const std::string& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const std::vector<SessionStatus>& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const std::vector<RegisteredProvider>& value) { Encoder{out}(value); }
void encode(ByteWriter& out, const std::vector<RefusedProgram>& value) { Encoder{out}(value); }

template <class T>
Result<T> decode(Bytes bytes) {
    Decoder in(bytes);
    T value;
    in(value);
    ETW_CHECK(in.finish());
    return value;
}

template Result<Properties> decode(Bytes);
template Result<ProviderEnable> decode(Bytes);
template Result<SessionStatus> decode(Bytes);
template Result<StartRequest> decode(Bytes);
template Result<UpdateRequest> decode(Bytes);
template Result<FlushRequest> decode(Bytes);
template Result<PrivateRequest> decode(Bytes);
template Result<EnableRequest> decode(Bytes);
template Result<EnableResult> decode(Bytes);
template Result<RegisteredProvider> decode(Bytes);
template Result<RefusedProgram> decode(Bytes);
template Result<Failure> decode(Bytes);
template Result<ConsumeRequest> decode(Bytes);
template Result<ConsumeGrant> decode(Bytes);
template Result<std::string> decode(Bytes);
template Result<std::vector<SessionStatus>> decode(Bytes);
template Result<std::vector<RegisteredProvider>> decode(Bytes);
template Result<std::vector<RefusedProgram>> decode(Bytes);

}  // namespace etw::session
