// tracefmt's options that say which events are wanted: their words, and what they mean.
#pragma once
#include "cli/cli.h"
#include "render/record_filter.h"

namespace etw::cli {

// As the command line has them; lists may have several values in a word, separated by ;.
struct FilterWords {
    std::string from, to, level;
    std::vector<std::string> processes, providers, ids, events;
};
void add_filter_options(CLI::App& app, FilterWords& words);

// `utc`: times without a zone are UTC, not local.
Result<render::FilterOptions, UsageError> parse_filters(const FilterWords& words, bool utc);

// A moment as -from and -to take it: seconds from the first event, an ISO 8601 date and time, or a
// time as tracefmt prints it. `end`: the last moment of the unit that the text ends in, so that a
// time copied from the output is included whatever digits it lacks.
Result<render::Moment, UsageError> parse_moment(std::string_view option, std::string_view text,
                                                bool utc, bool end);

}  // namespace etw::cli
