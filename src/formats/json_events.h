// JSON read as a stream of events, for documents that a tree would hide something of (duplicate keys) or make
// slow (the 8 MB header of a shard with 70,000 tensors). UTF-8 is checked, nesting is limited to 32.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace fathom::formats {

// Receives the events in the document's order. Views live for the call only. An error ends the parse.
class JsonEvents {
 public:
  virtual ~JsonEvents() = default;
  virtual Status on_object_begin() = 0;
  virtual Status on_object_end() = 0;
  virtual Status on_array_begin() = 0;
  virtual Status on_array_end() = 0;
  virtual Status on_key(std::string_view key) = 0;
  virtual Status on_string(std::string_view value) = 0;
  virtual Status on_integer(std::int64_t value) = 0;
  // Every other value. `what` describes it: "true", "null", "a fraction", ...
  virtual Status on_other(std::string_view what) = 0;
};

// Errors: what `events` returned, or corrupt for text that is not one JSON value; `where` names the text in
// that.
Status parse_json(std::string_view text, std::string_view where, JsonEvents& events);

}  // namespace fathom::formats
