#include "cli/conversation.h"

namespace fathom::cli {

std::optional<Think> parse_think(std::string_view text) {
  if (text == "off") return Think::off;
  if (text == "high") return Think::high;
  if (text == "max") return Think::max;
  return std::nullopt;
}

Result<Conversation> Conversation::create(const text::Tokenizer& tokenizer) {
  Conversation conversation(tokenizer);
  for (const char* token : {"<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>",
                            "<｜Assistant｜>", "<think>", "</think>"}) {
    const auto id = tokenizer.token_id(token);
    if (!id || !tokenizer.is_added(*id))
      return fail(ErrorCode::unsupported,
                  "the tokenizer has no control token {}, which V4's prompts need; is tokenizer.json that of "
                  "a V4 model?",
                  token);
  }
  conversation.end_ = *tokenizer.token_id("<｜end▁of▁sentence｜>");
  return conversation;
}

void Conversation::start(const std::string& system) {
  messages_.clear();
  seen_.clear();
  if (system.empty()) return;
  text::Message message;
  message.role = text::Role::system;
  message.content = system;
  messages_.push_back(std::move(message));
}

void Conversation::set_think(Think think, text::EffortTable table) {
  options_.thinking = think != Think::off;
  options_.effort.reset();
  if (think == Think::high) options_.effort = text::Effort::high;
  if (think == Think::max) options_.effort = text::Effort::max;
  options_.effort_table = table;
  seen_.clear();  // the effort stands at the head of the prompt
}

Result<Question> Conversation::ask(const std::string& question) {
  text::Message message;
  message.content = question;
  messages_.push_back(std::move(message));

  // Only the new turn is rendered when all before it stays as it is.
  const std::size_t known = seen_.empty() ? 0 : messages_.size() - 1;
  const std::span<const text::Message> all(messages_);
  text::PromptOptions options = options_;
  options.context = all.first(known);
  auto prompt = text::render_prompt(all.subspan(known), options);
  if (!prompt) {
    take_back();
    return tl::unexpected(std::move(prompt).error());
  }
  asked_ = seen_;
  const std::vector<std::int32_t> rendered = text::encode(*tokenizer_, *prompt);
  asked_.insert(asked_.end(), rendered.begin(), rendered.end());
  return Question{asked_, prompt->start};
}

void Conversation::answer(std::span<const std::int32_t> tokens, const std::string& text) {
  text::Message message;
  message.role = text::Role::assistant;
  message.content = text;
  messages_.push_back(std::move(message));
  seen_.clear();
  if (options_.thinking) return;  // the next prompt leaves the reasoning out
  seen_ = asked_;
  seen_.insert(seen_.end(), tokens.begin(), tokens.end());
  if (seen_.back() != end_) seen_.push_back(end_);
}

}  // namespace fathom::cli
