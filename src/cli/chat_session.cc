#include "cli/chat_session.h"

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/model_folder.h"
#include "os/terminal.h"
#include "text/completion_parser.h"

namespace fathom::cli {
namespace fs = std::filesystem;
namespace {

Status check_vocabulary(const text::Tokenizer& tokenizer, const model::Config& config,
                        const fs::path& folder) {
  if (tokenizer.vocabulary_size() > config.vocab)
    return fail(ErrorCode::corrupt,
                "{}: tokenizer.json has ids up to {}, but config.json says vocab_size {}; they belong to "
                "different models: copy "
                "the tokenizer.json of this model",
                folder.string(), tokenizer.vocabulary_size() - 1, config.vocab);
  return {};
}

// Takes an answer apart while it is sampled: text goes out as soon as it is complete.
class AnswerReader {
 public:
  AnswerReader(text::CompletionStart start, const ChatSession::Output& output)
      : parser_(options(start)), output_(output) {}

  void take(std::string_view bytes) { pass_on(parser_.push(bytes)); }
  void finish() { pass_on(parser_.finish()); }
  const std::string& answer() const { return answer_; }

 private:
  static text::CompletionOptions options(text::CompletionStart start) {
    text::CompletionOptions options;
    options.start = start;
    options.offers_tools = false;
    return options;
  }
  void pass_on(const std::vector<text::CompletionEvent>& events) {
    for (const text::CompletionEvent& event : events) {
      const bool reasoning = event.kind == text::CompletionEvent::reasoning;
      if (!reasoning) answer_ += event.text;
      if (output_.text) output_.text(event.text, reasoning);
    }
  }

  text::CompletionParser parser_;
  const ChatSession::Output& output_;
  std::string answer_;
};

}  // namespace

ChatSession::ChatSession(const ChatOptions& options, std::unique_ptr<const text::Tokenizer> tokenizer,
                         Conversation conversation, LoadedModel loaded)
    : options_(options),
      tokenizer_(std::move(tokenizer)),
      conversation_(std::move(conversation)),
      loaded_(std::move(loaded)),
      generator_(*loaded_.model, *loaded_.pool) {
  set_think(options_.think);
  reset();
}

void ChatSession::set_system(const std::string& text) {
  options_.system = text;
  reset();
}

Result<std::unique_ptr<ChatSession>> ChatSession::open(const ChatOptions& options) {
  FATHOM_TRY_STATUS(engine::check(options.sampling));
  FATHOM_TRY(const fs::path folder, model_folder(options.model));
  FATHOM_TRY(const model::Config config, model::Config::load(folder));
  if (options.context > config.max_positions)
    return fail(ErrorCode::invalid_argument,
                "--ctx {} is more than the model's context of {} tokens (max_position_embeddings)",
                options.context, config.max_positions);
  FATHOM_TRY(const fs::path file, tokenizer_file(folder));
  FATHOM_TRY(text::Tokenizer read, text::Tokenizer::load(file));
  auto tokenizer = std::make_unique<const text::Tokenizer>(std::move(read));
  FATHOM_TRY_STATUS(check_vocabulary(*tokenizer, config, folder));
  FATHOM_TRY(Conversation conversation, Conversation::create(*tokenizer));
  FATHOM_TRY(LoadedModel loaded, load_model(folder, options.engine));
  return std::unique_ptr<ChatSession>(
      new ChatSession(options, std::move(tokenizer), std::move(conversation), std::move(loaded)));
}

Result<engine::Generation> ChatSession::ask(const std::string& question, const Output& output) {
  FATHOM_TRY(const Question asked, conversation_.ask(question));
  AnswerReader reader(asked.start, output);
  std::optional<os::ProgressBar> bar;

  engine::GenerateOptions request;
  request.sampling = options_.sampling;
  request.max_tokens = options_.max_tokens;
  request.context = options_.context;
  request.stop_ids = {conversation_.end_of_answer()};
  request.prefill.chunk = options_.chunk;
  request.prefill.cancelled = output.cancelled;
  request.prefill.progress = [&bar](std::int64_t done, std::int64_t total) {
    if (!bar) bar.emplace("reading the prompt", static_cast<std::uint64_t>(total));
    bar->update(static_cast<std::uint64_t>(done));
  };
  request.on_token = [&](std::int32_t token) {
    bar.reset();
    if (token != conversation_.end_of_answer()) reader.take(tokenizer_->token_bytes(token));
  };

  auto generation = generator_.generate(asked.prompt, request);
  bar.reset();
  if (!generation) {
    conversation_.take_back();
    return generation;
  }
  reader.finish();
  conversation_.answer(generation->tokens, reader.answer());
  return generation;
}

}  // namespace fathom::cli
