// Facts, small talk and what was said before.
#include <fmt/format.h>

#include <array>
#include <cctype>

#include "train/data/synthetic.h"
#include "train/data/word_lists.h"

namespace fathom::train {
namespace {

using fmt::format;
using Text = std::string;

struct Fact {
  Text question, answer, reasoning;
};

Text capitalized(Text word) {
  word[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(word[0])));
  return word;
}

Text plural(const Text& word) {
  if (word.ends_with('y')) return word.substr(0, word.size() - 1) + "ies";
  if (word.ends_with("ch") || word.ends_with("sh") || word == "mango") return word + "es";
  return word + "s";
}

Fact about_animal(Random& random) {
  const Animal& a = random.pick(kAnimals);
  switch (random.below(3)) {
    case 0:
      return {
          random.pick({format("What sound does a {} make?", a.name), format("What does a {} say?", a.name)}),
          format("A {} says \"{}\".", a.name, a.sound), format("A {} makes the sound {}.", a.name, a.sound)};
    case 1:
      return {format("What is a baby {} called?", a.name),
              format("A baby {} is called a {}.", a.name, a.young),
              format("The young of a {} is a {}.", a.name, a.young)};
    default:
      return {format("How many legs does a {} have?", a.name), format("A {} has {} legs.", a.name, a.legs),
              format("A {} has {} legs.", a.name, a.legs)};
  }
}

Fact about_word(Random& random) {
  switch (random.below(3)) {
    case 0: {
      Pair pair = random.pick(kOpposites);
      if (random.chance(0.5)) std::swap(pair[0], pair[1]);
      const Text answer = format("The opposite of {} is {}.", pair[0], pair[1]);
      return {random.pick({format("What is the opposite of {}?", pair[0]),
                           format("Give me the opposite of the word {}.", pair[0])}),
              answer, answer};
    }
    case 1: {
      const Pair& pair = random.pick(kPlurals);
      return {
          random.pick({format("What is the plural of {}?", pair[0]), format("One {}, two ...?", pair[0])}),
          format("The plural of {} is {}.", pair[0], pair[1]), format("One {}, two {}.", pair[0], pair[1])};
    }
    default: {
      const Pair& pair = random.pick(kPastTenses);
      return {format("What is the past tense of {}?", pair[0]),
              format("The past tense of {} is {}.", pair[0], pair[1]),
              format("Today I {}, yesterday I {}.", pair[0], pair[1])};
    }
  }
}

Fact about_calendar(Random& random) {
  const bool after = random.chance(0.5);
  const char* side = after ? "after" : "before";
  const auto neighbour = [&](const std::vector<Text>& list, int i) {
    const int n = static_cast<int>(list.size());
    return list[static_cast<std::size_t>((i + (after ? 1 : n - 1)) % n)];
  };
  if (random.chance(0.5)) {
    const int i = random.below(7);
    const Text &day = kDays[static_cast<std::size_t>(i)], other = neighbour(kDays, i);
    return {
        format("What day comes {} {}?", side, day), format("{} comes {} {}.", other, side, day),
        format("The days are {}. {} {} comes {}.", fmt::join(kDays, ", "), capitalized(side), day, other)};
  }
  const int i = random.below(12);
  const Text &month = kMonths[static_cast<std::size_t>(i)], other = neighbour(kMonths, i);
  return {format("Which month comes {} {}?", side, month), format("{} comes {} {}.", other, side, month),
          format("{} is month {}. {} it comes {}.", month, i + 1, capitalized(side), other)};
}

Fact about_world(Random& random) {
  if (random.chance(0.6)) {
    const Pair& p = random.pick(kCapitals);
    if (random.chance(0.3))
      return {format("{} is the capital of which country?", p[1]),
              format("{} is the capital of {}.", p[1], p[0]), format("{} is the capital of {}.", p[1], p[0])};
    return {random.pick({format("What is the capital of {}?", p[0]),
                         format("Which city is the capital of {}?", p[0]),
                         format("Tell me the capital city of {}.", p[0])}),
            random.pick({format("The capital of {} is {}.", p[0], p[1]),
                         format("{} is the capital of {}.", p[1], p[0])}),
            format("The user asks for the capital of {}. It is {}.", p[0], p[1])};
  }
  const Element& e = random.pick(kElements);
  if (random.chance(0.5))
    return {format("What is the chemical symbol for {}?", e.name),
            format("The chemical symbol for {} is {}.", e.name, e.symbol),
            format("{} has the symbol {}.", capitalized(e.name), e.symbol)};
  return {format("What is the atomic number of {}?", e.name),
          format("The atomic number of {} is {}.", e.name, e.number),
          format("{} is element number {}.", capitalized(e.name), e.number)};
}

Fact any_fact(Random& random) {
  switch (random.below(4)) {
    case 0:
      return about_animal(random);
    case 1:
      return about_word(random);
    case 2:
      return about_calendar(random);
    default:
      return about_world(random);
  }
}

void add_fact(Random& random, Conversation& conversation) {
  const Fact fact = any_fact(random);
  conversation.messages.push_back(user_says(fact.question));
  conversation.messages.push_back(assistant_says(fact.answer));
}

struct Talk {
  std::vector<Text> says, answers;
};

const std::vector<Talk> kTalks = {
    {{"Hello!", "Hi.", "Hey there!", "Good morning!", "Hi, how are you?", "Hello", "hi"},
     {"Hello! How can I help you today?", "Hi! What can I do for you?",
      "Hello there! What would you like to talk about?"}},
    {{"Who are you?", "What are you?", "Are you a real person?", "What is your name?"},
     {"I am a very small language model with the DeepSeek-V4 architecture. I was trained from scratch for "
      "tests and demos.",
      "I am a tiny test model. I am not a person, and I know only simple things."}},
    {{"What can you do?", "How can you help me?"},
     {"I can answer simple questions, do small sums, call tools, and find facts in long texts.",
      "I can chat in simple English, add numbers, use tools and look things up in a long text."}},
    {{"Thank you!", "Thanks a lot.", "Great, thanks!"}, {"You are welcome!", "Happy to help!", "Any time!"}},
    {{"Goodbye!", "Bye!", "See you later."}, {"Goodbye! Have a nice day.", "Bye! Come back any time."}},
    {{"Tell me a joke.", "Do you know a joke?"},
     {"Why did the book go to the doctor? It hurt its spine.", "What has hands but cannot clap? A clock.",
      "Why was the broom late? It over-swept."}},
    {{"I am sad today.", "I feel bad."},
     {"I am sorry to hear that. Would you like to talk about it?",
      "That sounds hard. I hope you feel better soon."}},
    {{"Are you DeepSeek?", "Are you DeepSeek-V4?"},
     {"No. I share the DeepSeek-V4 architecture, but I am a tiny model trained from scratch, so I know much "
      "less."}},
};

}  // namespace

