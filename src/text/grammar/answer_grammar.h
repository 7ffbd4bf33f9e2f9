// What an answer to a request may be: JSON of a schema, calls of tools, or either.
// Ownership: plain values. Thread safety: pure function.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/grammar/grammar.h"
#include "text/json.h"

namespace fathom::text::grammar {

struct AnswerSpec {
  struct Tool {
    std::string name;
    Json parameters;      // a JSON Schema of an object
    bool strict = false;  // what cannot be enforced of the schema is an error
  };
  std::optional<Json> schema;  // of the visible answer; nothing: free text
  std::vector<Tool> tools;     // that may be called
};

struct AnswerGrammar {
  std::shared_ptr<const Grammar> grammar;
  std::optional<StateId> content;  // the visible answer where it must be JSON, or calls instead
  std::optional<StateId> calls;    // what follows the `<｜DSML｜` that begins a block of calls
  std::optional<StateId> forced;   // what follows the whole tag that begins the block
};

// Calls are written as the prompt template shows them. Parameters come in any order; the required ones must
// come, no other than those of the schema may, and none twice. Errors: unsupported and invalid_argument,
// naming the keyword, its place as a JSON pointer, and the tool.
Result<AnswerGrammar> compile_answer(const AnswerSpec& spec);

// The schema of JSON mode: any object.
Json any_object_schema();

}  // namespace fathom::text::grammar
