#include "cli/suggestion.h"

#include <gtest/gtest.h>

namespace fathom::cli {
namespace {

TEST(EditDistance, CountsSingleEditsAndSwaps) {
  EXPECT_EQ(edit_distance("", ""), 0);
  EXPECT_EQ(edit_distance("run", "run"), 0);
  EXPECT_EQ(edit_distance("", "run"), 3);
  EXPECT_EQ(edit_distance("rnu", "run"), 1);
  EXPECT_EQ(edit_distance("logit", "logits"), 1);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
}

TEST(DidYouMean, NamesTheNearestOrNothing) {
  const std::vector<std::string> verbs = {"run", "inspect", "logits", "tokenize", "detokenize", "synth"};
  EXPECT_EQ(did_you_mean("rnu", verbs), ": did you mean run?");
  EXPECT_EQ(did_you_mean("tokenise", verbs), ": did you mean tokenize?");
  EXPECT_EQ(did_you_mean("insp", verbs), ": did you mean inspect?");
  EXPECT_EQ(did_you_mean("zebra", verbs), "");
  EXPECT_EQ(did_you_mean("--max-token", {"--max-tokens", "--temp"}), ": did you mean --max-tokens?");
}

}  // namespace
}  // namespace fathom::cli
