// One answer on its way: tokens of the engine in, what the client gets out.
// Ownership: the tokenizer must outlive it. Thread safety: as engine::JobListener; wish() from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/answer_writer.h"
#include "api/http.h"
#include "api/statistics.h"
#include "api/turn_recorder.h"
#include "engine/scheduler.h"
#include "text/completion_parser.h"
#include "text/json_text.h"
#include "text/tokenizer.h"

namespace fathom::api {

// The control token of this name; -1 where the tokenizer has none.
std::int32_t control_token(const text::Tokenizer& tokenizer, std::string_view name);

class Answer final : public engine::JobListener {
 public:
  struct Setup {
    const text::Tokenizer* tokenizer;
    text::CompletionOptions parsing;
    std::unique_ptr<AnswerWriter> writer;
    std::shared_ptr<HttpReply> reply;
    std::int64_t prompt_tokens;
    std::string model;
    std::shared_ptr<Statistics> statistics;
    bool json_mode = false;                     // what is not JSON is blanked out
    std::size_t alternatives;                   // to each token when its likelihood is wanted
    std::optional<TurnRecorder> recorder = {};  // where the client may bring the turn back
  };
  explicit Answer(Setup setup);

  Wish wish() const override;
  void on_begin(const engine::PromptReuse& reuse) override;
  bool on_token(const engine::DrawnToken& token) override;
  void on_end(Result<engine::Finish> finish) override;

 private:
  std::string shown(const text::CompletionEvent& event);
  void report() const;
  void pass_on(const std::vector<text::CompletionEvent>& events);
  void write(const std::string& bytes);
  std::string_view bytes_of(std::int32_t token) const;
  DrawnLogprob logprob_of(const engine::DrawnToken& token) const;
  Outcome outcome(engine::Finish finish) const;

  Setup setup_;
  text::CompletionParser parser_;
  std::int32_t end_, think_begin_, think_end_, dsml_;  // control tokens; -1 where the tokenizer has none
  text::JsonText json_;
  TokenClock clock_;
  Usage usage_;
  bool in_reasoning_;
  std::int64_t calls_ = 0;
  bool in_call_ = false;
};

}  // namespace fathom::api
