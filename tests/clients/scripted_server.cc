// The server and the API of fathom with a model whose words are written beforehand, so that an agent's turn
// goes the same way every time: scripted_server SECRET CALL. A conversation in which a tool brought SECRET
// gets it as the answer; one that offers tools gets CALL, a block of calls in DSML; all others get a title.
// Ends with its input.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "api/api_service.h"
#include "api/test_models.h"
#include "server/server.h"

namespace fathom {
namespace {

// Answers each job at once, by what its prompt has in it.
class Script {
 public:
  Script(std::string secret, std::string call) : secret_(std::move(secret)), call_(std::move(call)) {}

  api::ServedModel served() {
    api::ServedModel model;
    model.id = "scripted";
    model.tokenizer = &tokenizer_;
    model.context = 1 << 20;
    model.submit = [this](engine::Job job) {
      const std::string answer = answer_to(tokenizer_.decode(job.prompt));
      job.listener->on_begin({});
      for (const std::int32_t token : tokenizer_.encode(answer, text::EncodeMode::with_added_tokens)) {
        if (!job.listener->on_token({token, {}})) break;
      }
      job.listener->on_end(engine::Finish::stop);
      return Status();
    };
    return model;
  }

 private:
  std::string answer_to(const std::string& prompt) const {
    const std::string end = prompt.ends_with("<think>") ? "I know what to do.</think>" : "";
    const std::size_t result = prompt.find("<tool_result>", prompt.rfind("</｜DSML｜tool_calls>"));
    if (result != prompt.npos && prompt.find(secret_, result) != prompt.npos)
      return end + "It says " + secret_ + ".";
    if (prompt.find("## Tools") != prompt.npos) return end + "Looking.\n\n" + call_;
    return end + "A title";
  }

  const std::string secret_, call_;
  const text::Tokenizer tokenizer_ = api::byte_tokenizer();
};

int run(const std::string& secret, const std::string& call) {
  Script script(secret, call);
  const auto service = api::ApiService::start(api::ModelList({script.served()}));
  if (!service) return 1;
  const auto server = server::Server::start({}, **service);
  if (!server) return 1;
  std::printf("http://127.0.0.1:%d\n", (*server)->port());
  std::fflush(stdout);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}

}  // namespace
}  // namespace fathom

int main(int count, char** arguments) {
  return count == 3 ? fathom::run(arguments[1], arguments[2]) : 2;
}
