#include "train/data/synthetic.h"

namespace fathom::train {

Conversation make_synthetic(Random& random) {
  struct Kind {
    Conversation (*make)(Random&);
    int share;
  };
  static constexpr Kind kKinds[] = {
      {make_fact, 14},      {make_sum, 20},       {make_word_problem, 10},
      {make_word_task, 12}, {make_small_talk, 6}, {make_topic, 14},
      {make_recital, 22},   {make_memory, 8},     {make_logic, 10},
      {make_tool_use, 22},  {make_story, 10},     {[](Random& r) { return make_needles(r, {}); }, 10},
  };
  int all = 0;
  for (const Kind& kind : kKinds) all += kind.share;
  int left = random.below(all);
  for (const Kind& kind : kKinds) {
    if (left < kind.share) return kind.make(random);
    left -= kind.share;
  }
  return make_fact(random);
}

}  // namespace fathom::train
