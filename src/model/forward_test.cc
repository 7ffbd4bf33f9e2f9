// What a pass refuses; what it computes is in golden_test.cc and one_answer_test.cc.
#include "model/forward.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/test_data.h"

namespace fathom::model {
namespace {

using ::testing::HasSubstr;

class ForwardRefuses : public ::testing::Test {
 protected:
  std::string message(const Status& status) const {
    EXPECT_FALSE(status);
    return status ? "" : status.error().message;
  }
  std::unique_ptr<const Model> model = *Model::load(testing::data_folder("golden/bf16_tiny"), {});
  os::ThreadPool pool{1};
  Forward forward{*model, pool};
  Sequence sequence{model->kv};
};

TEST_F(ForwardRefuses, TokenIdsOutsideTheVocabulary) {
  for (std::int32_t id : {-1, 128, 1 << 30}) {
    const std::int32_t ids[] = {1, id};
    const Segment segment{&sequence, ids, LogitRows::last};
    EXPECT_THAT(message(forward.run({&segment, 1})), HasSubstr("outside the model's vocabulary of 128 (0 to 127)"));
    EXPECT_EQ(sequence.length(), 0);
  }
}

TEST_F(ForwardRefuses, MoreTokensThanTheContext) {
  const std::vector<std::int32_t> ids(4, 1);
  sequence.advance(model->config.max_positions - 3);
  const Segment segment{&sequence, ids, LogitRows::last};
  EXPECT_THAT(message(forward.run({&segment, 1})), HasSubstr("longer than the model's context of 1048576"));
}

TEST_F(ForwardRefuses, MoreTokensThanOnePassTakes) {
  const std::vector<std::int32_t> ids(Forward::kMaxTokens + 1, 1);
  const Segment segment{&sequence, ids, LogitRows::last};
  EXPECT_THAT(message(forward.run({&segment, 1})), HasSubstr("split the prompt into chunks"));
}

TEST_F(ForwardRefuses, OneSequenceTwiceInAPass) {
  const std::int32_t ids[] = {1};
  const Segment segments[] = {{&sequence, ids, LogitRows::last}, {&sequence, ids, LogitRows::last}};
  EXPECT_THAT(message(forward.run(segments)), HasSubstr("two segments"));
}

TEST_F(ForwardRefuses, NothingWhenThereIsNothingToDo) {
  const Segment segment{&sequence, {}, LogitRows::all};
  EXPECT_TRUE(forward.run({&segment, 1}));
  EXPECT_TRUE(forward.logits().empty());
  EXPECT_TRUE(forward.run({}));
}

TEST_F(ForwardRefuses, DraftsWithoutAnMtpLayer) {
  const auto without = Model::load(testing::data_folder("golden/variant_three_streams"), {.numerics = Numerics::exact});
  ASSERT_TRUE(without) << without.error().message;
  Forward pass(**without, pool);
  Sequence other((*without)->kv);
  std::vector<float> logits;
  EXPECT_THAT(message(pass.run_mtp(other, 0, {}, {}, logits)), HasSubstr("no MTP layer"));
}

}  // namespace
}  // namespace fathom::model
