// Token ids to text while they are generated: no piece ends inside a code point.
// Ownership: refers to a Tokenizer that must outlive it. Thread safety: one thread; one Detokenizer per
// stream.
#pragma once

#include <cstdint>
#include <string>

#include "text/tokenizer.h"
#include "text/utf8.h"

namespace fathom::text {

class Detokenizer {
 public:
  explicit Detokenizer(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}

  // The text that this token completes: always valid UTF-8, empty while a code point is incomplete. Bytes
  // that can never become UTF-8 come out as U+FFFD, as browsers decode them (WHATWG: one per maximal bad
  // part).
  std::string push(std::int32_t id) { return decoder_.push(tokenizer_->token_bytes(id)); }

  // The text at the end of the stream: U+FFFD when a code point stayed incomplete, else empty. Starts anew.
  std::string flush() { return decoder_.flush(); }

 private:
  const Tokenizer* tokenizer_;
  Utf8Decoder decoder_;
};

}  // namespace fathom::text
