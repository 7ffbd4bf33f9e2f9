// Sends hostile bodies to every path of the API: each gets one answer, a JSON object or a stream of them,
// with a status that says what happened, and none ends the program. Input: a byte that names the path, the
// body. The model answers with a call, and takes at most a few tokens.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "api/api_service.h"
#include "api/test_models.h"

namespace {

using namespace fathom;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Api {
  Api() : service(api::ApiService::start(api::ModelList({model.served("tiny")})).value()) {}
  api::ScriptedModel model{
      "Hm.</think>Look.\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" "
      "string=\"false\">1</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>"};
  std::unique_ptr<api::ApiService> service;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Api api;
  static constexpr const char* kPaths[] = {"/chat/completions", "/responses", "/anthropic/v1/messages",
                                           "/anthropic/v1/messages/count_tokens", "/beta/completions"};
  if (size == 0) return 0;
  const auto reply = std::make_shared<api::RecordedReply>();
  api.service->handle({"POST", kPaths[data[0] % std::size(kPaths)],
                       std::string(reinterpret_cast<const char*>(data) + 1, size - 1), ""},
                      reply);
  const auto recorded = reply->wait();
  require(recorded.head.status == 200 || recorded.head.status == 400);
  if (recorded.head.content_type == "application/json") {
    const auto json = text::parse_json(recorded.body);
    require(json && json->is_object());
    require((recorded.head.status == 400) ==
            (json->find("error") != nullptr && json->find("object") == nullptr));
  } else {
    for (const text::Json& event : recorded.events()) require(event.is_object());
  }
  return 0;
}
