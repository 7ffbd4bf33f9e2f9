#include "text/prompt.h"

#include "text/effort_text.h"
#include "text/markup.h"
#include "text/prompt_writer.h"
#include "text/turns.h"

namespace fathom::text {

namespace {

std::string_view token_of(Task task) {
  switch (task) {
    case Task::action:
      return "<｜action｜>";
    case Task::query:
      return "<｜query｜>";
    case Task::authority:
      return "<｜authority｜>";
    case Task::domain:
      return "<｜domain｜>";
    case Task::title:
      return "<｜title｜>";
    case Task::read_url:
      return "<｜read_url｜>";
  }
  return {};
}

// Renders the turns of one conversation, one after another.
class Renderer {
 public:
  Renderer(std::vector<Turn> turns, const PromptOptions& options)
      : turns_(std::move(turns)), options_(options), last_user_(last_user_turn(turns_)) {}

  Result<Prompt> render() {
    if (options_.begin_of_sentence && options_.context.empty()) writer_.control(kBeginOfSentence);
    for (std::size_t i = 0; i < turns_.size(); ++i) {
      if (!turns_[i].is_context) FATHOM_TRY_STATUS(turn(i));
    }
    if (options_.force_tool_call) {
      writer_.control("\n\n");
      writer_.control(kCallsBegin);
      start_ = CompletionStart::tool_calls;
    }
    return Prompt{writer_.take(), start_};
  }

 private:
  // Whether the reasoning of the turn at `index` is (or would be) in the prompt.
  bool keeps_reasoning(std::size_t index) const {
    return options_.thinking &&
           (!options_.drop_old_reasoning || static_cast<std::ptrdiff_t>(index) >= last_user_);
  }

  Status turn(std::size_t index) {
    const Turn& turn = turns_[index];
    if (index == 0 && options_.thinking) writer_.control(effort_text(options_.effort, options_.effort_table));
    switch (turn.message.role) {
      case Role::system:
        with_offers(turn.message);
        break;
      case Role::developer:
        if (turn.message.content.empty()) {
          return fail(ErrorCode::invalid_argument, "message {}: a developer message needs content", index);
        }
        writer_.control(kUser);
        with_offers(turn.message);
        break;
      case Role::latest_reminder:
        writer_.control(kLatestReminder);
        writer_.content(turn.message.content);
        break;
      case Role::assistant:
        assistant(index);
        break;
      case Role::user:
      case Role::tool:
        user(turn);
        break;
    }
    const bool answer_follows = index + 1 == turns_.size() || is_answer(turns_[index + 1].message.role);
    if (answer_follows) begin_answer(index);
    return {};
  }

  static bool is_answer(Role role) { return role == Role::assistant || role == Role::latest_reminder; }

  void with_offers(const Message& message) {
    writer_.content(message.content);
    if (!message.tools.empty()) {
      writer_.control("\n\n");
      writer_.tools(message.tools);
    }
    if (message.response_format) {
      writer_.control("\n\n");
      writer_.response_format(*message.response_format);
    }
  }

  void user(const Turn& turn) {
    writer_.control(kUser);
    for (std::size_t i = 0; i < turn.parts.size(); ++i) {
      const TurnPart& part = turn.parts[i];
      if (i > 0) writer_.content("\n\n");
      if (part.is_tool_result) writer_.control("<tool_result>");
      writer_.content(part.text);
      if (part.is_tool_result) writer_.control("</tool_result>");
    }
  }

  void assistant(std::size_t index) {
    const Message& message = turns_[index].message;
    const bool answers_task = index > 0 && turns_[index - 1].message.task;
    const bool with_reasoning = keeps_reasoning(index) && !answers_task;
    if (message.sampled && message.ending == Ending::complete && sampled(message, with_reasoning)) return;
    if (with_reasoning) {
      writer_.content(message.reasoning);
      if (message.ending == Ending::open_reasoning) {
        start_ = CompletionStart::continued_reasoning;
        return;
      }
      writer_.control(kThinkEnd);
    }
    writer_.content(message.content);
    if (!message.tool_calls.empty()) {
      writer_.control("\n\n");
      writer_.tool_calls(message.tool_calls);
    }
    start_ = CompletionStart::continued_content;
    if (message.ending == Ending::complete) writer_.control(kEndOfSentence);
  }

