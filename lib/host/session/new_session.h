// What the beginnings of sessions have in common, of private ones too.
#pragma once
#include "base/unix_socket.h"
#include "etw/session.h"
#include "host/control/request_files.h"
#include "host/survival/saved_session.h"

namespace etw::host {

uint32_t cpu_count();  // that may ever run here
session::Failure failure_of(const Error& error, const std::string& subject);
// The buffers of one user cannot be had.
session::Failure no_memory(const std::string& session, const wire::RingGeometry& geometry);
// Seconds between two flushes; 0: nothing of the session is written by the clock.
uint32_t flush_timer(const session::Properties& properties);
// The files that came with a start are those that its log needs.
session::Outcome<Ok> check_files(const session::Properties& properties, const RequestFiles& files);
// `properties` with the defaults applied.
SavedSession new_saved(const session::Properties& properties, uint32_t slot,
                       const PeerCredentials& owner);

}  // namespace etw::host
