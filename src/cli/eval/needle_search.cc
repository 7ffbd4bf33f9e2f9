#include "cli/eval/needle_search.h"

#include <algorithm>
#include <chrono>
#include <new>

#include "cli/eval/needle_document.h"
#include "engine/sampler.h"
#include "model/forward.h"
#include "model/sequence.h"
#include "text/markup.h"

namespace fathom::eval {
namespace {

using Clock = std::chrono::steady_clock;
using model::Forward;
using model::LogitRows;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

tl::unexpected<Error> interrupted() {
  return fail(ErrorCode::cancelled, "interrupted");
}

// A question on its way: a copy of the state after the text, and what it goes on with.
struct Fork {
  model::Sequence sequence;
  std::vector<std::int32_t> next;    // tokens for the next pass
  std::vector<std::int32_t> answer;  // so far
  bool is_done = false;
};

class Search {
 public:
  Search(const Subject& subject, const NeedleOptions& options, const NeedleProgress& progress)
      : subject_(subject),
        options_(options),
        progress_(progress),
        forward_(subject.model, subject.pool),
        sampler_(engine::SamplingParams{.temperature = 0}),
        end_(*subject.tokenizer.token_id(text::kEndOfSentence)) {}

  Result<NeedleResult> run() {
    for (const std::int64_t length : options_.lengths) {
      result_.lengths.push_back({.length = length});
      for (int text = 0; text < options_.texts; ++text) {
        if (const Status status = ask_about(text, result_.lengths.back()); !status) {
          if (status.error().code != ErrorCode::cancelled) return tl::unexpected(status.error());
          result_.is_complete = false;
          return std::move(result_);
        }
        if (progress_.text_done) progress_.text_done(result_, result_.lengths.back(), text + 1);
      }
    }
    return std::move(result_);
  }

 private:
  Status ask_about(int text, NeedleLength& length) {
    NeedleDocumentOptions wanted;
    wanted.length = std::min(length.length, subject_.model.config.max_positions - options_.most_tokens);
    wanted.depths = options_.depths;
    wanted.form = text;
    wanted.seed = seed_of_text(options_.seed, length.length, text);
    wanted.sentences = options_.sentences;
    FATHOM_TRY(const NeedleDocument document, make_needle_document(subject_.tokenizer, wanted));
    length.tokens = std::max(length.tokens, document.tokens);

    model::Sequence sequence(subject_.model.kv);
    const auto start = Clock::now();
    FATHOM_TRY_STATUS(read(document.shared, sequence, text, length));
    length.read += static_cast<std::int64_t>(document.shared.size());
    length.read_seconds += seconds_since(start);

    FATHOM_TRY(const std::vector<std::string> answers, answer(document, sequence));
    length.cache_bytes = std::max(length.cache_bytes, sequence.bytes());
    for (std::size_t i = 0; i < answers.size(); ++i) {
      NeedleAnswer& given = result_.answers.emplace_back();
      given.length = length.length;
      given.depth = options_.depths[i];
      given.found_at = document.found_at[i];
      given.tokens = document.tokens;
      given.question = document.needles[i].question;
      given.value = document.needles[i].value;
      given.answer = answers[i];
      given.found = look_for(document.needles, i, answers[i]);
    }
    return {};
  }

  Status read(const std::vector<std::int32_t>& tokens, model::Sequence& sequence, int text,
              const NeedleLength& length) {
    const auto total = static_cast<std::int64_t>(tokens.size());
    for (std::int64_t done = 0; done < total;) {
      if (subject_.is_cancelled()) return interrupted();
      const std::int64_t count = std::min(Forward::kMaxTokens, total - done);
      const auto piece =
          std::span(tokens).subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(count));
      FATHOM_TRY_STATUS(pass({{&sequence, piece, LogitRows::none}}));
      done += count;
      if (progress_.reading) progress_.reading(length, text, done, total);
    }
    return {};
  }

