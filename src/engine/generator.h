// One conversation with a model: prompts in, sampled tokens out, one Sequence kept between turns.
//
// A new prompt costs only what is new in it: if it extends the tokens that the sequence holds, only the rest
// is prefilled; if it departs from them (an edited or re-rendered history), the sequence is rewound to the
// last checkpoint that is still a prefix. A checkpoint lies just before the last token of every prompt,
// because chat templates end a prompt with a token
// (<think> or </think>) that the next rendering of the same turn may replace.
// Ownership: the model and pool must outlive the Generator. Thread safety: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/sampler.h"
#include "engine/token_constraint.h"
#include "model/forward.h"

namespace fathom::engine {

// Asked between passes; true stops the work.
using Cancelled = std::function<bool()>;

struct PrefillOptions {
  std::int64_t chunk = model::Forward::kMaxTokens;  // tokens per pass, 1 .. Forward::kMaxTokens
  std::function<void(std::int64_t done, std::int64_t total)>
      progress;         // of the tokens to prefill; may be null
  Cancelled cancelled;  // may be null
};

struct GenerateOptions {
  SamplingParams sampling;
  std::int64_t max_tokens = -1;                // of the answer; negative: as many as the context holds
  std::int64_t context = 0;                    // prompt and answer together; 0: the model's max_positions
  std::vector<std::int32_t> stop_ids;          // end the answer; they are part of Generation::tokens
  PrefillOptions prefill;                      // its cancelled() stops the answer too
  std::function<void(std::int32_t)> on_token;  // each token as soon as it is drawn; may be null
  TokenConstraint* constraint = nullptr;       // of this answer alone; may be null
};

enum class Finish { stop, max_tokens, context_full, cancelled };

struct Generation {
  std::vector<std::int32_t> tokens;
  Finish finish = Finish::stop;
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_tokens = 0;  // of the prompt, found in the sequence
  double prefill_seconds = 0;
  double first_token_seconds = 0;  // from the call to the first token
  double decode_seconds = 0;       // for the tokens after the first

  double prefill_rate() const;  // tokens/s; 0 when nothing was measured
  double decode_rate() const;
};

class Generator {
 public:
  Generator(const model::Model& model, os::ThreadPool& pool);

  // Answers a prompt. A cancelled answer is no error: it has what was drawn so far. Errors: an empty prompt,
  // a token id out of range, a prompt that leaves no room in the context, sampling parameters out of range.
  Result<Generation> generate(std::span<const std::int32_t> prompt, const GenerateOptions& options);

  // Makes the sequence hold exactly `prompt`, with the logits of its last token. Returns the tokens that were
  // cached. Error cancelled: the sequence holds a shorter prefix of the prompt.
  Result<std::int64_t> prefill(std::span<const std::int32_t> prompt, const PrefillOptions& options);

  // Appends one token; its logits are then current.
  Status step(std::int32_t token);

  // After prefill() or step(), until the next call: [vocab].
  std::span<const float> logits() const { return forward_.logits(); }

 private:
  void rewind_to_prefix_of(std::span<const std::int32_t> prompt);
  void keep_checkpoint();

  const model::Model* model_;
  model::Forward forward_;
  model::Sequence sequence_;
  std::vector<std::int32_t> tokens_;                      // [sequence_.length()]
  std::vector<model::Sequence::Checkpoint> checkpoints_;  // ascending lengths
};

}  // namespace fathom::engine
