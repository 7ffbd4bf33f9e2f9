// `fathom eval` end to end, on the embedded model (whose weights may be random: only the form of the figures
// is tested).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <iterator>

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

fs::path file_with(const std::string& text) {
  const fs::path file = testing::temporary_folder() / "file";
  std::ofstream(file, std::ios::binary) << text;
  return file;
}

constexpr const char* kTwoTasks = R"({"groups": [
    {"name": "sums", "about": "one of them", "cases": [{"ask": "What is 1 + 1?", "number": 2}]},
    {"name": "talk", "cases": [{"ask": "Hello"}]}]})";

TEST(Eval, MeasuresAllThatIsAskedFor) {
  const fs::path folder = testing::temporary_folder();
  const auto result = run_fathom({"eval", "--tasks", "--task-file", file_with(kTwoTasks), "--answer-tokens",
                                  "4", "--needle", "--lengths", "400,600", "--depths", "0,100", "--questions",
                                  "1", "--perplexity", file_with("A text of some words, to be foretold."),
                                  "--json", folder / "eval.json", "--svg", folder / "eval.svg"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("> Hello"), HasSubstr("sums"), HasSubstr("needles: 1 texts of each length"),
                    HasSubstr("perplexity of file")));
  const json::value eval = json::parse(text_of(folder / "eval.json"));
  EXPECT_EQ(eval.at("interrupted"), false);
  EXPECT_EQ(eval.at("numerics"), "official");
  EXPECT_EQ(eval.at("tasks").at("groups").at(0).at("passed").at("n"), 1);
  EXPECT_EQ(eval.at("tasks").at("cases").as_array().size(), 2u);
  EXPECT_EQ(eval.at("needles").at("lengths").as_array().size(), 2u);
  EXPECT_EQ(eval.at("needles").at("cells").as_array().size(), 4u);
  EXPECT_LE(eval.at("needles").at("lengths").at(1).at("tokens").as_int64(), 600);
  EXPECT_GE(eval.at("needles").at("lengths").at(1).at("tokens").as_int64(), 594);
  EXPECT_EQ(eval.at("perplexity").at(0).at("all").at("bytes"), 37);
  EXPECT_THAT(text_of(folder / "eval.svg"),
              AllOf(HasSubstr("<svg"), HasSubstr("Needles found"), HasSubstr("Tasks:"),
                    HasSubstr("Bits per byte"), HasSubstr("</svg>")));
}

TEST(Eval, GivesTheSameFiguresAgain) {
  const auto answers = [](const char* threads) {
    const fs::path out = testing::temporary_folder() / "eval.json";
    const auto result = run_fathom({"eval", "--needle", "--lengths", "400", "--questions", "1", "--seed", "5",
                                    "--threads", threads, "--json", out});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(text_of(out)).at("needles").at("questions");
  };
  EXPECT_EQ(answers("1"), answers("2"));
}

struct Refusal {
  std::vector<std::string> arguments;
  int exit_code;
  std::string says;
};

TEST(Eval, RefusesWhatCannotBeBeforeItBegins) {
  const std::string text = file_with("Some text."), empty = file_with(""),
                    tasks = file_with("{\"groups\": 5}");
  const std::vector<Refusal> refusals = {
      {{"--needle", "--lengths", "2000000"}, 1, "2000000 is more than the model's context of 1048576"},
      {{"--needle", "--lengths", "0"}, 2, "--lengths"},
      {{"--needle", "--lengths", "100"}, 1, "too short"},
      {{"--needle", "--depths", "101"}, 2, "--depths"},
      {{"--needle", "--questions", "0"}, 2, "--questions"},
      {{"--needle", "--filler", "/nowhere.txt"}, 1, "/nowhere.txt"},
      {{"--needle", "--filler", empty}, 1, "no sentence"},
      {{"--perplexity", "/nowhere.txt"}, 1, "/nowhere.txt"},
      {{"--perplexity", empty}, 1, "is empty"},
      {{"--perplexity", text, "--context", "2000000"}, 1, "--context 2000000"},
      {{"--perplexity", text, "--json", "/nowhere/out.json"}, 1, "/nowhere"},
      {{"--tasks", "--task-file", tasks}, 1, "groups"},
      {{"--tasks", "--temperature", "-1"}, 2, "--temperature"},
      {{"--neelde"}, 2, "did you mean --needle"},
      {{"/nowhere", "--tasks"}, 1, "/nowhere"},
  };
  for (const Refusal& refusal : refusals) {
    std::vector<std::string> arguments = {"eval"};
    arguments.insert(arguments.end(), refusal.arguments.begin(), refusal.arguments.end());
    const auto result = run_fathom(arguments);
    EXPECT_EQ(result.exit_code, refusal.exit_code) << refusal.says;
    EXPECT_THAT(result.err, HasSubstr(refusal.says));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

}  // namespace
}  // namespace fathom
