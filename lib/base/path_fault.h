// Linux: why a file could not be opened for writing, as whoever named it needs to know it.
#pragma once
#include "etw/error_code.h"

#include <sys/types.h>

#include <string>

namespace etw {

struct PathFault {
    Code code;
    std::string text;  // the cause; the remedy: "the folder '/a' does not exist; make it, or ..."
};

// `error` is what open() of `path`, to make the file or write to it, gave. Looks at the path, which
// others may change meanwhile: the text is for people.
PathFault explain_open(const std::string& path, int error);

// Of what is no regular file. `mode` is its st_mode.
PathFault explain_kind(mode_t mode);

}  // namespace etw
