// What came out of the needle test, for people and for programs. Thread safety: pure functions.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "cli/eval/needle_search.h"
#include "cli/eval/svg.h"

namespace fathom::eval {

// The table, so that it can be shown while it grows: its head, and a line for each length of which something
// was asked.
std::string table_head(const NeedleOptions& options);
std::string table_row(const NeedleOptions& options, const NeedleResult& result, const NeedleLength& length,
                      const model::Model& model);

boost::json::object json_of(const NeedleOptions& options, const NeedleResult& result,
                            const model::Model& model);

// The heat map: a column for each length, a row for each depth.
Svg picture_of(const NeedleOptions& options, const NeedleResult& result, const model::Model& model);

}  // namespace fathom::eval
