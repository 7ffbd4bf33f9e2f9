// Names that nobody can guess, for responses and tool calls.
// Thread safety: any thread.
#pragma once

#include <string>

namespace fathom::api {

// A random UUID (version 4): "0d5c3a9e-....".
std::string random_uuid();

// So many letters and digits.
std::string random_letters(int count);

}  // namespace fathom::api