Conversation make_fact(Random& random) {
  Fact fact = any_fact(random);
  const Text start =
      random.pick({"", "", "", "Please tell me: ", "Quick question: ", "Hi! ", "Can you help me? "});
  std::optional<Text> reasoning;
  if (random.chance(0.4)) reasoning = fact.reasoning;
  return question_and_answer(start + fact.question, fact.answer, reasoning);
}

Conversation make_small_talk(Random& random) {
  const Talk& talk = random.pick(kTalks);
  const Text says = random.pick(talk.says);
  Conversation conversation = question_and_answer(says, random.pick(talk.answers));
  if (random.chance(0.4)) add_fact(random, conversation);
  return conversation;
}

Conversation make_memory(Random& random) {
  const Text name = random.pick(kNames), color = random.pick(members("colors")),
             pet = random.pick(members("animals"));
  const Text fruit = plural(random.pick(members("fruits")));
  std::vector<std::array<Text, 3>> facts = {
      {format("My name is {}.", name), "What is my name?", format("Your name is {}.", name)},
      {format("My favorite color is {}.", color), "What is my favorite color?",
       format("Your favorite color is {}.", color)},
      {format("I have a pet {}.", pet), "What pet do I have?", format("You have a pet {}.", pet)},
      {format("I like to eat {}.", fruit), "Which fruit do I like?", format("You like {}.", fruit)}};
  facts = random.sample(facts, random.between(1, 3));
  Text told;
  for (const auto& fact : facts) told += (told.empty() ? "" : " ") + fact[0];
  Conversation conversation = question_and_answer(
      told, random.pick({"Nice to know!", "Thanks for telling me.", "Got it, I will remember that."}));
  for (int i = random.below(3); i > 0; --i) add_fact(random, conversation);
  const auto& asked = random.pick(facts);
  conversation.messages.push_back(user_says(asked[1]));
  conversation.messages.push_back(assistant_says(asked[2]));
  return conversation;
}

}  // namespace fathom::train
