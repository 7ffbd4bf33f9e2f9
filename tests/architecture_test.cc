// Reads every source file and fails on one that breaks a rule of the house (architecture_rules.h).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "architecture_rules.h"

namespace fathom::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::vector<SourceFile> source_files() {
  const std::filesystem::path root = FATHOM_SOURCE_FOLDER;
  std::vector<SourceFile> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "src")) {
    const auto extension = entry.path().extension();
    if (extension != ".cc" && extension != ".h") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    files.push_back({entry.path().lexically_relative(root).generic_string(),
                     std::string(std::istreambuf_iterator<char>(in), {})});
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

std::vector<std::string> breaches_in(const std::string& path, const std::string& text) {
  return breaches({{path, text}});
}

TEST(Architecture, SourcesKeepTheRules) {
  const std::vector<SourceFile> files = source_files();
  ASSERT_GT(files.size(), 20u);
  const std::vector<std::string> found = breaches(files);
  std::string all;
  for (const std::string& breach : found) all += breach + "\n";
  EXPECT_TRUE(found.empty()) << all;
}

// --- the rules themselves, on planted breaches ---

TEST(ArchitectureRules, IncludesMayGoDownAndStayInTheRoom) {
  EXPECT_THAT(breaches_in("src/model/a.cc",
                          "#include \"model/a.h\"\n#include \"base/result.h\"\n#include <vector>\n"),
              IsEmpty());
  EXPECT_THAT(breaches_in("src/cli/main/main.cc", "#include \"server/server.h\"\n"), IsEmpty());
}

TEST(ArchitectureRules, IncludesMayNotGoUp) {
  EXPECT_THAT(breaches_in("src/model/a.cc", "// model\n#  include  \"engine/sampler.h\"\n"),
              ElementsAre(AllOf(StartsWith("src/model/a.cc:2: "), HasSubstr("engine/ stands above model/"))));
  EXPECT_THAT(breaches_in("src/base/a.h", "#include \"os/file.h\"\n").size(), 1u);
}

TEST(ArchitectureRules, TextKnowsNoModel) {
  EXPECT_THAT(breaches_in("src/text/a.h", "#include \"model/config.h\"\n"),
              ElementsAre(HasSubstr("text/ knows no model")));
  EXPECT_THAT(breaches_in("src/text/a.h", "#include \"formats/number.h\"\n"), IsEmpty());
}

TEST(ArchitectureRules, IncludesNameARoom) {
  EXPECT_THAT(breaches_in("src/os/a.cc", "#include \"file.h\"\n"), ElementsAre(HasSubstr("names no room")));
  EXPECT_THAT(breaches_in("src/os/a.cc", "#include \"../base/result.h\"\n"),
              ElementsAre(HasSubstr("names no room")));
}

TEST(ArchitectureRules, OnlyTestsIncludeTestSupport) {
  EXPECT_THAT(breaches_in("src/os/a_test.cc", "#include \"testing/test_data.h\"\n"), IsEmpty());
  EXPECT_THAT(breaches_in("src/os/a.cc", "#include \"testing/test_data.h\"\n").size(), 1u);
}

TEST(ArchitectureRules, InstructionSetsAreTheBusinessOfKernels) {
  EXPECT_THAT(breaches_in("src/model/a.cc", "#include \"kernels/avx2/linear.h\"\n"),
              ElementsAre(HasSubstr("kernels/kernels.h")));
  EXPECT_THAT(breaches_in("src/kernels/kernels.cc", "#include \"kernels/avx2/linear.h\"\n"), IsEmpty());
}

TEST(ArchitectureRules, FilesOfAnInstructionSetIncludeOnlyKernels) {
  EXPECT_THAT(breaches_in("src/kernels/avx512/a.cc", "#include \"formats/number.h\"\n"),
              ElementsAre(HasSubstr("compiled for avx512")));
  EXPECT_THAT(breaches_in("src/kernels/avx512/a.cc", "#include \"kernels/linear.h\"\n"), IsEmpty());
  EXPECT_THAT(breaches_in("src/kernels/scalar/a.cc", "#include \"formats/number.h\"\n"), IsEmpty());
}

TEST(ArchitectureRules, FilesStandInARoom) {
  EXPECT_THAT(breaches_in("src/utils/a.cc", ""), ElementsAre(HasSubstr("stands in no room")));
  EXPECT_THAT(breaches_in("src/a.cc", ""), ElementsAre(HasSubstr("stands in no room")));
}

TEST(ArchitectureRules, NothingEndsTheProgramOrThrows) {
  for (const char* line : {"throw 1;", "std::abort();", "  exit (2);", "assert(x);", "std::terminate();"}) {
    EXPECT_THAT(breaches_in("src/model/a.cc", std::string("int a;\n") + line + "\n"),
                ElementsAre(StartsWith("src/model/a.cc:2: uses ")))
        << line;
    EXPECT_THAT(breaches_in("src/cli/main/main.cc", line), IsEmpty());
    EXPECT_THAT(breaches_in("src/model/a_test.cc", line), IsEmpty());
  }
}

TEST(ArchitectureRules, WordsInCommentsAndStringsDoNotCount) {
  for (const char* line :
       {"// may throw", "/* exit(1)\n abort() */", "auto s = \"throw \\\" abort()\";",
        "auto r = R\"x(throw )\" exit(1))x\";", "static_assert(sizeof(int) == 4);",
        "int on_exit(); int rethrow = 10'000; char c = '\"';", "#include <cassert>",
        "throw std::bad_alloc();", "throw CLI::ValidationError(a);", "app.exit(e); app->exit(e);"}) {
    EXPECT_THAT(breaches_in("src/model/a.cc", line), IsEmpty()) << line;
  }
  EXPECT_THAT(breaches_in("src/model/a.cc", "char c = '\"'; throw c; // \"").size(), 1u);
}

TEST(ArchitectureRules, FilesStayShort) {
  std::string lines;
  for (int i = 0; i < 700; ++i) lines += "int a;\n";
  EXPECT_THAT(breaches_in("src/model/a.cc", lines), IsEmpty());
  EXPECT_THAT(breaches_in("src/model/a.cc", lines + "int b;\n"), ElementsAre(HasSubstr("701 lines")));
}

TEST(ArchitectureRules, CodeOnlyKeepsLinesInPlace) {
  EXPECT_EQ(code_only("a; // b\n\"c\" d\n/*\n*/e"), "a;     \n    d\n  \n  e");
}

}  // namespace
}  // namespace fathom::testing
