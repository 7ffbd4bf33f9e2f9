// Bad input to `fathom`: one line on stderr that names the thing and says what to do, exit code 1 (2 for
// wrong usage), nothing half-written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>

#include "formats/safetensors.h"
#include "testing/program.h"
#include "testing/test_data.h"

namespace fathom {
namespace {
namespace fs = std::filesystem;
namespace json = boost::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::run_fathom;
using ::testing::StartsWith;

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

fs::path file_with(const std::string& text) {
  const fs::path file = testing::temporary_folder() / "ids.json";
  write(file, text);
  return file;
}

// A copy of a golden model that a test may break.
fs::path model_copy() {
  const fs::path source = testing::data_folder("golden/flash_tiny");
  const fs::path copy = testing::temporary_folder();
  for (const char* name : {"config.json", "model.safetensors"}) fs::copy_file(source / name, copy / name);
  return copy;
}

void edit_config(const fs::path& model, const std::function<void(json::object&)>& edit) {
  json::object config = json::parse(text_of(model / "config.json")).as_object();
  edit(config);
  write(model / "config.json", json::serialize(config));
}

// Where the bytes of a tensor lie in the model's file.
std::size_t offset_of(const fs::path& model, const char* tensor) {
  const auto checkpoint = formats::Checkpoint::open(model);
  const auto& shard = checkpoint->shards().front().file;
  return static_cast<std::size_t>(checkpoint->find(tensor)->bytes.data() - shard.bytes().data());
}

void expect_error(const testing::ProgramResult& result, int exit_code,
                  const ::testing::Matcher<const std::string&>& message) {
  EXPECT_EQ(result.exit_code, exit_code);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(StartsWith("fathom: "), message));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_TRUE(result.err.ends_with('\n'));
}

// `fathom logits` must fail with this message and leave nothing in the folder of --out.
void expect_logits_error(const fs::path& model, const ::testing::Matcher<const std::string&>& message,
                         const std::string& ids = "[1, 2, 3]", const std::vector<std::string>& flags = {}) {
  const fs::path folder = testing::temporary_folder();
  std::vector<std::string> arguments = {"logits",       model,   "--tokens",
                                        file_with(ids), "--out", folder / "out.safetensors"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  expect_error(run_fathom(arguments), 1, message);
  EXPECT_TRUE(fs::is_empty(folder));
}

TEST(BadModel, EmptyFolder) {
  const fs::path empty = testing::temporary_folder();
  expect_logits_error(empty, AllOf(HasSubstr(empty.string()), HasSubstr("config.json"),
                                   HasSubstr("expected a model folder")));
  expect_error(run_fathom({"inspect", empty}), 1, HasSubstr("no readable config.json"));
  expect_error(run_fathom({"run", empty, "-p", "x"}), 1, HasSubstr("no readable config.json"));
  expect_error(run_fathom({"tokenize", "--model", empty}), 1, HasSubstr("no tokenizer.json"));
}

TEST(BadModel, ConfigWithoutWeights) {
  const fs::path model = model_copy();
  fs::remove(model / "model.safetensors");
  expect_logits_error(model, AllOf(HasSubstr(model.string()), HasSubstr("safetensors")));
}

TEST(BadModel, AnotherArchitecture) {
  const fs::path model = model_copy();
  edit_config(model, [](json::object& config) { config["model_type"] = "llama"; });
  const auto message =
      AllOf(HasSubstr("config.json"), HasSubstr("model_type is \"llama\""), HasSubstr("deepseek_v4"));
  expect_logits_error(model, message);
  expect_error(run_fathom({"inspect", model}), 1, message);
}

TEST(BadModel, ConfigThatIsNotJson) {
  const fs::path model = model_copy();
  write(model / "config.json", "{\"model_type\": ");
  expect_logits_error(model, AllOf(HasSubstr("config.json"), HasSubstr("not valid JSON")));
}

TEST(BadModel, ShardCutInHalf) {
  const fs::path model = model_copy();
  fs::resize_file(model / "model.safetensors", fs::file_size(model / "model.safetensors") / 2);
  expect_logits_error(model, HasSubstr("model.safetensors"));
  expect_error(run_fathom({"inspect", model}), 1, HasSubstr("model.safetensors"));
}

TEST(BadModel, WrongShape) {
  const fs::path model = model_copy();
  edit_config(model, [](json::object& config) { config["moe_intermediate_size"] = 256; });
  expect_logits_error(model, AllOf(HasSubstr("experts.0.w1.weight"), HasSubstr("expected [256, 128]"),
                                   HasSubstr("download")));
}

TEST(BadModel, InspectReportsAllProblemsOfTheTensors) {
  const fs::path model = model_copy();
  edit_config(model, [](json::object& config) {
    config["vocab_size"] = 300;
    config["hidden_size"] = 384;
  });
  const auto result = run_fathom({"inspect", model});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("embed.weight"), HasSubstr("wrong")));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1);
}

TEST(BadModel, NanScale) {
  const fs::path model = model_copy();
  const std::size_t offset = offset_of(model, "layers.1.attn.wkv.scale");
  std::fstream file(model / "model.safetensors", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(255));
  file.close();
  expect_logits_error(model, AllOf(HasSubstr("layers.1.attn.wkv.scale"), HasSubstr("NaN")));
}

