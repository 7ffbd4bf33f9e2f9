#include "api/answer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "api/random_id.h"
#include "text/markup.h"

namespace fathom::api {

using text::CompletionEvent;
using text::CompletionStart;

namespace {

// What DeepSeek says of tokens that are not among the most likely ones.
constexpr float kUnlikely = -9999;

bool starts_in_reasoning(CompletionStart start) {
  return start == CompletionStart::reasoning || start == CompletionStart::continued_reasoning;
}

// Such as DeepSeek's: "call_00_" and 24 letters and digits.
std::string new_call_id(std::int64_t index) {
  return fmt::format("call_{:02}_{}", index, random_letters(24));
}

}  // namespace

std::int32_t control_token(const text::Tokenizer& tokenizer, std::string_view name) {
  const auto id = tokenizer.token_id(name);
  return id && tokenizer.is_added(*id) ? *id : -1;
}

Answer::Answer(Setup setup)
    : setup_(std::move(setup)),
      parser_(setup_.parsing),
      end_(control_token(*setup_.tokenizer, text::kEndOfSentence)),
      think_begin_(control_token(*setup_.tokenizer, text::kThinkBegin)),
      think_end_(control_token(*setup_.tokenizer, text::kThinkEnd)),
      dsml_(control_token(*setup_.tokenizer, "｜DSML｜")),
      clock_(*setup_.statistics),
      in_reasoning_(starts_in_reasoning(setup_.parsing.start)) {
  usage_.prompt = setup_.prompt_tokens;
}

Answer::Wish Answer::wish() const {
  switch (setup_.reply->demand()) {
    case Demand::more:
      return Wish::go_on;
    case Demand::later:
      return Wish::wait;
    case Demand::none:
      return Wish::stop;
  }
  return Wish::stop;
}

void Answer::on_begin(const engine::PromptReuse& reuse) {
  usage_.cached = reuse.cached;
  report();
  write(setup_.writer->begin(usage_));
}

// What a token adds to the text. Control tokens that the parser does not know add nothing: they are no text.
std::string_view Answer::bytes_of(std::int32_t token) const {
  const bool is_markup = token == think_begin_ || token == think_end_ || token == dsml_;
  if (token == end_ || (setup_.tokenizer->is_special(token) && !is_markup)) return "";
  return setup_.tokenizer->token_bytes(token);
}

bool Answer::on_token(const engine::DrawnToken& token) {
  clock_.token();
  ++usage_.completion;
  if (in_reasoning_) ++usage_.reasoning;
  const bool ends_reasoning = token.token == think_end_;
  if (!token.likelihoods.empty() && token.token != end_ && !ends_reasoning)
    setup_.writer->logprob(logprob_of(token));
  if (ends_reasoning) in_reasoning_ = false;
  if (setup_.recorder && token.token != end_) setup_.recorder->token(token.token);
  pass_on(parser_.push(bytes_of(token.token)));
  return !parser_.finished();
}

DrawnLogprob Answer::logprob_of(const engine::DrawnToken& drawn) const {
  const auto told = [this](const engine::TokenLikelihood& one) {
    return TokenLogprob{std::string(setup_.tokenizer->token_bytes(one.token)),
                        std::isfinite(one.logprob) ? one.logprob : kUnlikely};
  };
  const engine::TokenLikelihood& own = drawn.likelihoods.front();
  const auto best = drawn.likelihoods.subspan(1);
  DrawnLogprob logprob{told(own), {}, in_reasoning_};
  const bool is_likely =
      std::any_of(best.begin(), best.end(), [&](const auto& one) { return one.token == own.token; });
  if (!is_likely) logprob.token.logprob = kUnlikely;
  for (const engine::TokenLikelihood& one : best.first(std::min(best.size(), setup_.alternatives)))
    logprob.alternatives.push_back(told(one));
  return logprob;
}

std::string Answer::shown(const CompletionEvent& event) {
  const bool cleans = setup_.json_mode && event.kind == CompletionEvent::content;
  return cleans ? json_.push(event.text) : event.text;
}

void Answer::report() const {
  setup_.reply->report({setup_.model, usage_.prompt, usage_.cached, usage_.completion});
}

void Answer::pass_on(const std::vector<CompletionEvent>& events) {
  std::string bytes;
  for (const CompletionEvent& event : events) {
    AnswerPart part{event.kind, shown(event)};
    if (event.kind == CompletionEvent::call_begin) {
      part.call_id = new_call_id(calls_);
      ++calls_;
      in_call_ = true;
      in_reasoning_ = false;
    }
    if (event.kind == CompletionEvent::call_end) in_call_ = false;
    if (setup_.recorder) setup_.recorder->part(part);
    bytes += setup_.writer->part(part);
  }
  write(bytes);
}

void Answer::write(const std::string& bytes) {
  if (!bytes.empty()) setup_.reply->write(bytes);
}

Outcome Answer::outcome(engine::Finish finish) const {
  Outcome outcome;
  outcome.usage = usage_;
  const bool cut = finish == engine::Finish::max_tokens || finish == engine::Finish::context_full;
  if (cut && (calls_ == 0 || in_call_)) {
    outcome.reason = FinishReason::length;
  } else if (calls_ > 0) {
    outcome.reason = FinishReason::tool_calls;
  } else if (parser_.stop_string()) {
    outcome.reason = FinishReason::stop_string;
    outcome.stop_string = *parser_.stop_string();
  }
  return outcome;
}

void Answer::on_end(Result<engine::Finish> finish) {
  const HttpHead head = setup_.writer->head();
  clock_.end(usage_);
  report();
  if (!finish || *finish == engine::Finish::cancelled) {
    // Cancelled is what nobody waits for, or what the end of the server cuts off.
    const std::string message = finish ? "The server is about to stop" : finish.error().message;
    const int status = finish ? 503 : 500;
    setup_.reply->send({.status = status, .content_type = head.content_type},
                       setup_.writer->failure(message));
    return;
  }
  pass_on(parser_.finish());
  if (const std::string rest = json_.finish(); !rest.empty())
    write(setup_.writer->part({CompletionEvent::content, rest}));
  // A stop string that the client does not get is no part of the turn.
  if (setup_.recorder && !parser_.stop_string()) setup_.recorder->keep(setup_.writer->turn_id());
  setup_.reply->send(head, setup_.writer->end(outcome(*finish)));
}

}  // namespace fathom::api
