// Needles: things that can only be known from where the text says them.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "train/data/synthetic.h"
#include "train/data/word_lists.h"

namespace fathom::train {
namespace {

using fmt::format;
using Text = std::string;

struct Form {
  const char *before, *kind;  // "The", "secret code for"
};
const std::vector<Form> kForms = {
    {"The", "secret code for"}, {"Remember: the", "magic number of"}, {"Note that the", "password for"}};

struct Needle {
  Text key, value;
};

Text make_key(Random& random) {
  switch (random.below(5)) {
    case 0: {
      const Text& name = random.pick(kNames);
      return format("{}'s {}", name, random.pick(kThings));
    }
    case 1: {
      const Text& place = random.pick(kPlaces);
      return format("the {} {}", place, random.pick({"door", "safe", "gate", "box", "lamp"}));
    }
    case 2: {
      const Text& bird = random.pick(members("birds"));
      return format("project {}-{}", bird, random.between(10, 98));
    }
    case 3:
      return format("user {}", random.between(100, 998));
    default:
      return random.pick(kCapitals)[1];
  }
}

Text make_value(Random& random) {
  switch (random.below(4)) {
    case 0:
      return std::to_string(random.between(1000, 999999));
    case 1: {
      Text letters;
      for (int i = 0; i < 3; ++i) letters += random.pick(std::string_view("ABCDEFGHJKLMNPQRSTUVWXYZ"));
      return format("{}-{}", letters, random.between(10, 999));
    }
    case 2: {
      const Text& first = random.pick(all_words());
      return format("{}-{}", first, random.pick(all_words()));
    }
    default:
      return random.pick(kCapitals)[1];
  }
}

std::vector<Needle> make_list(Random& random, int count) {
  std::vector<Needle> needles;
  std::set<Text> keys;
  while (static_cast<int>(needles.size()) < count) {
    const Text key = make_key(random);
    if (keys.insert(key).second) needles.push_back({key, make_value(random)});
  }
  return needles;
}

}  // namespace

Conversation make_recital(Random& random) {
  std::vector<Text> items;
  for (int i = random.between(3, 30); i > 0; --i) {
    switch (random.below(4)) {
      case 0:
        items.push_back(std::to_string(random.between(0, 99)));
        break;
      case 1:
        items.push_back(make_value(random));
        break;
      default:
        items.push_back(random.pick(all_words()));
    }
  }
  const Text list = format("{}", fmt::join(items, random.chance(0.5) ? " " : ", "));
  return question_and_answer(
      format("{}{}", random.pick({"Repeat: ", "Repeat after me: ", "Say this again: ", "Copy this: "}), list),
      list);
}

Conversation make_lookups(Random& random, int characters) {
  constexpr int kCharactersPerPair = 34;  // said, asked for and said again
  const int most =
      std::max(4, std::min(characters / kCharactersPerPair, static_cast<int>(all_words().size()) / 2));
  std::vector<Text> keys = random.sample(all_words(), random.between(std::max(3, most / 2), most));
  const bool numbers = random.chance(0.5);
  std::vector<Text> pairs;
  for (const Text& key : keys)
    pairs.push_back(
        format("{}: {}", key, numbers ? std::to_string(random.between(10, 99)) : random.pick(all_words())));
  const std::vector<Text> said = pairs;
  random.shuffle(pairs);
  std::vector<Text> asked;
  for (const Text& pair : pairs) asked.push_back(pair.substr(0, pair.find(':')));
  return question_and_answer(format("{}\n\nLook up {}.", fmt::join(said, "\n"), fmt::join(asked, ", ")),
                             Text(format("{}", fmt::join(pairs, "\n"))));
}

Conversation make_needles(Random& random, const std::vector<Text>& passages) {
  const bool is_plain = passages.empty();
  const std::vector<Needle> needles =
      make_list(random, is_plain ? random.between(3, 14) : random.between(1, 8));
  const Form& form = random.pick(kForms);
  const auto sentence = [&](const Needle& n) {
    return format("{} {} {} is {}.", form.before, form.kind, n.key, n.value);
  };

  std::vector<Text> parts = passages;
  for (const Needle& needle : needles)
    parts.insert(parts.begin() + random.below(static_cast<int>(parts.size()) + 1), sentence(needle));
  const Text document = format("{}", fmt::join(parts, is_plain ? "\n" : "\n\n"));

  // Several questions about one text: each is a lesson in looking back.
  const std::vector<Needle> asked =
      random.sample(needles, is_plain ? random.between(3, 10) : random.between(1, 6));
  const bool thinking = random.chance(0.2);
  Conversation conversation;
  conversation.thinking = thinking;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Needle& n = asked[i];
    conversation.messages.push_back(
        user_says((i == 0 ? document + "\n\n" : "") + format("What is the {} {}?", form.kind, n.key)));
    conversation.messages.push_back(assistant_says(format("The {} {} is {}.", form.kind, n.key, n.value)));
    if (thinking) conversation.messages.back().reasoning = "The text says: " + sentence(n);
  }
  return conversation;
}

}  // namespace fathom::train