  // All questions of a text together.
  Result<std::vector<std::string>> answer(const NeedleDocument& document, const model::Sequence& after_text) {
    std::vector<Fork> forks;
    for (const auto& tail : document.tails) forks.push_back({after_text, tail, {}, false});
    while (std::any_of(forks.begin(), forks.end(), [](const Fork& fork) { return !fork.is_done; }))
      FATHOM_TRY_STATUS(step(forks));
    std::vector<std::string> answers;
    for (const Fork& fork : forks) answers.push_back(subject_.text_of(fork.answer));
    return answers;
  }

  // One more token for as many as fit into a pass, then for the rest.
  Status step(std::vector<Fork>& forks) {
    for (std::size_t i = 0; i < forks.size();) {
      if (subject_.is_cancelled()) return interrupted();
      std::vector<model::Segment> segments;
      std::vector<Fork*> drawing;
      std::int64_t room = Forward::kMaxTokens;
      for (; i < forks.size(); ++i) {
        if (forks[i].is_done) continue;
        const auto size = static_cast<std::int64_t>(forks[i].next.size());
        if (size > room) break;
        room -= size;
        segments.push_back({&forks[i].sequence, forks[i].next, LogitRows::last});
        drawing.push_back(&forks[i]);
      }
      if (segments.empty()) break;
      FATHOM_TRY_STATUS(pass(segments));
      const auto vocab = static_cast<std::size_t>(subject_.model.config.vocab);
      for (std::size_t row = 0; row < drawing.size(); ++row)
        draw(*drawing[row], forward_.logits().subspan(row * vocab, vocab));
    }
    return {};
  }

  void draw(Fork& fork, std::span<const float> logits) {
    const std::int32_t token = sampler_.sample(logits, fork.sequence.length());
    fork.next = {token};
    if (token != end_) fork.answer.push_back(token);
    fork.is_done = token == end_ || static_cast<std::int64_t>(fork.answer.size()) >= options_.most_tokens;
  }

  Status pass(const std::vector<model::Segment>& segments) {
    try {
      return forward_.run(segments);
    } catch (const std::bad_alloc&) {
      return fail(ErrorCode::out_of_memory,
                  "there is not enough memory for a text of this length; leave the longest out");
    }
  }

  const Subject& subject_;
  const NeedleOptions& options_;
  const NeedleProgress& progress_;
  Forward forward_;
  engine::Sampler sampler_;
  std::int32_t end_;
  NeedleResult result_;
};

}  // namespace

PassRate NeedleResult::at(std::int64_t length) const {
  PassRate rate;
  for (const NeedleAnswer& answer : answers)
    if (answer.length == length) rate.count(answer.found == Found::right);
  return rate;
}

PassRate NeedleResult::at(std::int64_t length, double depth) const {
  PassRate rate;
  for (const NeedleAnswer& answer : answers)
    if (answer.length == length && answer.depth == depth) rate.count(answer.found == Found::right);
  return rate;
}

std::uint64_t seed_of_text(std::uint64_t seed, std::int64_t length, int text) {
  return (seed * 1000003 + static_cast<std::uint64_t>(length)) * 1009 + static_cast<std::uint64_t>(text);
}

Selection selection_at(const model::Model& model, std::int64_t tokens) {
  Selection selection;
  for (int i = 0; i < model.plan.trunk_layers; ++i) {
    const model::LayerPlan& layer = model.plan.layers[static_cast<std::size_t>(i)];
    if (layer.attention != model::AttentionKind::csa) continue;
    ++selection.layers;
    selection.visible = tokens / layer.ratio;
    selection.selected = std::min<std::int64_t>(model.config.index_topk, selection.visible);
  }
  return selection;
}

Result<NeedleResult> search_needles(const Subject& subject, const NeedleOptions& options,
                                    const NeedleProgress& progress) {
  for (const std::int64_t length : options.lengths)
    if (length > subject.model.config.max_positions)
      return fail(ErrorCode::invalid_argument, "a length of {} is more than the model's context of {} tokens",
                  length, subject.model.config.max_positions);
  return Search(subject, options, progress).run();
}

}  // namespace fathom::eval
