// `fathom prompt` on the cases of fixtures/encoding.json, from its command line to what it prints.
#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "cli/program.h"
#include "testing/test_data.h"
#include "text/json.h"

namespace fathom::cli {
namespace {

using text::Json;

// Standard input and output of this process, for the time of a test.
class Redirected {
 public:
  explicit Redirected(const std::string& input) : in_(input) {
    std::ios::sync_with_stdio(false);  // the verb's own call would undo the redirection
    cin_ = std::cin.rdbuf(in_.rdbuf());
    cout_ = std::cout.rdbuf(out_.rdbuf());
  }
  ~Redirected() {
    std::cin.rdbuf(cin_);
    std::cout.rdbuf(cout_);
    std::cin.clear();
  }
  std::string output() const { return out_.str(); }

 private:
  std::istringstream in_;
  std::ostringstream out_;
  std::streambuf* cin_;
  std::streambuf* cout_;
};

std::vector<Json> prompt(const std::string& input, const char* table) {
  const Redirected redirected(input);
  const char* arguments[] = {"fathom", "prompt", "--effort-table", table};
  EXPECT_EQ(run_program(4, arguments), kExitDone);
  std::vector<Json> answers;
  std::istringstream lines(redirected.output());
  for (std::string line; std::getline(lines, line);) answers.push_back(text::parse_json(line).value());
  return answers;
}

TEST(Prompt, AnswersAllFixtures) {
  std::ifstream file(testing::data_file("fixtures/encoding.json"));
  const Json fixtures = text::parse_json(std::string(std::istreambuf_iterator<char>(file), {})).value();
  const std::vector<Json>& cases = fixtures.find("cases")->items;
  ASSERT_GE(cases.size(), 272u);
  std::string input;
  for (const Json& one : cases) input += to_python_json(one) + "\n";
  const std::vector<Json> answers = prompt(input, "0731");
  ASSERT_EQ(answers.size(), cases.size());

  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(cases[i].find("id")->text);
    const Json* expected = cases[i].find("expected");
    if (!expected) expected = cases[i].find("expected_drop_thinking");
    if (expected) {
      ASSERT_TRUE(answers[i].find("expected")) << to_python_json(answers[i]);
      EXPECT_EQ(to_python_json(*answers[i].find("expected")), to_python_json(*expected));
      for (const auto key : {"thinking", "effort"}) {
        if (const Json* value = cases[i].find(key)) {
          ASSERT_TRUE(answers[i].find(key)) << key;
          EXPECT_EQ(to_python_json(*answers[i].find(key)), to_python_json(*value)) << key;
        }
      }
    } else if (cases[i].find("server_must")) {
      // The reference raises; an answer of the model must come out in some form, without markup.
      ASSERT_TRUE(answers[i].find("expected"));
      EXPECT_EQ(answers[i].find("expected")->find("content")->text.find("｜"), std::string::npos);
    } else {
      ASSERT_TRUE(answers[i].find("error")) << to_python_json(answers[i]);
      EXPECT_EQ(answers[i].find("error")->find("http")->text, "400");
      if (const Json* message = cases[i].find("expected_error_message")) {
        EXPECT_EQ(answers[i].find("error")->find("message")->text, message->text);
      }
    }
  }
}

TEST(Prompt, TellsWhatIsNoJson) {
  const auto answers = prompt("{\n\n[]\n", "0423");
  ASSERT_EQ(answers.size(), 2u);
  for (const Json& answer : answers) EXPECT_TRUE(answer.find("error"));
}

}  // namespace
}  // namespace fathom::cli
