// What came out of reading texts, for people and for programs. Thread safety: pure functions.
#pragma once

#include <boost/json.hpp>
#include <span>
#include <string>

#include "cli/eval/perplexity.h"
#include "cli/eval/svg.h"

namespace fathom::eval {

struct ReadText {
  std::string name;
  PerplexityResult result;
};

std::string table_of(const ReadText& text);
boost::json::object json_of(const ReadText& text);
Svg picture_of(std::span<const ReadText> texts);  // bits per byte by depth

}  // namespace fathom::eval
