// Enumerations of a PDB's type stream. Layout: LLVM, "The PDB TPI and IPI Streams" and "CodeView
// Type Records".
#pragma once
#include "etw/bytes.h"
#include "tmf/message_format.h"

#include <functional>
#include <map>
#include <set>
#include <string>

namespace etw::tmf {

using Names = std::set<std::string, std::less<>>;

// The named values of those C enumerations in `wanted` that the stream defines, in the order of
// their definition. A damaged stream gives what stands before the damage.
std::map<std::string, std::vector<NamedValue>> read_enumerations(Bytes type_stream,
                                                                 const Names& wanted);

}  // namespace etw::tmf
