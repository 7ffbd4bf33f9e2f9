// `fathom run`: answers one prompt, or chats in the terminal.
#include <unistd.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>
#include <random>
#include <string>

#include "cli/chat.h"
#include "cli/chat_session.h"
#include "cli/verb.h"
#include "os/interrupt.h"
#include "os/terminal.h"

namespace fathom::cli {
namespace {

struct RunOptions {
  ChatOptions chat;
  std::string prompt;
  bool has_prompt = false;
  bool has_seed = false;
  bool stats = false;
};

std::string read_stdin() {
  std::string text(std::istreambuf_iterator<char>(std::cin), {});
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

Status answer_once(ChatSession& session, const RunOptions& options, const std::string& prompt) {
  if (prompt.empty())
    return fail(ErrorCode::invalid_argument, "the prompt is empty; give one with -p TEXT or on stdin");
  const os::Interrupt interrupt;
  ChatSession::Output output;
  output.cancelled = [&interrupt] { return interrupt.requested(); };
  std::string last;
  output.text = [&last](const std::string& text, bool reasoning) {
    if (reasoning) return;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    last = text;
  };
  FATHOM_TRY(const engine::Generation generation, session.ask(prompt, output));
  if (!last.ends_with('\n')) std::fputc('\n', stdout);
  if (std::fflush(stdout) != 0) return fail(ErrorCode::io, "cannot write to stdout");
  if (options.stats || os::is_terminal(STDERR_FILENO)) print_statistics(generation);
  return {};
}

Status run(RunOptions options) {
  if (!options.has_seed) options.chat.sampling.seed = std::random_device()();
  const bool chatting = !options.has_prompt && os::is_terminal(STDIN_FILENO);
  if (!options.has_prompt && !chatting) options.prompt = read_stdin();
  FATHOM_TRY(const auto session, ChatSession::open(options.chat));
  return chatting ? chat(*session) : answer_once(*session, options, options.prompt);
}

}  // namespace

Verb add_run(CLI::App& program) {
  auto options = std::make_shared<RunOptions>();
  ChatOptions& chat = options->chat;
  CLI::App* app = program.add_subcommand("run", "Answer one prompt, or chat in the terminal");
  app->add_option("MODEL", chat.model, "Model folder in the released layout (default: the embedded nano)");
  const auto prompt = [options](const std::string& text) {
    options->prompt = text;
    options->has_prompt = true;
  };
  app->add_option_function<std::string>(
      "-p,--prompt", prompt, "Answer this and end; without it, stdin when it is not a terminal, else a chat");
  app->add_option("--system", chat.system, "System prompt");
  const auto think = [&chat](const std::string& text) {
    const auto parsed = parse_think(text);
    if (!parsed)
      throw CLI::ValidationError("--think", fmt::format("'{}' is neither off nor high nor max", text));
    chat.think = *parsed;
  };
  app->add_option_function<std::string>("--think", think,
                                        "Reason before answering: off (default), high or max");
  const auto table = [&chat](const std::string& text) {
    if (text != "0423" && text != "0731")
      throw CLI::ValidationError("--effort-table", fmt::format("'{}' is neither 0423 nor 0731", text));
    chat.effort_table = text == "0731" ? text::EffortTable::v0731 : text::EffortTable::v0423;
  };
  app->add_option_function<std::string>(
      "--effort-table", table,
      "What the prompt says for high and max: as checkpoints of April (0423, default) or from "
      "July 31 on (0731) were trained");
  app->add_option("--temp", chat.sampling.temperature, "Temperature; 0 is greedy (default 1)")
      ->check(CLI::NonNegativeNumber);
  app->add_option("--top-k", chat.sampling.top_k, "Only the k most likely tokens; 0: all (default)")
      ->check(CLI::NonNegativeNumber);
  app->add_option("--top-p", chat.sampling.top_p,
                  "Only the most likely tokens that hold this share (default 1: all)");
  app->add_option("--min-p", chat.sampling.min_p,
                  "Only tokens at least this fraction as likely as the likeliest (default 0: all)");
  const auto seed = [options](const std::uint64_t& value) {
    options->chat.sampling.seed = value;
    options->has_seed = true;
  };
  app->add_option_function<std::uint64_t>(
      "--seed", seed, "The same seed and prompt give the same answer (default: a new one)");
  app->add_option("--max-tokens", chat.max_tokens, "Longest answer, reasoning included (default 8192)")
      ->check(CLI::PositiveNumber);
  app->add_option("--ctx", chat.context,
                  "Tokens of prompt and answer together (default: the model's context)")
      ->check(CLI::PositiveNumber);
  app->add_option("--chunk", chat.chunk, "Prompt tokens per pass; changes no bit of the answer")
      ->check(CLI::PositiveNumber);
  app->add_flag("--stats", options->stats, "Speed on stderr even when that is not a terminal");
  add_engine_options(*app, chat.engine);
  app->footer(
      "Filters apply in this order: temperature, top-k, top-p, min-p.\n"
      "In a chat, Ctrl+C stops the answer and Ctrl+D leaves; /help lists what else there is.\n\n"
      "Example: fathom run MODEL -p 'Why is the sky blue?' --temp 0.6 --seed 1\n");
  return {app, [options] { return run(*options); }};
}

}  // namespace fathom::cli
