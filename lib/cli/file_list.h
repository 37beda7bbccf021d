// Lists of files as the tools of Windows take them: `a.pdb;drivers/ndis*.pdb`.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etw::cli {

// The elements between the semicolons, without quotes and blanks around them; empty ones are left
// out.
std::vector<std::string> split_list(std::string_view list);
// Of several options that each hold a list.
std::vector<std::string> split_lists(std::span<const std::string> lists);

// The files that the elements of the lists mean, sorted within each and without repetitions. An
// element with `*` or `?` is a pattern, whose letters match in either case: so do those of the
// Windows tools, and names of PDBs come from there. Any other is a file, there or not; a folder
// stands for `default_pattern` in it.
// With `recurse` the name or pattern is looked for in the folders below, too, and what is not there
// is no file.
std::vector<std::string> expand_files(std::span<const std::string> elements,
                                      std::string_view default_pattern, bool recurse);

}  // namespace etw::cli
