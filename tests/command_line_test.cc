// The verbs of `fathom` end to end, against golden data.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <fstream>
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

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

fs::path ids_file(const std::vector<std::int64_t>& ids) {
  const fs::path file = testing::temporary_folder() / "ids.json";
  std::ofstream(file) << json::serialize(json::value_from(ids));
  return file;
}

// Runs `fathom logits` on a golden model with the ids of one of its expected files; the path of what it
// wrote.
struct LogitsCase {
  std::string model, expected;
  fs::path folder() const { return testing::data_folder("golden/" + model); }
  formats::Checkpoint golden() const {
    return *formats::Checkpoint::open(
        testing::data_file("golden/" + model + "/" + expected + ".safetensors"));
  }
  fs::path run(const std::vector<std::string>& flags) const {
    const fs::path out = testing::temporary_folder() / "out.safetensors";
    std::vector<std::string> arguments = {
        "logits", folder(), "--tokens", ids_file(testing::integers(golden(), "input_ids")), "--out", out};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const auto result = run_fathom(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.out + result.err, "");
    return out;
  }
};

void expect_near(const std::vector<float>& actual, const std::vector<float>& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_TRUE(std::isfinite(actual[i])) << i;
    worst = std::max(worst, static_cast<double>(std::abs(actual[i] - expected[i])));
  }
  EXPECT_LE(worst, tolerance);
}

TEST(Logits, MatchTheReference) {
  for (const LogitsCase& c :
       {LogitsCase{"flash_tiny", "expected_prefill_300"}, LogitsCase{"pro_tiny", "expected_prefill_128"},
        LogitsCase{"bf16_tiny", "expected_prefill_129"}}) {
    SCOPED_TRACE(c.model);
    const auto written = formats::Checkpoint::open(c.run({"--numerics", "exact"}));
    ASSERT_TRUE(written) << written.error().message;
    expect_near(testing::floats(*written, "logits"), testing::floats(c.golden(), "A.logits"), 2e-3);
    EXPECT_EQ(written->tensors().size(), 1u);
  }
}

