// The forward pass: segments of any number of sequences through all layers in one go (model.md sections 5 - 8, 11).
//
// Every row's result is a function of its own sequence's tokens alone: chunking, other segments and the number of threads
// change no bit (design.md contract 1).
// Ownership: Forward owns the workspace of a pass; the model and pool must outlive it.
// Thread safety: one Forward per thread of control; run() uses the pool.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/model.h"
#include "model/sequence.h"
#include "os/thread_pool.h"

namespace fathom::model {

// Which rows of a segment need logits (the head is a tenth of the work of a decode step).
enum class LogitRows { none, last, all };

struct Segment {
  Sequence* sequence;
  std::span<const std::int32_t> tokens;  // appended at sequence->length()
  LogitRows logits = LogitRows::last;
};

// Receives intermediate values, for tests and tools. Names as in the golden files ("h_attn", "h_ffn", "attn_in", "attn_out",
// "ffn_out", "experts", "expert_weights", "index_topk", ...). rows x cols values.
class Trace {
 public:
  virtual ~Trace() = default;
  virtual void floats(int layer, std::string_view name, const float* values, std::int64_t rows, std::int64_t cols) = 0;
  virtual void integers(int layer, std::string_view name, const std::int32_t* values, std::int64_t rows,
                        std::int64_t cols) = 0;
};

class Forward {
 public:
  Forward(const Model& model, os::ThreadPool& pool);
  ~Forward();

  // The most tokens of all segments together in one run(); longer prompts come in several runs.
  static constexpr std::int64_t kMaxTokens = 1024;

  // One pass. Errors before anything is changed: token id out of range, context longer than the model's, too many tokens.
  // On success every sequence is longer by its tokens.
  Status run(std::span<const Segment> segments);

  // Logits of the last run(), [logit rows, vocab]: the requested rows of the segments, in order. Valid until the next run().
  std::span<const float> logits() const;

  // The residual streams of all rows of the last run(), [rows, C, D]: the input of the MTP head.
  std::span<const float> streams() const;

  // The multi-token-prediction head (model.md section 11): for rows at positions start, start + 1, ... of `sequence`, from
  // their streams [rows, C, D] and the token after each, the logits [rows, vocab] of the token after that. Its own window in
  // the sequence advances, so `start` must be the position right after the last row that it has seen (or one that it saw and
  // that is to be replaced). streams_out (may be null, [rows, C, D]) receives Z', the input of a chained draft.
  Status run_mtp(Sequence& sequence, std::int64_t start, std::span<const float> streams,
                 std::span<const std::int32_t> next_tokens, std::vector<float>& logits, float* streams_out = nullptr);

  // One layer alone on given streams [rows, C, D] (in place), for layer-wise tests. `segments` as for run(); the caller
  // advances the sequences.
  void run_layer(int layer, std::span<const Segment> segments, std::span<float> streams);

  void set_trace(Trace* trace);  // null: none

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fathom::model
