// An answer in the words of a dialect: what goes to the client as the model writes.
// Thread safety: one thread at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/event.h"
#include "api/http.h"

namespace fathom::api {

// Bytes that may be parts of characters, and the natural logarithm of their probability.
struct TokenLogprob {
  std::string bytes;
  float logprob;

  std::string text() const;  // with U+FFFD for what is no whole character
};

struct DrawnLogprob {
  TokenLogprob token;
  std::vector<TokenLogprob> alternatives;  // best first; as many as were asked for
  bool in_reasoning = false;
};

// As OpenAI writes it: {"token", "logprob", "bytes", "top_logprobs"}.
std::string logprob_json(const DrawnLogprob& drawn);

class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;

  virtual HttpHead head() const = 0;

  // Each gives the bytes to send now; an answer that is sent as a whole gives all of them at its end.
  // begin(), part() any number of times, then end() or failure().
  virtual std::string begin(const Usage& usage) = 0;
  virtual std::string part(const AnswerPart& part) = 0;
  virtual std::string end(const Outcome& outcome) = 0;
  virtual std::string failure(std::string_view message) = 0;  // after begin() has been sent

  // By what name the client may bring this turn back; empty: none.
  virtual std::string turn_id() const { return ""; }

  // How likely a token was; it belongs to the part that comes next.
  virtual void logprob(const DrawnLogprob& /*drawn*/) {}
};

}  // namespace fathom::api