TEST(Logits, OfTheMtpHeadMatchTheReference) {
  int compared = 0;
  for (const char* expected : {"expected_prefill_5", "expected_prefill_129", "expected_prefill_300"}) {
    const LogitsCase c{"flash_tiny", expected};
    const auto golden = c.golden();
    if (!golden.find("A.mtp_logits")) continue;
    SCOPED_TRACE(expected);
    const auto written = formats::Checkpoint::open(c.run({"--numerics", "exact", "--mtp", "--chunk", "50"}));
    ASSERT_TRUE(written) << written.error().message;
    const auto shape = written->find("mtp_logits")->shape;
    const auto tokens = static_cast<std::int64_t>(testing::integers(golden, "input_ids").size());
    EXPECT_EQ(shape, (std::vector<std::int64_t>{tokens - 1, 256}));
    // The reference may have a row more: it is given a token after the last one.
    auto reference = testing::floats(golden, "A.mtp_logits");
    reference.resize(static_cast<std::size_t>(shape[0] * shape[1]));
    expect_near(testing::floats(*written, "mtp_logits"), reference, 2e-3);
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

TEST(Logits, AreTheSameBytesForAnyChunkPrefillAndThreads) {
  for (const char* numerics : {"exact", "official"}) {
    const LogitsCase c{"flash_tiny", "expected_prefill_300"};
    const std::string first = text_of(c.run({"--numerics", numerics, "--mtp"}));
    ASSERT_GT(first.size(), 300u * 256 * 4);
    const std::vector<std::vector<std::string>> others = {{"--chunk", "1"},
                                                          {"--chunk", "33", "--threads", "3"},
                                                          {"--prefill", "0"},
                                                          {"--prefill", "130", "--chunk", "100000"},
                                                          {"--prefill", "300", "--threads", "1"}};
    for (std::vector<std::string> flags : others) {
      const std::string shown = flags[0] + " " + flags[1];
      flags.insert(flags.end(), {"--numerics", numerics, "--mtp"});
      EXPECT_TRUE(text_of(c.run(flags)) == first) << numerics << ": " << shown << " changed the file";
    }
  }
}

json::value inspect(const fs::path& model) {
  const auto result = run_fathom({"inspect", model, "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return json::parse(result.out);
}

TEST(Inspect, KnowsTheReleasedModelsFromTheirConfigAlone) {
  const json::value flash = inspect(testing::data_file("configs/v4-flash.json"));
  EXPECT_NEAR(flash.at("kv").at("bytes_per_token").to_number<double>(), 3514, 0.5);
  EXPECT_NEAR(flash.at("kv").at("bytes_at_1048576").to_number<double>() / (1 << 30), 3.43, 0.005);
  EXPECT_EQ(flash.at("tensors").at("count"), 69187);
  EXPECT_EQ(flash.at("tensors").at("bytes"), 159609485896);
  EXPECT_NEAR(flash.at("weight_bytes_per_token").at("total").to_number<double>() / 1e9, 11.22, 0.005);
  EXPECT_EQ(flash.at("plan").at("window"), 2);
  EXPECT_EQ(flash.at("plan").at("csa"), 21);
  EXPECT_EQ(flash.at("plan").at("hca"), 20);
  EXPECT_EQ(flash.at("weights_present"), false);

  const json::value pro = inspect(testing::data_file("configs/v4-pro.json"));
  EXPECT_NEAR(pro.at("kv").at("bytes_per_token").to_number<double>(), 5031, 0.5);
  EXPECT_NEAR(pro.at("kv").at("bytes_at_1048576").to_number<double>() / (1 << 30), 4.91, 0.005);
  EXPECT_EQ(pro.at("tensors").at("count"), 145116);
  EXPECT_EQ(pro.at("tensors").at("bytes"), 864704792696);
  EXPECT_NEAR(pro.at("weight_bytes_per_token").at("total").to_number<double>() / 1e9, 39.67, 0.005);
}

TEST(Inspect, SaysItInText) {
  const auto result = run_fathom({"inspect", testing::data_file("configs/v4-flash.json")});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(
      result.out,
      AllOf(HasSubstr("2 window, 21 CSA, 20 HCA"), HasSubstr("3514 bytes; 3.43 GiB at 1,048,576 tokens"),
            HasSubstr("11.22 GB of weights"), HasSubstr("69,187, 159,609,485,896 bytes"), HasSubstr("GB/s")));
}

TEST(Inspect, ChecksTheTensorsOfAFolder) {
  const json::value report = inspect(testing::data_folder("golden/flash_tiny"));
  EXPECT_EQ(report.at("weights_present"), true);
  EXPECT_TRUE(report.at("problem").is_null());
  EXPECT_GT(report.at("machine").at("read_gb_s").to_number<double>(), 0);
  EXPECT_EQ(report.at("machine").at("fits"), true);
}

std::vector<json::value> lines_of(const std::string& text) {
  std::vector<json::value> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

TEST(Tokenize, AndDetokenizeAreInverse) {
  const std::vector<std::string> texts = {"Hello, world!", "  two\n\nlines\t", "Grüße, 世界 👍🏽", "",
                                          "<｜User｜>x</think>"};
  std::string input;
  for (const std::string& text : texts)
    input += json::serialize(json::object{{"text", text}, {"plain", true}}) + "\n";
  const auto tokenized = run_fathom({"tokenize"}, input);
  EXPECT_EQ(tokenized.exit_code, 0) << tokenized.err;
  ASSERT_EQ(lines_of(tokenized.out).size(), texts.size());

  const auto back = run_fathom({"detokenize"}, tokenized.out);
  EXPECT_EQ(back.exit_code, 0) << back.err;
  const auto lines = lines_of(back.out);
  ASSERT_EQ(lines.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::string streamed;
    for (const json::value& piece : lines[i].at("stream").as_array()) streamed += piece.as_string().c_str();
    EXPECT_EQ(streamed + lines[i].at("flush").as_string().c_str(), texts[i]);
  }
}

TEST(Tokenize, MakesControlTokensOnlyOfTemplateText) {
  const auto result = run_fathom(
      {"tokenize"},
      "{\"text\":\"<｜User｜>\"}\n{\"text\":\"<｜User｜>\",\"plain\":true}\n{\"text_b64\":\"//4=\"}\n");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].at("ids").as_array().size(), 1u);
  EXPECT_GT(lines[1].at("ids").as_array().size(), 1u);
  EXPECT_EQ(lines[2].at("ids").as_array().size(), 2u);  // two bytes that are no UTF-8
}

TEST(Synth, MakesAModelWithFiniteLogits) {
  const fs::path model = testing::temporary_folder() / "model";
  const fs::path config = testing::data_folder("golden/flash_tiny") / "config.json";
  const auto synth = run_fathom({"synth", "--shape", config, "--out", model, "--seed", "3"});
  ASSERT_EQ(synth.exit_code, 0) << synth.err;
  EXPECT_EQ(text_of(model / "config.json"), text_of(config));

  std::vector<std::int64_t> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(i * 37 % 256);
  for (const char* numerics : {"exact", "official"}) {
    const fs::path out = testing::temporary_folder() / "out.safetensors";
    const auto result = run_fathom(
        {"logits", model, "--tokens", ids_file(ids), "--out", out, "--numerics", numerics, "--mtp"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const auto written = formats::Checkpoint::open(out);
    ASSERT_TRUE(written);
    for (const char* tensor : {"logits", "mtp_logits"}) {
      double sum = 0, squares = 0;
      const auto values = testing::floats(*written, tensor);
      for (float x : values) {
        ASSERT_TRUE(std::isfinite(x)) << tensor;
        sum += x;
        squares += static_cast<double>(x) * x;
      }
      const double count = static_cast<double>(values.size());
      const double deviation = std::sqrt(squares / count - sum * sum / count / count);
      EXPECT_GT(deviation, 0.5) << tensor;
      EXPECT_LT(deviation, 8) << tensor;
    }
  }
}

TEST(Run, AnswersTheSameForASeed) {
  const std::vector<std::string> arguments = {"run",          "-p", "Tell me a story", "--seed", "5",
                                              "--max-tokens", "30"};
  const auto first = run_fathom(arguments);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_GT(first.out.size(), 10u);
  EXPECT_EQ(first.err, "");  // plain when piped
  EXPECT_EQ(run_fathom(arguments).out, first.out);
  // The prompt may come from stdin, the chunk and threads change nothing, another seed does.
  EXPECT_EQ(run_fathom({"run", "--seed", "5", "--max-tokens", "30", "--chunk", "3", "--threads", "1"},
                       "Tell me a story\n")
                .out,
            first.out);
  EXPECT_NE(run_fathom({"run", "-p", "Tell me a story", "--seed", "6", "--max-tokens", "30"}).out, first.out);
  const auto stats = run_fathom({"run", "-p", "Hi", "--max-tokens", "5", "--stats"});
  EXPECT_THAT(stats.err, HasSubstr("tokens/s"));
}

TEST(Program, SaysItsVersionAndHelps) {
  const auto version = run_fathom({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out,
              AllOf(HasSubstr("fathom "), HasSubstr("instruction set: "), HasSubstr("official")));
  for (const char* verb : {"run", "serve", "inspect", "logits", "tokenize", "detokenize", "prompt", "synth", "bench"}) {
    const auto help = run_fathom({verb, "--help"});
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.out, HasSubstr("Example: ")) << verb;
  }
}

}  // namespace
}  // namespace fathom
