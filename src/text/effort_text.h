// What the prompt says about how hard to think.
#pragma once

#include <optional>
#include <string_view>

#include "text/prompt.h"

namespace fathom::text {

// Empty where the table has no text for the effort.
std::string_view effort_text(std::optional<Effort> effort, EffortTable table);

}  // namespace fathom::text
