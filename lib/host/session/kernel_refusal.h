// Why there are no kernel events, in words.
#pragma once
#include "etw/result.h"
#include "etw/session.h"

namespace etw::host {

// Of what lib/kernel has refused: names it, why, and what to do.
session::Failure kernel_refusal(const Error& error);

}  // namespace etw::host