  // The tokens of the turn; false when they do not hold what is wanted.
  bool sampled(const Message& message, bool with_reasoning) {
    const SampledTurn& turn = *message.sampled;
    const std::span<const std::int32_t> tokens(turn.tokens);
    if (!with_reasoning) {
      if (turn.thinks && !turn.answer) return false;
      writer_.tokens(tokens.subspan(turn.thinks ? *turn.answer : 0));
    } else {
      if (!turn.thinks) writer_.control(kThinkEnd);
      writer_.tokens(tokens);
      // A call ends the reasoning too.
      if (turn.thinks && !turn.answer && message.tool_calls.empty()) writer_.control(kThinkEnd);
    }
    writer_.control(kEndOfSentence);
    return true;
  }

  // What stands between the turn at `index` and the answer to it.
  void begin_answer(std::size_t index) {
    const Message& message = turns_[index].message;
    if (message.task && message.task != Task::action) {
      writer_.control(token_of(*message.task));
    } else if (message.task) {
      writer_.control(kAssistant);
      writer_.control(options_.thinking ? kThinkBegin : kThinkEnd);
      writer_.control(token_of(*message.task));
    } else if (message.role == Role::user || message.role == Role::developer) {
      writer_.control(kAssistant);
      writer_.control(keeps_reasoning(index) ? kThinkBegin : kThinkEnd);
      start_ = keeps_reasoning(index) ? CompletionStart::reasoning : CompletionStart::content;
    }
  }

  const std::vector<Turn> turns_;
  const PromptOptions& options_;
  const std::ptrdiff_t last_user_;
  PromptWriter writer_;
  CompletionStart start_ = CompletionStart::content;
};

bool has_tools(std::span<const Turn> turns) {
  for (const Turn& turn : turns) {
    if (!turn.message.tools.empty()) return true;
  }
  return false;
}

}  // namespace

Result<Prompt> render_prompt(std::span<const Message> messages, const PromptOptions& options) {
  std::vector<Turn> turns = make_turns(options.context, messages);
  PromptOptions effective = options;
  effective.drop_old_reasoning &= !has_tools(turns);
  if (effective.thinking && effective.drop_old_reasoning) turns = without_old_reasoning(std::move(turns));
  return Renderer(std::move(turns), effective).render();
}

Prompt render_fill_in_the_middle(std::string_view prefix, std::string_view suffix) {
  PromptWriter writer;
  writer.control(kBeginOfSentence);
  if (suffix.empty()) {
    writer.content(prefix);
  } else {
    writer.control(kFillBegin);
    writer.content(prefix);
    writer.control(kFillHole);
    writer.content(suffix);
    writer.control(kFillEnd);
  }
  return {writer.take(), CompletionStart::continued_content};
}

std::string to_text(const Prompt& prompt) {
  std::string text;
  for (const PromptPiece& piece : prompt.pieces) text += piece.text;
  return text;
}

std::vector<std::int32_t> encode(const Tokenizer& tokenizer, const Prompt& prompt) {
  std::vector<std::int32_t> ids;
  std::string ordinary;  // since the last control token, from template and content alike
  auto flush = [&] {
    const auto part = tokenizer.encode(ordinary, EncodeMode::plain);
    ids.insert(ids.end(), part.begin(), part.end());
    ordinary.clear();
  };
  for (const PromptPiece& piece : prompt.pieces) {
    if (!piece.tokens.empty()) {
      flush();
      ids.insert(ids.end(), piece.tokens.begin(), piece.tokens.end());
      continue;
    }
    if (!piece.is_template) {
      ordinary += piece.text;
      continue;
    }
    for (const std::int32_t id : tokenizer.encode(piece.text, EncodeMode::with_added_tokens)) {
      if (!tokenizer.is_added(id)) {
        ordinary += tokenizer.token_bytes(id);
        continue;
      }
      flush();
      ids.push_back(id);
    }
  }
  flush();
  return ids;
}

}  // namespace fathom::text
