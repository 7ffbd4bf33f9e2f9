// A model that is asked and answers as text: tokenizer, conversation and generator together. What `fathom
// run` drives. Thread safety: one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "cli/conversation.h"
#include "cli/engine_options.h"
#include "engine/generator.h"
#include "text/tokenizer.h"

namespace fathom::cli {

struct ChatOptions {
  std::filesystem::path model;  // empty: the embedded nano
  std::string system;
  Think think = Think::off;
  text::EffortTable effort_table = text::EffortTable::v0423;
  engine::SamplingParams sampling;
  std::int64_t max_tokens = 8192;  // of one answer
  std::int64_t context = 0;        // 0: the model's
  std::int64_t chunk = model::Forward::kMaxTokens;
  EngineOptions engine;
};

class ChatSession {
 public:
  // Errors: what loading a model and its tokenizer can meet, and a tokenizer that belongs to another model.
  static Result<std::unique_ptr<ChatSession>> open(const ChatOptions& options);

  // Where an answer goes: valid UTF-8, as it comes; reasoning apart from the answer.
  struct Output {
    std::function<void(const std::string& text, bool reasoning)> text;
    std::function<bool()> cancelled;
  };
  // An answer that was cut short stays in the conversation as far as it came. After an error the question is
  // forgotten.
  Result<engine::Generation> ask(const std::string& question, const Output& output);

  // Starts anew with another system prompt.
  void set_system(const std::string& text);
  void set_think(Think think) { conversation_.set_think(think, options_.effort_table); }
  void reset() { conversation_.start(options_.system); }

 private:
  ChatSession(const ChatOptions& options, std::unique_ptr<const text::Tokenizer> tokenizer,
              Conversation conversation, LoadedModel loaded);

  ChatOptions options_;
  std::unique_ptr<const text::Tokenizer> tokenizer_;
  Conversation conversation_;
  LoadedModel loaded_;
  engine::Generator generator_;
};

}  // namespace fathom::cli
