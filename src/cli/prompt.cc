// `fathom prompt`: conversations and API requests to prompts, answers to messages; JSON lines in and out.
#include <CLI/App.hpp>
#include <CLI/Error.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "api/effort_table.h"
#include "api/prompt_case.h"
#include "cli/verb.h"
#include "text/json.h"

namespace fathom::cli {
namespace fs = std::filesystem;
namespace {

struct PromptVerbOptions {
  fs::path model;
  std::optional<text::EffortTable> effort_table;
};

// Prompts are the same for all models but for the effort texts.
Result<text::EffortTable> effort_table(const PromptVerbOptions& options) {
  std::error_code error;
  if (!options.model.empty() && !fs::exists(options.model, error))
    return fail(ErrorCode::not_found, "{}: there is no such model folder", options.model.string());
  if (options.effort_table) return *options.effort_table;
  return api::find_effort_table(options.model);
}

text::Json answer_line(const std::string& line, const api::RequestPolicy& policy) {
  using text::Json;
  if (const auto json = text::parse_json(line)) return api::answer_prompt_case(*json, policy);
  return Json::object_of({{"error", Json::object_of({{"http", Json::number_of("400")},
                                                     {"message", Json::string_of("not JSON")}})}});
}

Status run(const PromptVerbOptions& options) {
  api::RequestPolicy policy;
  FATHOM_TRY(policy.effort_table, effort_table(options));
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    std::cout << text::to_python_json(answer_line(line, policy)) << '\n';
    // Whoever feeds line by line through pipes waits for the answer.
    if (std::cin.rdbuf()->in_avail() <= 0) std::cout.flush();
  }
  if (!std::cout.flush()) return fail(ErrorCode::io, "cannot write to stdout");
  return {};
}

}  // namespace

Verb add_prompt(CLI::App& program) {
  auto options = std::make_shared<PromptVerbOptions>();
  CLI::App* app =
      program.add_subcommand("prompt", "Conversations to prompts, answers to messages: JSON lines");
  app->add_option("--model", options->model, "Model folder; decides the effort texts");
  const auto table = [options](const std::string& text) {
    options->effort_table = text::effort_table_named(text);
    if (!options->effort_table)
      throw CLI::ValidationError("--effort-table", fmt::format("'{}' is neither 0423 nor 0731", text));
  };
  app->add_option_function<std::string>(
      "--effort-table", table,
      "Effort texts of the checkpoints of April (0423) or from July 31 on (0731); default: as the model "
      "folder says, else 0423");
  app->footer(
      "Input lines: {\"kind\": \"encode\", \"input\": {\"messages\": [..], \"thinking_mode\": ..}},\n"
      "{\"kind\": \"parse\", \"input\": {\"text\": .., \"thinking_mode\": ..}} or\n"
      "{\"kind\": \"api\", \"protocol\": \"chat\" or \"messages\", \"input\": {\"request\": {..}}}.\n"
      "Output lines: {\"expected\": ..}, or {\"error\": {\"http\": 400, \"message\": ..}}.\n\n"
      "Example: fathom prompt --model MODEL < conversations.jsonl\n");
  return {app, [options] { return run(*options); }};
}

}  // namespace fathom::cli
