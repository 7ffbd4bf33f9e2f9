#include "api/api_service.h"

#include <algorithm>
#include <array>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "api/chat_request.h"
#include "api/chat_writer.h"
#include "api/completion_request.h"
#include "api/completion_writer.h"
#include "api/conversation.h"
#include "api/errors.h"
#include "api/fields.h"
#include "api/messages_request.h"
#include "api/messages_writer.h"
#include "api/responses_request.h"
#include "api/responses_writer.h"
#include "api/submission.h"
#include "text/json.h"

namespace fathom::api {

using text::Json;

namespace {

constexpr int kRetrySeconds = 2;
constexpr std::string_view kModelPath = "/models/";

// A path in its shortest form: many mean the same.
std::string canonical(std::string_view path) {
  constexpr std::string_view kVersioned = "/anthropic/v1/";
  if (path.starts_with(kVersioned)) return "/anthropic/" + std::string(path.substr(kVersioned.size()));
  if (path.starts_with("/v1/messages")) return "/anthropic" + std::string(path.substr(3));
  for (const std::string_view prefix : {"/beta/v1/", "/beta/", "/v1/"}) {
    if (path.starts_with(prefix)) return std::string(path.substr(prefix.size() - 1));
  }
  return std::string(path);
}

void send_error(const HttpRequest& request, HttpReply& reply, int status, std::string_view message) {
  HttpHead head{.status = status};
  if (status == 429 || status == 503) head.retry_after = kRetrySeconds;
  reply.send(std::move(head), error_body(request.path, status, message));
}

// The status that an error of the rooms below means to a client.
int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return 400;
    case ErrorCode::out_of_memory:  // too many wait already
      return 429;
    case ErrorCode::cancelled:
      return 503;
    default:
      return 500;
  }
}

Request& request_in(Request& parsed) {
  return parsed;
}
Request& request_in(ResponsesRequest& parsed) {
  return parsed.options;
}
Request& request_in(CompletionRequest& parsed) {
  return parsed.options;
}

std::string model_json(const ServedModel& model, std::string_view name) {
  const bool has_low = model.policy.effort_table == text::EffortTable::v0731;
  return fmt::format(R"({{"id":"{}","object":"model","owned_by":"deepseek","name":"{}","context_window":{},)"
                     R"("max_output_tokens":{},"input_modalities":["text"],"output_modalities":["text"],)"
                     R"("effort":{{"supported_levels":[{}"high","max"],"default_level":"high"}}}})",
                     text::escape_json(name), text::escape_json(model.id), model.context,
                     std::min<std::int64_t>(model.context, kMostOutputTokens), has_low ? R"("low",)" : "");
}

}  // namespace

Result<std::unique_ptr<ApiService>> ApiService::start(ModelList models) {
  std::unique_ptr<ApiService> service(new ApiService(std::move(models)));
  try {
    service->thread_ = std::thread([service = service.get()] { service->work(); });
  } catch (const std::system_error& error) {
    return fail(ErrorCode::io, "cannot start the thread that reads requests: {}", error.what());
  }
  return service;
}

ApiService::~ApiService() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  for (const Task& task : tasks_) send_error(task.request, *task.reply, 503, "The server is about to stop");
}

void ApiService::handle(HttpRequest request, std::shared_ptr<HttpReply> reply) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back({std::move(request), std::move(reply)});
  changed_.notify_all();
}

void ApiService::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    if (task.reply->demand() != Demand::none) {
      try {
        answer(task);
      } catch (const std::bad_alloc&) {
        send_error(task.request, *task.reply, 503, "There is not enough memory for this request");
      }
    }
    lock.lock();
  }
}

