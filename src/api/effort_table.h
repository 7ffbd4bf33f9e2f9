// Which effort texts a checkpoint was trained with: two generations of V4 share one architecture and differ
// in them.
// Thread safety: pure functions that read files.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "text/prompt.h"

namespace fathom::api {

// Looks into a model folder, in this order: the member "effort_table" ("0423" or "0731") of fathom.json; the
// texts in the checkpoint's own encoding/encoding_dsv4.py; else the table of April, 0423.
// Errors: corrupt for a fathom.json that is not JSON or names another table.
Result<text::EffortTable> find_effort_table(const std::filesystem::path& folder);

}  // namespace fathom::api
