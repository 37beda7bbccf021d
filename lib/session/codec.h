// The byte form of the session model, for the control socket and the host's saved state. Every
// decode takes untrusted bytes: it fails with kInvalidData, and on bytes left over, never worse.
#pragma once
#include "base/byte_writer.h"
#include "session/consume.h"

namespace etw::session {

void encode(ByteWriter& out, const Properties& value);
void encode(ByteWriter& out, const ProviderEnable& value);
void encode(ByteWriter& out, const SessionStatus& value);
void encode(ByteWriter& out, const StartRequest& value);
void encode(ByteWriter& out, const UpdateRequest& value);
void encode(ByteWriter& out, const FlushRequest& value);
void encode(ByteWriter& out, const PrivateRequest& value);
void encode(ByteWriter& out, const EnableRequest& value);
void encode(ByteWriter& out, const EnableResult& value);
void encode(ByteWriter& out, const RegisteredProvider& value);
void encode(ByteWriter& out, const RefusedProgram& value);
void encode(ByteWriter& out, const Failure& value);
void encode(ByteWriter& out, const ConsumeRequest& value);
void encode(ByteWriter& out, const ConsumeGrant& value);
void encode(ByteWriter& out, const std::string& value);
void encode(ByteWriter& out, const std::vector<SessionStatus>& value);
void encode(ByteWriter& out, const std::vector<RegisteredProvider>& value);
void encode(ByteWriter& out, const std::vector<RefusedProgram>& value);

// decode<T>(bytes) for each T above.
template <class T>
Result<T> decode(Bytes bytes);

}  // namespace etw::session