std::span<const ApiService::Route> ApiService::routes() {
  static constexpr std::array kRoutes = {
      Route{"POST", "/chat/completions", &ApiService::answer_chat},
      Route{"POST", "/completions", &ApiService::answer_completion},
      Route{"POST", "/responses", &ApiService::answer_responses},
      Route{"GET", "/models", &ApiService::list_models},
      Route{"GET", "/user/balance", &ApiService::balance},
      Route{"POST", "/anthropic/messages", &ApiService::answer_messages},
      Route{"POST", "/anthropic/messages/count_tokens", &ApiService::answer_count},
      Route{"GET", "/anthropic/models", &ApiService::list_models_for_messages},
  };
  return kRoutes;
}

std::string ApiService::route(std::string_view path) const {
  const std::string shortest = canonical(path);
  if (shortest.starts_with(kModelPath)) return "/models";
  for (const Route& route : routes()) {
    if (route.path == shortest) return shortest;
  }
  return "other";
}

void ApiService::answer(const Task& task) const {
  const std::string path = canonical(task.request.path);
  bool path_exists = false;
  for (const Route& route : routes()) {
    if (route.path != path) continue;
    path_exists = true;
    if (route.method != task.request.method) continue;
    if (const Status status = (this->*route.endpoint)(task); !status)
      send_error(task.request, *task.reply, status_of(status.error().code), status.error().message);
    return;
  }
  if (path.starts_with(kModelPath) && task.request.method == "GET")
    return one_model(task, std::string_view(path).substr(kModelPath.size()));
  if (path_exists) return send_error(task.request, *task.reply, 405, "This path takes another method");
  send_error(task.request, *task.reply, 404, "There is nothing at this path");
}

std::string ApiService::metrics() const {
  std::string out;
  const auto print = [&](std::string_view name, std::string_view type, std::string_view help,
                         const auto& value) {
    print_metric(out, name, type, help);
    for (const ServedModel& model : models_.models())
      print_sample(out, name, label("model", model.id), static_cast<double>(value(model)));
  };
  print("fathom_prompt_tokens_total", "counter", "Tokens of prompts, with those reused.",
        [](const ServedModel& model) { return model.statistics->prompt_tokens.load(); });
  print("fathom_reused_tokens_total", "counter", "Tokens of prompts that did not have to be read again.",
        [](const ServedModel& model) { return model.statistics->cached_tokens.load(); });
  print("fathom_completion_tokens_total", "counter", "Tokens of answers.",
        [](const ServedModel& model) { return model.statistics->completion_tokens.load(); });
  print("fathom_running_sequences", "gauge", "Answers under way.",
        [](const ServedModel& model) { return model.load().running; });
  print("fathom_queued_requests", "gauge", "Requests that wait for their turn.",
        [](const ServedModel& model) { return model.load().queued; });
  print("fathom_replay_bytes", "gauge", "Memory for the tokens of past turns.",
        [](const ServedModel& model) { return model.turns->bytes(); });
  const auto histogram = [&](std::string_view name, std::string_view help, Histogram Statistics::*member) {
    print_metric(out, name, "histogram", help);
    for (const ServedModel& model : models_.models())
      ((*model.statistics).*member).print(out, name, label("model", model.id));
  };
  histogram("fathom_first_token_seconds", "From the request to the first token.",
            &Statistics::first_token_seconds);
  histogram("fathom_token_seconds", "From one token of an answer to the next.", &Statistics::token_seconds);
  return out;
}

template <class Parsed, class Parse>
Result<ApiService::Read<Parsed>> ApiService::read(const Task& task, Find find, const Parse& parse) const {
  const auto body = text::parse_json(task.request.body);
  if (!body) return bad_request("Failed to parse the request body as JSON: {}", body.error().message);
  const Json* name = body->find("model");
  const ServedModel* model = name && name->is_string() ? (models_.*find)(name->text) : nullptr;
  FATHOM_TRY(Parsed parsed, parse(*body, model ? model->policy : RequestPolicy()));
  if (!model) return bad_request("Model Not Exist");
  Request& request = request_in(parsed);
  request.user = fmt::format("{}/{}", task.request.caller, request.user);
  model->turns->restore(request.user, request.messages);
  return Read<Parsed>{std::move(parsed), model};
}

