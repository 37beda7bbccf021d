// Text files of Windows tools as UTF-8.
#pragma once
#include "etw/bytes.h"

#include <string>

namespace etw::tmf {

// UTF-16 and UTF-8 by their byte order marks; without one UTF-8, and what is none as Windows-1252,
// the ANSI code page of most who write such files. Never fails; the mark is left out.
std::string text_of_file(Bytes file);

}  // namespace etw::tmf
