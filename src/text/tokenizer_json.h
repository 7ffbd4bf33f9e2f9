// The content of a tokenizer.json, checked: what a Tokenizer is made from.
// Ownership: plain values. Thread safety: pure function.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/byte_pair_encoder.h"
#include "text/split_pattern.h"

namespace fathom::text {

struct AddedToken {
  std::int32_t id;
  std::string content;
  bool special;
  bool normalized;  // looked for after the others, in the text between them
};

struct TokenizerJson {
  std::vector<std::string> tokens;            // bytes by id; empty: no token has this id
  std::array<std::int32_t, 256> byte_tokens;  // the token of each byte
  std::vector<Merge> merges;                  // by rank
  std::vector<AddedToken> added;
  std::vector<SplitPattern> splits;  // one after another, each on the pieces of the one before
};

// Errors as of Tokenizer::load.
Result<TokenizerJson> parse_tokenizer_json(std::string_view json, std::string_view where);

}  // namespace fathom::text
