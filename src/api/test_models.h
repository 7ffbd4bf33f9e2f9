// For tests: models whose answers the test writes, and a reply that remembers what came.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/http.h"
#include "api/served_model.h"
#include "text/byte_alphabet.h"
#include "text/json.h"
#include "text/tokenizer.h"

namespace fathom::api {

// One token per byte, and V4's control tokens from 256 on: markers arrive cut at every byte.
inline std::string byte_tokenizer_json() {
  std::string vocabulary, added;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string spelled = text::spell_byte(static_cast<unsigned char>(byte));
    vocabulary += fmt::format(R"({}"{}{}":{})", byte > 0 ? "," : "",
                              spelled == "\"" || spelled == "\\" ? "\\" : "", spelled, byte);
  }
  int id = 256;
  const auto add = [&](std::string_view token, bool special) {
    added += fmt::format(
        R"({}{{"id":{},"content":"{}","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,)"
        R"("special":{}}})",
        added.empty() ? "" : ",", id++, token, special);
  };
  for (const auto token : {"<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>",
                           "<｜Assistant｜>", "<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"})
    add(token, true);
  for (const auto token : {"<think>", "</think>", "｜DSML｜"}) add(token, false);
  return R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[)" + added +
         R"(],"normalizer":{"type":"Sequence","normalizers":[]},"pre_tokenizer":{"type":"Sequence","pretokenizers":[
        {"type":"Split","pattern":{"Regex":"\\p{N}{1,3}"},"behavior":"Isolated","invert":false},
        {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]},"post_processor":null,
      "decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},
      "model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,
        "end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"vocab":{)" +
         vocabulary + R"(},"merges":[]}})";
}
inline text::Tokenizer byte_tokenizer() {
  return text::Tokenizer::parse(byte_tokenizer_json(), "test").value();
}

// Answers every job with one text, as far as the listener wants it.
class ScriptedModel {
 public:
  explicit ScriptedModel(std::string answer) : answer_(std::move(answer)) {}

  ServedModel served(std::string id) {
    ServedModel model;
    model.id = std::move(id);
    model.tokenizer = &tokenizer;
    model.policy.effort_table = text::EffortTable::v0423;
    model.context = 4096;
    model.submit = [this](engine::Job job) { return run(std::move(job)); };
    return model;
  }

  const text::Tokenizer tokenizer = byte_tokenizer();
  std::string last_prompt;  // as text
  engine::Job last_job;
  std::vector<std::int32_t> last_tokens;                 // of the last answer
  Status refusal;                                        // what submit says
  Result<engine::Finish> finish = engine::Finish::stop;  // how jobs end

 private:
  Status run(engine::Job job) {
    if (!refusal) return refusal;
    last_prompt = tokenizer.decode(job.prompt);
    last_job = job;
    last_job.listener.reset();
    std::int64_t drawn = 0;
    auto ending = finish;
    last_tokens.clear();
    job.listener->on_begin({});
    for (const std::int32_t token : tokenizer.encode(answer_, text::EncodeMode::with_added_tokens)) {
      const std::vector<engine::TokenLikelihood> likelihoods = {{token, -0.5f}, {token, -0.5f}, {65, -2.0f}};
      ++drawn;
      last_tokens.push_back(token);
      const auto shown =
          job.logprobs >= 0 ? std::span(likelihoods) : std::span<const engine::TokenLikelihood>();
      if (!job.listener->on_token({token, shown})) break;
      if (std::find(job.stop_ids.begin(), job.stop_ids.end(), token) != job.stop_ids.end()) break;
      if (drawn == job.max_tokens) {
        ending = engine::Finish::max_tokens;
        break;
      }
    }
    job.listener->on_end(ending);
    return {};
  }

  const std::string answer_;
};

class RecordedReply final : public HttpReply {
 public:
  void send(HttpHead head, std::string body) override {
    const std::lock_guard lock(mutex_);
    head_ = std::move(head);
    body_ += body;
    end_now();
  }
  void begin(HttpHead head) override {
    const std::lock_guard lock(mutex_);
    head_ = std::move(head);
  }
  void write(std::string_view bytes) override {
    const std::lock_guard lock(mutex_);
    body_ += bytes;
  }
  void end() override {
    const std::lock_guard lock(mutex_);
    end_now();
  }
  Demand demand() const override { return Demand::more; }

  struct Recorded {
    HttpHead head;
    std::string body;
    text::Json json() const { return text::parse_json(body).value(); }
    // The objects of a stream of events.
    std::vector<text::Json> events() const {
      std::vector<text::Json> events;
      constexpr std::string_view kData = "data: ";
      for (std::size_t at = 0; (at = body.find(kData, at)) != body.npos;) {
        const std::size_t end = body.find("\n\n", at);
        const std::string data = body.substr(at + kData.size(), end - at - kData.size());
        if (data != "[DONE]") events.push_back(text::parse_json(data).value());
        at = end;
      }
      return events;
    }
  };
  Recorded wait() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return is_ended_; });
    return {head_, body_};
  }

 private:
  void end_now() {
    is_ended_ = true;
    ended_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable ended_;
  HttpHead head_;
  std::string body_;
  bool is_ended_ = false;
};

}  // namespace fathom::api
