// Short stories of one plot, told or asked about.
#include <fmt/format.h>

#include "train/data/synthetic.h"
#include "train/data/word_lists.h"

namespace fathom::train {
namespace {

using fmt::format;
using Text = std::string;

struct Story {
  Text finder, owner, place, thing, animal, color, text;
};

Story tell(Random& random) {
  const std::vector<Text> people = random.sample(kNames, 2);
  Story s{people[0],
          people[1],
          random.pick(kPlaces),
          random.pick(kThings),
          random.pick(members("animals")),
          random.pick(members("colors")),
          ""};
  const Text weather = random.pick({"sunny", "rainy", "windy", "cold", "warm"});
  const Text feeling = random.pick({"happy", "proud", "surprised", "glad"}),
             drink = random.pick(members("drinks"));
  const std::vector<std::vector<Text>> plot = {
      {format("One {} day, {} went to the {}.", weather, s.finder, s.place),
       format("Once upon a time, a child named {} went to the {}.", s.finder, s.place),
       format("{} woke up early on a {} morning and walked to the {}.", s.finder, weather, s.place)},
      {format("There {} found a {} {}.", s.finder, s.color, s.thing),
       format("On the way, {} saw a {} {} on the ground.", s.finder, s.color, s.thing)},
      {format("\"Whose {} is this?\" {} asked.", s.thing, s.finder),
       format("\"What a nice {}!\" said {}.", s.thing, s.finder),
       format("{} looked at it for a long time.", s.finder)},
      {format("Then {} came with a small {}.", s.owner, s.animal),
       format("A {} ran past, and {} ran after it.", s.animal, s.owner),
       format("{} was there too, with a {}.", s.owner, s.animal)},
      {format("\"That is my {}!\" said {}. \"I lost it yesterday.\"", s.thing, s.owner),
       format("{} said, \"I was looking for my {} all day.\"", s.owner, s.thing)},
      {format("{} gave the {} back to {}.", s.finder, s.thing, s.owner),
       format("So {} handed the {} to {}.", s.finder, s.thing, s.owner)},
      {format("{} was very {} and said thank you.", s.owner, feeling),
       format("\"Thank you!\" said {}, and they both felt {}.", s.owner, feeling)},
      {"They played together until the sun went down.",
       format("After that, {} and {} were good friends.", s.finder, s.owner),
       format("They went home and had some {} together.", drink)}};
  for (const auto& sentences : plot) s.text += (s.text.empty() ? "" : " ") + random.pick(sentences);
  return s;
}

}  // namespace

Conversation make_story(Random& random) {
  const Story s = tell(random);
  if (random.chance(0.4))
    return question_and_answer(random.pick({Text("Tell me a short story."), Text("Write a little story."),
                                            format("Tell me a story about {} and {}.", s.finder, s.owner),
                                            format("Write a story with a {} and a {}.", s.thing, s.animal)}),
                               s.text);
  const std::vector<Pair> questions = {
      {format("Who found the {}?", s.thing), format("{} found the {}.", s.finder, s.thing)},
      {format("Whose {} was it?", s.thing), format("It was {}'s {}.", s.owner, s.thing)},
      {format("What color was the {}?", s.thing), format("The {} was {}.", s.thing, s.color)},
      {format("Where did {} go?", s.finder), format("{} went to the {}.", s.finder, s.place)},
      {"Which animal is in the story?", format("A {}.", s.animal)}};
  const Pair& asked = random.pick(questions);
  std::optional<Text> reasoning;
  if (random.chance(0.3)) reasoning = "In the story: " + asked[1];
  return question_and_answer(
      "Read this story and answer the question.\n\n" + s.text + "\n\nQuestion: " + asked[0], asked[1],
      reasoning);
}

}  // namespace fathom::train
