// `fathom serve`: DeepSeek's API over the models of this machine.
#include <CLI/App.hpp>
#include <CLI/Error.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/version.h"
#include "cli/cache_place.h"
#include "cli/serving.h"
#include "cli/verb.h"
#include "os/stop_signals.h"

namespace fathom::cli {
namespace {

constexpr std::chrono::seconds kPatience{30};  // for answers under way, once the server is asked to end

struct ServeOptions {
  ServingOptions serving;
  std::filesystem::path keys;
  double cache_ram = 4, cache_disk = 16;  // GB
  std::string access_log = "-";
};

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

void print_welcome(Serving& serving, const ServeOptions& options) {
  const server::Options& server = options.serving.server;
  const bool encrypted = !server.tls_certificate.empty();
  const std::string url =
      fmt::format("{}://{}:{}", encrypted ? "https" : "http",
                  server.host.find(':') == server.host.npos ? server.host : "[" + server.host + "]",
                  serving.server().port());
  const std::string& model = serving.models().front().id;
  const std::string_view key = server.keys.required() ? "YOUR_KEY" : "none";
  fmt::print("fathom {} serves at {}\n\n", kVersion, url);
  for (const api::ServedModel& one : serving.models())
    fmt::print("  model {}, context {} tokens\n", one.id, one.context);
  fmt::print(
      "\nDeepSeek's names (deepseek-v4-flash, deepseek-v4-pro, deepseek-chat, deepseek-reasoner) work too.\n"
      "Clients of OpenAI and DeepSeek take {0} as base URL, those of Anthropic {0}/anthropic.\n\n"
      "To try it:\n\n"
      "  curl {0}/chat/completions -H 'Content-Type: application/json' -H 'Authorization: Bearer {2}' \\\n"
      "    -d '{{\"model\": \"{1}\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'\n\n"
      "Coding agents (more in docs/agents.md):\n\n"
      "  Claude Code  ANTHROPIC_BASE_URL={0}/anthropic ANTHROPIC_AUTH_TOKEN={2} ANTHROPIC_MODEL={1} claude\n"
      "  Codex        FATHOM_KEY={2} codex -c model_provider=fathom -c model={1} \\\n"
      "                 -c 'model_providers.fathom={{name=\"fathom\",base_url=\"{0}\",wire_api=\"responses\","
      "env_key=\"FATHOM_KEY\"}}'\n"
      "  opencode     in opencode.json: {{\"provider\": {{\"fathom\": {{\"npm\": "
      "\"@ai-sdk/openai-compatible\", "
      "\"options\":\n"
      "                 {{\"baseURL\": \"{0}\", \"apiKey\": \"{2}\"}}, \"models\": {{\"{1}\": {{}}}}}}}}}}; "
      "then: "
      "opencode -m fathom/{1}\n\n",
      url, model, key);
  if (!server.keys.required() && !is_loopback(server.host))
    fmt::print("Anybody who reaches this address can use it: --keys FILE asks for API keys.\n\n");
  fmt::print("Ctrl+C ends it.\n");
  std::fflush(stdout);
}

// Answers under way may finish; a second signal cuts them off.
void stop(Serving& serving, const os::StopSignals& signals) {
  fmt::print("\nFinishing what is being answered; Ctrl+C cuts it off.\n");
  std::fflush(stdout);
  std::atomic<bool> done = false;
  std::thread drain([&] {
    serving.server().drain(kPatience);
    done = true;
  });
  while (!done) {
    if (signals.wait_for(std::chrono::milliseconds(50))) serving.server().drain(std::chrono::milliseconds(0));
  }
  drain.join();
}

// Where lines of the access log go: a file, the standard error for "-", nowhere for "none".
Result<std::function<void(std::string_view)>> open_log(const std::string& name) {
  if (name == "none") return std::function<void(std::string_view)>();
  const auto file = std::make_shared<std::ofstream>();
  if (name != "-") file->open(name, std::ios::app);
  if (name != "-" && !*file) return fail(ErrorCode::io, "{}: the access log cannot be written", name);
  return [file](std::string_view line) {
    std::ostream& out = file->is_open() ? static_cast<std::ostream&>(*file) : std::cerr;
    out << line << std::flush;
  };
}

Status run(ServeOptions options) {
  if (options.serving.server.tls_certificate.empty() != options.serving.server.tls_key.empty())
    return fail(ErrorCode::invalid_argument, "--tls-cert and --tls-key go together: give both or neither");
  FATHOM_TRY(options.serving.server.access_log, open_log(options.access_log));
  if (!options.keys.empty()) {
    FATHOM_TRY(options.serving.server.keys, server::Keys::load(options.keys));
  }
  cache::CacheOptions& cache = options.serving.cache;
  cache.ram_bytes = static_cast<std::int64_t>(options.cache_ram * 1e9);
  cache.disk_bytes = static_cast<std::int64_t>(options.cache_disk * 1e9);
  if (cache.disk_bytes == 0) cache.folder.clear();
  cache.log = [](std::string_view line) { fmt::print(stderr, "fathom: {}\n", line); };
  const os::StopSignals signals;
  FATHOM_TRY(const auto serving, Serving::start(options.serving));
  print_welcome(*serving, options);
  signals.wait();
  stop(*serving, signals);
  return {};
}

}  // namespace

Verb add_serve(CLI::App& program) {
  auto options = std::make_shared<ServeOptions>();
  options->serving.server.port = 8080;
  server::Options& server = options->serving.server;
  CLI::App* app = program.add_subcommand("serve", "Answer DeepSeek's API over HTTP");
  app->add_option("MODEL", options->serving.models,
                  "Model folders, each served under its folder's name (default: the embedded nano)");
  app->add_option("--host", server.host, "Address to listen on (default 127.0.0.1: this machine only)");
  app->add_option("--port", server.port, "Port to listen on; 0: any that is free (default 8080)");
  app->add_option(
      "--keys", options->keys,
      "File with the API keys to accept, one a line (or sha256: and the hash of one); without it, "
      "any key or none");
  app->add_option("--requests-per-key", server.limits.requests_per_key,
                  "Requests that one API key may have under way; more get 429 (default: any number)")
      ->check(CLI::NonNegativeNumber);
  app->add_option("--running", options->serving.scheduler.running,
                  "Answers of a model that are made at a time (default 32)")
      ->check(CLI::Range(1, 512));
  app->add_option("--queue", options->serving.scheduler.queued,
                  "Requests to a model that may wait for that; more get 429 (default 512)")
      ->check(CLI::NonNegativeNumber);
  app->add_option("--tls-cert", server.tls_certificate, "PEM file with the certificate, for https");
  app->add_option("--tls-key", server.tls_key, "PEM file with its private key");
  app->add_option(
      "--access-log", options->access_log,
      "File that gets one line of JSON a request; - is the standard error (default), none: no log");
  app->add_flag("--log-prompts", server.log_bodies, "The access log has what clients send, too");
  app->add_flag(
      "--strict-reasoning-echo", options->serving.strict_reasoning_echo,
      "Refuse conversations with tools that leave reasoning_content out, as DeepSeek does, in place of "
      "restoring it");
  app->add_option("--cors", server.cors_origin,
                  "Origin whose web pages may call the API, or * for all (default: none)");
  options->serving.cache.folder = default_cache_folder();
  app->add_option("--cache-ram", options->cache_ram,
                  "GB of memory for what has been computed, so that it is not computed again (default 4)")
      ->check(CLI::Range(0.0, 1e6));
  app->add_option("--cache-dir", options->serving.cache.folder,
                  fmt::format("Folder to keep it in over a restart (default {})",
                              options->serving.cache.folder.empty() ? "none" : options->serving.cache.folder.string()));
  app->add_option("--cache-disk", options->cache_disk, "GB that it may take there; 0: keep nothing on disk (default 16)")
      ->check(CLI::Range(0.0, 1e6));
  const auto table = [options](const std::string& text) {
    options->serving.effort_table = text::effort_table_named(text);
    if (!options->serving.effort_table)
      throw CLI::ValidationError("--effort-table", fmt::format("'{}' is neither 0423 nor 0731", text));
  };
  app->add_option_function<std::string>(
      "--effort-table", table,
      "Effort texts of the checkpoints of April (0423) or from July 31 on (0731); default: as the model "
      "folder says, else 0423");
  add_engine_options(*app, options->serving.engine);
  app->footer(
      "Paths: /chat/completions, /completions, /responses, /models, /user/balance (also below /v1 and\n"
      "/beta), /anthropic/v1/messages, /anthropic/v1/messages/count_tokens, /anthropic/v1/models, /health,\n"
      "/metrics. More in docs/server.md.\n"
      "SIGTERM or Ctrl+C: no new requests; answers under way may finish within 30 seconds.\n\n"
      "Example: fathom serve path/to/DeepSeek-V4-Flash --port 8000 --keys keys.txt\n");
  return {app, [options] { return run(*options); }};
}

}  // namespace fathom::cli