TEST(BadModel, VocabularyMismatch) {
  // The config says more tokens than the embedding has rows.
  fs::path model = model_copy();
  edit_config(model, [](json::object& config) { config["vocab_size"] = 512; });
  expect_logits_error(model, AllOf(HasSubstr("embed.weight"), HasSubstr("[512, 256]")));

  // The tokenizer knows more tokens than the model.
  model = model_copy();
  fs::copy_file(fs::path(FATHOM_PROGRAM).parent_path() / "models/nano/tokenizer.json",
                model / "tokenizer.json");
  expect_error(run_fathom({"run", model, "-p", "x"}), 1,
               AllOf(HasSubstr("tokenizer.json has ids up to 4095"), HasSubstr("vocab_size 256"),
                     HasSubstr("different models")));
}

TEST(BadTokens, AreRefusedBeforeAnythingIsWritten) {
  const fs::path model = testing::data_folder("golden/flash_tiny");
  expect_logits_error(model, AllOf(HasSubstr("token id 256"), HasSubstr("ids 0 to 255")), "[1, 256]");
  expect_logits_error(model, HasSubstr("token id -1"), "[-1]");
  expect_logits_error(model, HasSubstr("not JSON"), "1, 2");
  expect_logits_error(model, HasSubstr("expected a JSON array"), "{\"ids\": [1]}");
  expect_logits_error(model, HasSubstr("item 1 is 2.5"), "[1, 2.5]");
  expect_logits_error(model, HasSubstr("is empty"), "[]");
  expect_logits_error(model, HasSubstr("--prefill 4 is more than the 3 tokens"), "[1, 2, 3]",
                      {"--prefill", "4"});
  expect_error(run_fathom({"logits", model, "--tokens", "/nowhere/ids.json", "--out", "/nowhere/out"}), 1,
               HasSubstr("/nowhere/ids.json"));
}

TEST(BadTokens, MoreThanTheContext) {
  const fs::path model = model_copy();
  edit_config(model, [](json::object& config) { config["max_position_embeddings"] = 4; });
  expect_logits_error(model, AllOf(HasSubstr("5 tokens"), HasSubstr("context of 4"), HasSubstr("shorten")),
                      "[1, 2, 3, 4, 5]");
}

TEST(BadRun, PromptLongerThanTheContext) {
  expect_error(run_fathom({"run", "-p", "a b c d e f g h", "--ctx", "6"}), 1,
               AllOf(HasSubstr("the context holds 6"), HasSubstr("shorten the prompt")));
  expect_error(run_fathom({"run", "-p", "x", "--ctx", "99999999"}), 1,
               HasSubstr("model's context of 1048576"));
  expect_error(run_fathom({"run"}, "\n"), 1, HasSubstr("the prompt is empty"));
  expect_error(run_fathom({"run", "-p", "x", "--top-p", "1.5"}), 1,
               HasSubstr("top-p must be above 0 and at most 1"));
}

TEST(BadOutput, IsRefused) {
  const fs::path model = testing::data_folder("golden/flash_tiny");
  expect_error(
      run_fathom({"logits", model, "--tokens", file_with("[1]"), "--out", "/nowhere/out.safetensors"}), 1,
      HasSubstr("/nowhere"));
  const fs::path used = testing::temporary_folder();
  write(used / "mine", "keep");
  expect_error(run_fathom({"synth", "--shape", model / "config.json", "--out", used}), 1,
               HasSubstr("not an empty folder"));
  EXPECT_EQ(text_of(used / "mine"), "keep");
}

TEST(BadLines, AreAnsweredWithAnErrorEach) {
  const auto result = run_fathom(
      {"tokenize"}, "{\"text\":\"a\"}\nnonsense\n{\"text\":1}\n{\"text_b64\":\"*\"}\n{}\n{\"text\":\"b\"}\n");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(StartsWith("fathom: "), HasSubstr("4 of 6 lines")));
  std::vector<std::string> keys;
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);)
    keys.emplace_back(json::parse(line).as_object().begin()->key());
  EXPECT_THAT(keys, ::testing::ElementsAre("ids", "error", "error", "error", "error", "ids"));

  const auto back =
      run_fathom({"detokenize"}, "{\"ids\":[1,4096]}\n{\"ids\":\"x\"}\n{\"ids\":[0.5]}\n{\"ids\":[]}\n");
  EXPECT_EQ(back.exit_code, 1);
  EXPECT_THAT(back.err, HasSubstr("3 of 4 lines"));
  EXPECT_THAT(back.out, AllOf(HasSubstr("token id 4096"), HasSubstr("bytes_b64")));
}

TEST(BadUsage, SuggestsTheNearest) {
  expect_error(run_fathom({"rnu"}), 2, HasSubstr("unknown verb 'rnu': did you mean run?"));
  expect_error(run_fathom({"run", "--max-token", "5"}), 2,
               HasSubstr("unknown flag --max-token: did you mean --max-tokens?"));
  expect_error(run_fathom({"synth", "--shape", "flash-slize", "--out", testing::temporary_folder() / "x"}), 1,
               HasSubstr("did you mean flash-slice?"));
  expect_error(run_fathom({"logits", "m"}), 2, HasSubstr("--tokens"));
  expect_error(run_fathom({"run", "--threads", "0"}), 2, HasSubstr("--threads"));
  expect_error(run_fathom({"run", "--numerics", "fastest"}), 2, HasSubstr("neither exact nor official"));
  expect_error(run_fathom({}), 2, HasSubstr("no verb given"));
}

}  // namespace
}  // namespace fathom
