// `fathom serve`: DeepSeek's API over the models of this machine.
#include <pthread.h>

#include <CLI/App.hpp>
#include <CLI/Error.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/version.h"
#include "cli/cache_place.h"
#include "cli/serving.h"
#include "cli/verb.h"

namespace fathom::cli {
namespace {

constexpr std::chrono::seconds kPatience{30};  // for answers under way, once the server is asked to end

struct ServeOptions {
  ServingOptions serving;
  std::filesystem::path keys;
  double cache_ram = 4, cache_disk = 16;  // GB
};

// While it lives SIGINT and SIGTERM wait to be fetched, by all threads that are started meanwhile too.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set_, &previous_);
    std::signal(SIGPIPE, SIG_IGN);  // a client that is gone is an error of the write, not the end
  }
  ~StopSignals() { pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }

  void wait() const {
    int number = 0;
    sigwait(&set_, &number);
  }
  bool wait_for(long milliseconds) const {
    const timespec time = {milliseconds / 1000, milliseconds % 1000 * 1'000'000};
    return sigtimedwait(&set_, nullptr, &time) > 0;
  }

 private:
  sigset_t set_, previous_;
};

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

void print_welcome(Serving& serving, const ServeOptions& options) {
  const std::string& host = options.serving.server.host;
  const std::string url = fmt::format("http://{}:{}", host.find(':') == host.npos ? host : "[" + host + "]",
                                      serving.server().port());
  fmt::print("fathom {} serves at {}\n\n", kVersion, url);
  for (const api::ServedModel& model : serving.models())
    fmt::print("  model {}, context {} tokens\n", model.id, model.context);
  fmt::print(
      "\nDeepSeek's names (deepseek-v4-flash, deepseek-v4-pro, deepseek-chat, deepseek-reasoner) work too.\n"
      "Clients of OpenAI and DeepSeek take {} as base URL, those of Anthropic {}/anthropic:\n\n"
      "  Claude Code  ANTHROPIC_BASE_URL={}/anthropic ANTHROPIC_AUTH_TOKEN=none ANTHROPIC_MODEL={} claude\n"
      "  opencode     a provider with npm \"@ai-sdk/openai-compatible\" and options.baseURL \"{}\"\n\n"
      "To try it:\n\n"
      "  curl {}/chat/completions -H 'Content-Type: application/json' \\\n"
      "    -d '{{\"model\": \"{}\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'\n\n",
      url, url, url, serving.models().front().id, url, url, serving.models().front().id);
  if (!options.serving.server.keys.required() && !is_loopback(host))
    fmt::print("Anybody who reaches this address can use it: --keys FILE asks for API keys.\n\n");
  fmt::print("Ctrl+C ends it.\n");
  std::fflush(stdout);
}

// Answers under way may finish; a second signal cuts them off.
void stop(Serving& serving, const StopSignals& signals) {
  fmt::print("\nFinishing what is being answered; Ctrl+C cuts it off.\n");
  std::fflush(stdout);
  std::atomic<bool> done = false;
  std::thread drain([&] {
    serving.server().drain(kPatience);
    done = true;
  });
  while (!done) {
    if (signals.wait_for(50)) serving.server().drain(std::chrono::milliseconds(0));
  }
  drain.join();
}

Status run(ServeOptions options) {
  if (!options.keys.empty()) {
    FATHOM_TRY(options.serving.server.keys, server::Keys::load(options.keys));
  }
  cache::CacheOptions& cache = options.serving.cache;
  cache.ram_bytes = static_cast<std::int64_t>(options.cache_ram * 1e9);
  cache.disk_bytes = static_cast<std::int64_t>(options.cache_disk * 1e9);
  if (cache.disk_bytes == 0) cache.folder.clear();
  cache.log = [](std::string_view line) { fmt::print(stderr, "fathom: {}\n", line); };
  const StopSignals signals;
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
      "Paths: /chat/completions, /completions, /models, /user/balance (also below /v1 and /beta),\n"
      "/anthropic/v1/messages, /anthropic/v1/messages/count_tokens, /anthropic/v1/models, /health.\n"
      "SIGTERM or Ctrl+C: no new requests; answers under way may finish within 30 seconds.\n\n"
      "Example: fathom serve path/to/DeepSeek-V4-Flash --port 8000 --keys keys.txt\n");
  return {app, [options] { return run(*options); }};
}

}  // namespace fathom::cli