Status ApiService::answer_chat(const Task& task) const {
  FATHOM_TRY(const auto read, this->read<Request>(task, &ModelList::find, parse_chat_request));
  FATHOM_TRY(const text::Prompt prompt, prompt_of(read.request, *read.model));
  return submit(prompt, read.request, *read.model, make_chat_writer(read.request), task.reply);
}

Status ApiService::answer_responses(const Task& task) const {
  FATHOM_TRY(auto read, this->read<ResponsesRequest>(task, &ModelList::find, parse_responses_request));
  const Request request = read.request.options;
  FATHOM_TRY(const text::Prompt prompt, prompt_of(request, *read.model));
  return submit(prompt, request, *read.model, make_responses_writer(std::move(read.request)), task.reply);
}

Status ApiService::answer_messages(const Task& task) const {
  FATHOM_TRY(const auto read,
             this->read<Request>(task, &ModelList::find_for_messages, parse_messages_request));
  if (read.model->policy.strict_reasoning_echo) FATHOM_TRY_STATUS(check_reasoning_echo(read.request));
  FATHOM_TRY(const text::Prompt prompt, prompt_of(read.request, *read.model));
  return submit(prompt, read.request, *read.model, make_messages_writer(read.request), task.reply);
}

Status ApiService::answer_count(const Task& task) const {
  FATHOM_TRY(const auto read,
             this->read<Request>(task, &ModelList::find_for_messages, parse_messages_request));
  FATHOM_TRY(const text::Prompt prompt, prompt_of(read.request, *read.model));
  const std::size_t count = text::encode(*read.model->tokenizer, prompt).size();
  task.reply->send({}, fmt::format(R"({{"input_tokens":{}}})", count));
  return {};
}

Status ApiService::answer_completion(const Task& task) const {
  const auto parse = [](const Json& body, const RequestPolicy&) { return parse_completion_request(body); };
  FATHOM_TRY(const auto read, this->read<CompletionRequest>(task, &ModelList::find, parse));
  const text::Prompt prompt = text::render_fill_in_the_middle(read.request.prompt, read.request.suffix);
  return submit(prompt, read.request.options, *read.model, make_completion_writer(read.request), task.reply);
}

Status ApiService::list_models_for_messages(const Task& task) const {
  const std::vector<std::string> names = models_.names();
  std::string data;
  for (const std::string& name : names) {
    if (!data.empty()) data += ',';
    data += fmt::format(
        R"({{"type":"model","id":"{0}","display_name":"{0}","created_at":"2026-04-24T00:00:00Z"}})",
        text::escape_json(name));
  }
  task.reply->send({}, fmt::format(R"({{"data":[{}],"has_more":false,"first_id":"{}","last_id":"{}"}})", data,
                                   text::escape_json(names.front()), text::escape_json(names.back())));
  return {};
}

Status ApiService::list_models(const Task& task) const {
  std::string data;
  for (const std::string& name : models_.names()) {
    if (!data.empty()) data += ',';
    data += model_json(*models_.find(name), name);
  }
  task.reply->send({}, fmt::format(R"({{"object":"list","data":[{}]}})", data));
  return {};
}

void ApiService::one_model(const Task& task, std::string_view id) const {
  const ServedModel* model = models_.find(id);
  if (!model) return send_error(task.request, *task.reply, 404, "Model Not Exist");
  task.reply->send({}, model_json(*model, id));
}

// Clients ask before they start. Here nothing costs anything.
Status ApiService::balance(const Task& task) const {
  task.reply->send({}, R"({"is_available":true,"balance_infos":[{"currency":"USD","total_balance":"0.00",)"
                       R"("granted_balance":"0.00","topped_up_balance":"0.00"}]})");
  return {};
}

}  // namespace fathom::api
