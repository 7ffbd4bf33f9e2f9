// For tests: a tiny model of random weights and a context of 1600 tokens, which are the bytes and V4's
// control tokens.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "api/test_models.h"
#include "cli/eval/subject.h"
#include "cli/random_checkpoint.h"

namespace fathom::eval {

class TestSubject {
 public:
  // With the shape of the golden model flash_tiny; `folder` is for its weights.
  TestSubject(const std::filesystem::path& config_of_flash_tiny, const std::filesystem::path& folder)
      : pool_(2) {
    std::ifstream file(config_of_flash_tiny);
    cli::RandomCheckpointOptions options;
    options.config_json = std::string(std::istreambuf_iterator<char>(file), {});
    replace(options.config_json, "\"vocab_size\": 256", "\"vocab_size\": 288");
    replace(options.config_json, "\"max_position_embeddings\": 1048576", "\"max_position_embeddings\": 1600");
    options.out = folder / "tiny";
    EXPECT_TRUE(cli::write_random_checkpoint(options, pool_));
    auto model = model::Model::load(options.out, {}, &pool_);
    EXPECT_TRUE(model) << model.error().message;
    model_ = *std::move(model);
    tokenizer_ =
        std::make_unique<text::Tokenizer>(*text::Tokenizer::parse(api::byte_tokenizer_json(), "test"));
  }

  Subject subject() { return {*model_, pool_, *tokenizer_, text::EffortTable::v0423, {}}; }

 private:
  static void replace(std::string& text, const std::string& what, const std::string& with) {
    text.replace(text.find(what), what.size(), with);
  }

  os::ThreadPool pool_;
  std::unique_ptr<const model::Model> model_;
  std::unique_ptr<text::Tokenizer> tokenizer_;
};

}  // namespace fathom::eval
