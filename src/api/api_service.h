// DeepSeek's API over the models of this machine: paths to dialects, requests to jobs of the engine.
//
//   POST /chat/completions          ChatCompletions (chat_request.h, chat_writer.h)
//   POST /responses                 OpenAI's Responses (responses_request.h, responses_writer.h)
//   POST /completions               text completion and fill-in-the-middle (completion_request.h)
//   GET  /models, /models/ID        what is served
//   GET  /user/balance              a balance, for clients that ask
// each also below /v1, /beta and /beta/v1, and below /anthropic, also as /anthropic/v1,
//   POST /messages                  Anthropic's Messages (messages_request.h, messages_writer.h); also
//   /v1/messages POST /messages/count_tokens     the length of the prompt GET  /models what is served
// Everything else is a 404 in the form of the path's dialect.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "api/http.h"
#include "api/request.h"
#include "api/served_model.h"
#include "base/result.h"
#include "text/json.h"

namespace fathom::api {

// Ownership: what the models refer to must outlive the service; its replies may outlive it.
// Thread safety: any thread. Requests are read, rendered and tokenised by a thread of its own: long prompts
// take seconds, and the caller must not wait.
class ApiService final : public Service {
 public:
  // Error: the thread cannot be started.
  static Result<std::unique_ptr<ApiService>> start(ModelList models);
  ~ApiService() override;

  void handle(HttpRequest request, std::shared_ptr<HttpReply> reply) override;
  std::string route(std::string_view path) const override;
  std::string metrics() const override;

 private:
  struct Task {
    HttpRequest request;
    std::shared_ptr<HttpReply> reply;
  };
  // Errors go to the client.
  using Endpoint = Status (ApiService::*)(const Task& task) const;
  struct Route {
    std::string_view method, path;
    Endpoint endpoint;
  };
  using Find = const ServedModel* (ModelList::*)(std::string_view name) const;
  // What a body says, and the model that is to answer it.
  template <class Parsed>
  struct Read {
    Parsed request;
    const ServedModel* model;
  };

  explicit ApiService(ModelList models) : models_(std::move(models)) {}

  static std::span<const Route> routes();
  void work();
  void answer(const Task& task) const;
  // `parse` gets the JSON and the policy of the model.
  template <class Parsed, class Parse>
  Result<Read<Parsed>> read(const Task& task, Find find, const Parse& parse) const;
  Status answer_chat(const Task& task) const;
  Status answer_responses(const Task& task) const;
  Status answer_messages(const Task& task) const;
  Status answer_completion(const Task& task) const;
  Status answer_count(const Task& task) const;
  Status list_models_for_messages(const Task& task) const;
  Status list_models(const Task& task) const;
  Status balance(const Task& task) const;
  void one_model(const Task& task, std::string_view id) const;

  const ModelList models_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace fathom::api
