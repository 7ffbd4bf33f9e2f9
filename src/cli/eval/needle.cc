#include "cli/eval/needle.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/eval/scoring.h"

namespace fathom::eval {
namespace {

using Words = std::vector<std::string>;

struct Form {
  std::string_view before, kind;
};
constexpr Form kForms[kNeedleForms] = {
    {"The", "secret code for"}, {"Remember: the", "magic number of"}, {"Note that the", "password for"}};

const Words kNames = {"Tom", "Ann",  "Ben",  "Lily", "Sam",  "Mia",  "Jack", "Emma", "Leo",  "Zoe",
                      "Max", "Ella", "Noah", "Ruby", "Finn", "Ivy",  "Luke", "Anna", "Paul", "Rosa",
                      "Kim", "Nina", "Omar", "Sara", "Hugo", "Vera", "Carl", "Dora", "Evan", "Gina"};
const Words kThings = {"ball", "book", "key",  "cup",  "hat",  "box",  "lamp", "pen",
                       "coin", "map",  "bell", "rope", "ring", "doll", "kite"};
const Words kRooms = {"kitchen", "garden",  "school", "park",   "office", "library", "bedroom", "hall",
                      "shop",    "station", "beach",  "forest", "barn",   "tower",   "market"};
const Words kFittings = {"door", "safe", "gate", "box", "lamp"};
const Words kBirds = {"robin", "owl", "eagle", "duck", "swan", "crow", "parrot", "pigeon", "hawk", "sparrow"};
const Words kCities = {"Paris",    "Berlin",    "Rome",     "Madrid",   "Lisbon",     "Tokyo",
                       "Beijing",  "Moscow",    "Ottawa",   "Santiago", "Lima",       "Cairo",
                       "Nairobi",  "Stockholm", "Oslo",     "Helsinki", "Copenhagen", "Warsaw",
                       "Vienna",   "Budapest",  "Athens",   "Dublin",   "Brussels",   "Bern",
                       "Belgrade", "Bangkok",   "Canberra", "Seoul",    "Havana",     "Tehran"};
const Words kNouns = {"apple",  "banana", "tiger",  "rabbit",  "hammer", "piano",  "violin", "coffee",
                      "carrot", "circle", "tennis", "cabbage", "guitar", "yellow", "purple", "lemon",
                      "zebra",  "drum",   "glove",  "square",  "cherry", "onion",  "wolf",   "harp"};

std::string make_key(Draws& draws) {
  switch (draws.below(5)) {
    case 0: {
      const std::string& name = draws.pick(kNames);
      return fmt::format("{}'s {}", name, draws.pick(kThings));
    }
    case 1: {
      const std::string& room = draws.pick(kRooms);
      return fmt::format("the {} {}", room, draws.pick(kFittings));
    }
    case 2: {
      const std::string& bird = draws.pick(kBirds);
      return fmt::format("project {}-{}", bird, draws.between(10, 98));
    }
    case 3:
      return fmt::format("user {}", draws.between(100, 998));
    default:
      return draws.pick(kCities);
  }
}

std::string make_value(Draws& draws) {
  switch (draws.below(4)) {
    case 0:
      return std::to_string(draws.between(1000, 999999));
    case 1: {
      constexpr std::string_view kLetters = "ABCDEFGHJKLMNPQRSTUVWXYZ";
      std::string letters;
      for (int i = 0; i < 3; ++i) letters += kLetters[draws.below(kLetters.size())];
      return fmt::format("{}-{}", letters, draws.between(10, 999));
    }
    case 2: {
      const std::string& first = draws.pick(kNouns);
      return fmt::format("{}-{}", first, draws.pick(kNouns));
    }
    default:
      return draws.pick(kCities);
  }
}

bool clash(const std::string& a, const std::string& b) {
  return contains_whole(a, b, Case::ignored) || contains_whole(b, a, Case::ignored);
}

}  // namespace

std::vector<Needle> make_needles(Draws& draws, std::size_t count, int form) {
  const Form& told = kForms[form % kNeedleForms];
  std::vector<Needle> needles;
  while (needles.size() < count) {
    Needle needle;
    needle.key = make_key(draws);
    needle.value = make_value(draws);
    const auto clashes = [&](const Needle& other) {
      return clash(needle.key, other.key) || clash(needle.key, other.value) ||
             clash(needle.value, other.key) || clash(needle.value, other.value);
    };
    if (clash(needle.key, needle.value) || std::any_of(needles.begin(), needles.end(), clashes)) continue;
    needle.sentence = fmt::format("{} {} {} is {}.", told.before, told.kind, needle.key, needle.value);
    needle.question = fmt::format("What is the {} {}?", told.kind, needle.key);
    needles.push_back(std::move(needle));
  }
  return needles;
}

bool reads_like_needle(std::string_view sentence) {
  return std::any_of(std::begin(kForms), std::end(kForms),
                     [&](const Form& form) { return sentence.find(form.kind) != std::string_view::npos; });
}

Found look_for(std::span<const Needle> needles, std::size_t asked, std::string_view answer) {
  for (std::size_t i = 0; i < needles.size(); ++i)
    if (i != asked && contains_whole(answer, needles[i].value)) return Found::another;
  return contains_whole(answer, needles[asked].value) ? Found::right : Found::nothing;
}

std::string_view name(Found found) {
  return found == Found::right ? "right" : found == Found::another ? "another" : "nothing";
}

}  // namespace fathom::eval
