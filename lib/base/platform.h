// The few things of the platform that layers which build everywhere need.
#pragma once
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string>

namespace etw {

// True if a person is looking: progress and questions are for them only.
bool is_terminal(std::FILE* file) noexcept;

// To be called before anything is written: standard output and error take bytes as they are, so
// that lines end the same on every system, and a terminal shows UTF-8; and where they are closed,
// no file that is opened later takes their place.
void prepare_output();

// Reads standard input to its end, or until its terminal is gone, and forgets it; false where it
// cannot be read, as a terminal by a process in its background. A thread that waits here holds no
// lock.
bool read_input_to_its_end() noexcept;

// Calendar time in the zone of this machine; false where it cannot be told.
bool local_calendar_time(std::time_t seconds, std::tm& out) noexcept;

// The folder of the running program's file, "" where the machine does not tell.
std::string executable_folder();

// Of the system that this runs on, as "6.1.0"; "" where it cannot be told.
std::string os_version();

// The system's own text of an error code of its, "" where it has none. Not on Linux, whose codes
// are others.
std::string system_text(uint32_t code);

// The name of a user, "" where the machine does not know one.
std::string user_name(uint32_t uid);

}  // namespace etw
