#include "api/submission.h"

#include <algorithm>
#include <optional>
#include <random>
#include <span>
#include <utility>

#include "api/answer.h"
#include "api/fields.h"
#include "text/markup.h"

namespace fathom::api {
namespace {

// Likelihoods below those of so many tokens are not told.
constexpr int kMostAlternatives = 20;

// DeepSeek's models hold this many; clients choose max_tokens with it in mind. Where the context is shorter
// an answer may simply fill what the prompt leaves.
constexpr std::int64_t kUsualContext = 1 << 20;

Status check_length(const Request& request, std::int64_t prompt, std::int64_t context) {
  const std::int64_t answer = request.max_tokens.value_or(1);
  if (prompt < context && prompt + answer <= std::max(context, kUsualContext)) return {};
  return bad_request(
      "This model's maximum context length is {} tokens. However, you requested {} tokens ({} in the "
      "messages, "
      "{} in the completion). Please reduce the length of the messages or completion.",
      context, prompt + answer, prompt, answer);
}

// Temperature and top_p have no effect while the model thinks, as in DeepSeek's API.
engine::SamplingParams sampling_of(const Request& request) {
  engine::SamplingParams params;
  if (!request.thinking) {
    params.temperature = request.temperature.value_or(1);
    params.top_p = request.top_p.value_or(1);
  }
  std::random_device device;
  params.seed = request.seed ? static_cast<std::uint64_t>(*request.seed)
                             : static_cast<std::uint64_t>(device()) << 32 | device();
  return params;
}

// The turn that follows `prompt`; nothing where the client will not bring it back as a message of its own.
std::optional<TurnRecorder> recorder_of(const Request& request, const ServedModel& model,
                                        std::span<const std::int32_t> prompt, text::CompletionStart start) {
  using Start = text::CompletionStart;
  if (!request.is_message || start == Start::continued_content || start == Start::continued_reasoning)
    return std::nullopt;
  TurnRecorder::Setup setup{.memory = model.turns,
                            .user = request.user,
                            .history = history_of(request.messages),
                            .begun = {},
                            .thinks = start == Start::reasoning,
                            .think_end = control_token(*model.tokenizer, text::kThinkEnd)};
  if (start == Start::tool_calls) {
    const auto opened = std::find(prompt.rbegin(), prompt.rend(), setup.think_end).base();
    setup.begun.assign(opened, prompt.end());
  }
  return TurnRecorder(std::move(setup));
}

// Where the turns of the user begin, but for those that follow soon after another.
std::vector<std::int64_t> turns_of(std::span<const std::int32_t> prompt, const text::Tokenizer& tokenizer) {
  constexpr std::int64_t kApart = 256;  // tokens that are as quickly read as a state is kept
  const std::int32_t user = control_token(tokenizer, text::kUser);
  std::vector<std::int64_t> turns;
  for (std::int64_t i = kApart; i < static_cast<std::int64_t>(prompt.size()); ++i) {
    const bool is_apart = turns.empty() || i - turns.back() >= kApart;
    if (prompt[static_cast<std::size_t>(i)] == user && is_apart) turns.push_back(i);
  }
  return turns;
}

}  // namespace

std::int64_t default_max_tokens(const Request& request) {
  if (!request.thinking) return 8 << 10;
  return request.effort == text::Effort::max ? 128 << 10 : 64 << 10;
}

Result<text::Prompt> prompt_of(const Request& request, const ServedModel& model) {
  return text::render_prompt(request.messages, prompt_options(request, model.policy));
}

Status submit(const text::Prompt& prompt, const Request& request, const ServedModel& model,
              std::unique_ptr<AnswerWriter> writer, const std::shared_ptr<HttpReply>& reply) {
  engine::Job job;
  job.prompt = text::encode(*model.tokenizer, prompt);
  const auto prompt_tokens = static_cast<std::int64_t>(job.prompt.size());
  FATHOM_TRY_STATUS(check_length(request, prompt_tokens, model.context));
  job.max_tokens = request.max_tokens.value_or(default_max_tokens(request));
  job.sampling = sampling_of(request);
  job.owner = request.user;
  job.turns = turns_of(job.prompt, *model.tokenizer);
  if (const auto end = model.tokenizer->token_id(text::kEndOfSentence)) job.stop_ids = {*end};
  if (request.top_logprobs) job.logprobs = kMostAlternatives;
  FATHOM_TRY(job.constraint, model.plans->constraint(request, prompt.start, *model.tokenizer));

  HttpHead head = writer->head();
  text::CompletionOptions parsing;
  parsing.start = prompt.start;
  parsing.offers_tools = request.offers_tools;
  parsing.trim_newlines = request.is_message;
  parsing.stop = request.stop;
  job.listener = std::make_shared<Answer>(
      Answer::Setup{.tokenizer = model.tokenizer,
                    .parsing = std::move(parsing),
                    .writer = std::move(writer),
                    .reply = reply,
                    .prompt_tokens = prompt_tokens,
                    .model = model.id,
                    .statistics = model.statistics,
                    .json_mode = request.format.kind == AnswerFormat::Kind::json_object,
                    .alternatives = static_cast<std::size_t>(request.top_logprobs.value_or(0)),
                    .recorder = recorder_of(request, model, job.prompt, prompt.start)});
  reply->begin(std::move(head));  // from here on the client gets signs of life
  return model.submit(std::move(job));
}

}  // namespace fathom::api
