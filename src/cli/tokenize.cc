// `fathom tokenize` and `fathom detokenize`: JSON lines in, JSON lines out.
#include <CLI/App.hpp>
#include <boost/json.hpp>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <string>

#include "cli/base64.h"
#include "cli/model_folder.h"
#include "cli/token_ids.h"
#include "cli/verb.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace fathom::cli {
namespace fs = std::filesystem;
namespace json = boost::json;
namespace {

// One line's answer, or why there is none.
using Answer = std::function<Result<json::object>(const text::Tokenizer&, const json::object&)>;

Result<json::object> tokenize(const text::Tokenizer& tokenizer, const json::object& line) {
  const json::value* text = line.if_contains("text");
  const json::value* encoded = line.if_contains("text_b64");
  if ((text != nullptr) == (encoded != nullptr))
    return fail(ErrorCode::invalid_argument, "expected either \"text\" or \"text_b64\"");
  const json::value& given = text ? *text : *encoded;
  if (!given.is_string())
    return fail(ErrorCode::invalid_argument, "\"{}\" must be a string", text ? "text" : "text_b64");
  std::string bytes(given.get_string());
  if (encoded) {
    auto decoded = base64_decode(bytes);
    if (!decoded) return fail(ErrorCode::invalid_argument, "\"text_b64\" is not base64");
    bytes = std::move(*decoded);
  }

  auto mode = text::EncodeMode::with_added_tokens;
  if (const json::value* plain = line.if_contains("plain")) {
    if (!plain->is_bool()) return fail(ErrorCode::invalid_argument, "\"plain\" must be true or false");
    if (plain->get_bool()) mode = text::EncodeMode::plain;
  }
  json::array ids;
  for (std::int32_t id : tokenizer.encode(bytes, mode)) ids.push_back(id);
  return json::object{{"ids", std::move(ids)}};
}

Result<json::object> detokenize(const text::Tokenizer& tokenizer, const json::object& line) {
  const json::value* given = line.if_contains("ids");
  if (!given) return fail(ErrorCode::invalid_argument, "expected \"ids\", an array of token ids");
  FATHOM_TRY(const std::vector<std::int32_t> ids, token_ids(*given, "\"ids\""));
  FATHOM_TRY_STATUS(check_token_ids(ids, tokenizer.vocabulary_size(), "\"ids\""));

  text::Detokenizer detokenizer(tokenizer);
  json::array stream;
  for (std::int32_t id : ids) stream.push_back(json::value(detokenizer.push(id)));
  const std::string flush = detokenizer.flush();
  return json::object{
      {"bytes_b64", base64_encode(tokenizer.decode(ids))}, {"stream", std::move(stream)}, {"flush", flush}};
}

Result<json::object> answer_line(const std::string& text, const text::Tokenizer& tokenizer,
                                 const Answer& answer) {
  boost::system::error_code error;
  const json::value line = json::parse(text, error);
  if (error) return fail(ErrorCode::invalid_argument, "not JSON: {}", error.message());
  if (!line.is_object()) return fail(ErrorCode::invalid_argument, "expected a JSON object");
  return answer(tokenizer, line.get_object());
}

Status run(const fs::path& model, const Answer& answer) {
  FATHOM_TRY(const fs::path file, tokenizer_file(model));
  FATHOM_TRY(const text::Tokenizer tokenizer, text::Tokenizer::load(file));

  std::ios::sync_with_stdio(false);
  std::int64_t lines = 0, bad = 0;
  for (std::string text; std::getline(std::cin, text);) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    ++lines;
    const auto result = answer_line(text, tokenizer, answer);
    bad += !result;
    std::cout << json::serialize(result ? *result : json::object{{"error", result.error().message}}) << '\n';
    // Whoever feeds line by line through pipes waits for the answer.
    if (std::cin.rdbuf()->in_avail() <= 0) std::cout.flush();
  }
  if (!std::cout.flush()) return fail(ErrorCode::io, "cannot write to stdout");
  if (bad > 0)
    return fail(ErrorCode::invalid_argument,
                "{} of {} lines could not be converted; their output line is {{\"error\": ...}}", bad, lines);
  return {};
}

Verb add(CLI::App& program, const char* name, const char* description, const char* example, Answer answer) {
  auto model = std::make_shared<fs::path>();
  CLI::App* app = program.add_subcommand(name, description);
  app->add_option("--model", *model, "Model folder or tokenizer.json (default: the embedded nano)");
  app->footer(fmt::format("{}\n", example));
  return {app, [model, answer = std::move(answer)] { return run(*model, answer); }};
}

}  // namespace

Verb add_tokenize(CLI::App& program) {
  return add(
      program, "tokenize", "Text to token ids: JSON lines from stdin to stdout",
      "Input lines: {\"text\": ..} or {\"text_b64\": ..}; with \"plain\": true, text that spells a control "
      "token is "
      "ordinary text.\nOutput lines: {\"ids\": [..]}, or {\"error\": ..} (and exit code 1 at the end).\n\n"
      "Example: echo '{\"text\": \"Hello\"}' | fathom tokenize --model MODEL",
      tokenize);
}

Verb add_detokenize(CLI::App& program) {
  return add(program, "detokenize", "Token ids to text: JSON lines from stdin to stdout",
             "Input lines: {\"ids\": [..]}.\nOutput lines: {\"bytes_b64\": .., \"stream\": [text completed "
             "by each token], "
             "\"flush\": text at the end}, or {\"error\": ..} (and exit code 1 at the end).\n\n"
             "Example: echo '{\"ids\": [19923]}' | fathom detokenize --model MODEL",
             detokenize);
}

}  // namespace fathom::cli
