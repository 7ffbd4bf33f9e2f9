// Tasks about words and lists, and small logic.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "train/data/synthetic.h"
#include "train/data/word_lists.h"

namespace fathom::train {
namespace {

using fmt::format;
using Text = std::string;
using Texts = std::vector<Text>;

struct Task {
  Text question, answer, reasoning;
};

Text upper(Text word) {
  for (char& c : word) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return word;
}

Text capitalized(Text word) {
  return upper(word.substr(0, 1)) + word.substr(1);
}

Text list_of(const Texts& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

Text listed(const Texts& words) {
  if (words.size() == 1) return words[0];
  return list_of(Texts(words.begin(), words.end() - 1)) + " and " + words.back();
}

Texts letters_of(const Text& word) {
  Texts letters;
  for (char c : word) letters.emplace_back(1, c);
  return letters;
}

Task about_letters(Random& random) {
  const Text& word = random.pick(all_words());
  const Texts letters = letters_of(word);
  switch (random.below(5)) {
    case 0:
      return {random.pick({format("Spell the word {}.", word), format("How do you spell {}?", word)}),
              format("{}", fmt::join(letters_of(upper(word)), "-")),
              format("The letters of {} are {}.", word, list_of(letters))};
    case 1: {
      const Text reversed(word.rbegin(), word.rend());
      return {random.pick({format("Write {} backwards.", word), format("Reverse the word {}.", word)}),
              reversed,
              format("The letters are {}. Backwards: {}.", fmt::join(letters, " "),
                     fmt::join(letters_of(reversed), " "))};
    }
    case 2: {
      Texts counted;
      for (std::size_t i = 0; i < letters.size(); ++i) counted.push_back(format("{} {}", letters[i], i + 1));
      return {random.pick({format("How many letters are in the word {}?", word),
                           format("Count the letters in {}.", word)}),
              format("The word {} has {} letters.", word, letters.size()),
              format("{}. That is {} letters.", list_of(counted), letters.size())};
    }
    case 3:
      return {format("Write {} in capital letters.", word), upper(word),
              format("{} in capitals is {}.", word, upper(word))};
    default: {
      const Text letter = random.pick(letters);
      const auto count = std::count(letters.begin(), letters.end(), letter);
      Texts marked;
      for (const Text& l : letters) marked.push_back(l + (l == letter ? " yes" : " no"));
      return {format("How many times does the letter {} appear in {}?", letter, word),
              format("The letter {} appears {} time{} in {}.", letter, count, count == 1 ? "" : "s", word),
              format("{}. Count: {}.", list_of(marked), count)};
    }
  }
}

Task about_list(Random& random) {
  static const Texts kOrdinals = {"first", "second", "third", "fourth", "fifth", "sixth", "seventh"};
  const Texts words = random.sample(all_words(), random.between(3, 6));
  if (random.chance(0.5)) {
    Texts sorted = words;
    std::sort(sorted.begin(), sorted.end());
    return {format("Sort these words in alphabetical order: {}.", list_of(words)), list_of(sorted),
            format("Sorted by first letters: {}.", list_of(sorted))};
  }
  const std::size_t i = static_cast<std::size_t>(random.below(static_cast<int>(words.size())));
  Texts numbered;
  for (std::size_t j = 0; j < words.size(); ++j) numbered.push_back(format("{}: {}", j + 1, words[j]));
  return {format("What is the {} word in this list: {}?", kOrdinals[i], list_of(words)),
          format("The {} word is {}.", kOrdinals[i], words[i]),
          format("{}. The {} is {}.", fmt::join(numbered, "; "), kOrdinals[i], words[i])};
}

Task about_category(Random& random) {
  const Category& category = random.pick(kCategories);
  if (random.chance(0.5)) {
    const int n = random.between(2, 5);
    const Texts words = random.sample(category.members, n);
    Text answer = capitalized(listed(words)) + ".";
    if (random.chance(0.6)) {
      answer.clear();
      for (std::size_t i = 0; i < words.size(); ++i)
        answer += format("{}{}. {}", i ? "\n" : "", i + 1, capitalized(words[i]));
    }
    return {random.pick({format("Name {} {}.", n, category.name),
                         format("Give me a list of {} {}.", n, category.name),
                         format("Can you list {} {}?", n, category.name)}),
            answer, format("I need {} {}: {}.", n, category.name, list_of(words))};
  }
  const Category* other = &random.pick(kCategories);
  while (other == &category) other = &random.pick(kCategories);
  const auto& mine = category.members;
  Text odd = random.pick(other->members);
  while (std::find(mine.begin(), mine.end(), odd) != mine.end()) odd = random.pick(other->members);
  const Texts same = random.sample(mine, 3);
  Texts words = same;
  words.push_back(odd);
  random.shuffle(words);
  return {format("Which one does not belong: {}?", list_of(words)),
          format("{} does not belong. The others are {}.", capitalized(odd), category.name),
          format("{} are {}, but {} belongs to {}.", listed(same), category.name, odd, other->name)};
}

Conversation make_ordering(Random& random) {
  const Texts people = random.sample(kNames, 3);
  struct Scale {
    const char *more, *most, *least;
  };
  static const std::vector<Scale> kScales = {
      {"taller", "tallest", "shortest"}, {"older", "oldest", "youngest"}, {"faster", "fastest", "slowest"}};
  const Scale scale = random.pick(kScales);
  Texts said = {format("{} is {} than {}.", people[0], scale.more, people[1]),
                format("{} is {} than {}.", people[1], scale.more, people[2])};
  random.shuffle(said);
  const bool top = random.chance(0.5);
  const Text &answer = top ? people[0] : people[2], which = top ? scale.most : scale.least;
  return question_and_answer(format("{} {} Who is the {}?", said[0], said[1], which),
                             format("{} is the {}.", answer, which),
                             format("{0} > {1} and {1} > {2}, so the order is {0}, {1}, {2}. The {3} is {4}.",
                                    people[0], people[1], people[2], which, answer));
}

Conversation make_whereabouts(Random& random) {
  const Texts people = random.sample(kNames, random.between(2, 3));
  std::map<Text, Text> place_of, holder_of;
  Texts events;
  for (int i = random.between(3, 7); i > 0; --i) {
    const Text& person = random.pick(people);
    if (place_of.contains(person) && random.chance(0.35)) {
      const Text& thing = random.pick(kThings);
      if (holder_of.contains(thing)) continue;
      holder_of[thing] = person;
      events.push_back(format("{} picked up the {}.", person, thing));
    } else {
      const Text& place = random.pick(kPlaces);
      place_of[person] = place;
      events.push_back(format("{} went to the {}.", person, place));
    }
  }
  const Text story = format("{}", fmt::join(events, " "));
  if (!holder_of.empty() && random.chance(0.5)) {
    const auto& [thing, person] = random.pick(holder_of);
    const Text& place = place_of[person];
    return question_and_answer(
        format("{} Where is the {}?", story, thing), format("The {} is in the {}.", thing, place),
        format("{0} has the {1}. {0} last went to the {2}. So the {1} is in the {2}.", person, thing, place));
  }
  const Text person = random.pick(place_of).first;
  return question_and_answer(format("{} Where is {}?", story, person),
                             format("{} is in the {}.", person, place_of[person]),
                             format("The last place {} went to is the {}.", person, place_of[person]));
}

}  // namespace

Conversation make_word_task(Random& random) {
  const int kind = random.below(9);
  const Task task = kind < 5 ? about_letters(random) : kind < 7 ? about_list(random) : about_category(random);
  std::optional<Text> reasoning;
  if (random.chance(0.5)) reasoning = task.reasoning;
  return question_and_answer(task.question, task.answer, reasoning);
}

Conversation make_logic(Random& random) {
  return random.chance(0.35) ? make_ordering(random) : make_whereabouts(random);
}

}  // namespace fathom::train
