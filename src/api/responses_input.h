// The items of a Responses request as the messages of a conversation.
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/fields.h"
#include "base/result.h"
#include "text/message.h"

namespace fathom::api {

// What the model calls a tool that came in a list with a name of its own.
std::string name_in_space(std::string_view name_space, std::string_view name);

// `input` is a text or a list of items; items of kinds that are not known are left out. Errors:
// invalid_argument for an empty list, for calls and outputs that do not belong together, and for items that
// are malformed.
Result<std::vector<text::Message>> read_input(const Fields& body);

}  // namespace fathom::api
