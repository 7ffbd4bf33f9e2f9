// The tools that synthetic conversations offer. Thread safety: immutable.
#pragma once

#include <vector>

#include "text/json.h"

namespace fathom::train {

// Function objects: {"name": .., "description": .., "parameters": ..}.
const std::vector<text::Json>& all_tools();

}  // namespace fathom::train
