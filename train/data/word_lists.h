// The words that synthetic conversations are made of. Thread safety: immutable.
#pragma once

#include <array>
#include <string>
#include <vector>

namespace fathom::train {

using Pair = std::array<std::string, 2>;

extern const std::vector<Pair> kCapitals;  // country, capital

struct Element {
  std::string name, symbol, number;
};
extern const std::vector<Element> kElements;  // of the periodic table

struct Animal {
  std::string name, sound, young, legs;
};
extern const std::vector<Animal> kAnimals;  // of farm and forest

extern const std::vector<Pair> kOpposites;   // both ways
extern const std::vector<Pair> kPlurals;     // one, many
extern const std::vector<Pair> kPastTenses;  // today, yesterday

struct Category {
  std::string name;
  std::vector<std::string> members;
};
extern const std::vector<Category> kCategories;  // what belongs together

extern const std::vector<std::string> kDays;       // Monday first
extern const std::vector<std::string> kMonths;     // January first
extern const std::vector<std::string> kNames;      // of people
extern const std::vector<std::string> kPlaces;     // where people go
extern const std::vector<std::string> kThings;     // that people carry
extern const std::vector<std::string> kFileNames;  // without folder
extern const std::vector<std::string> kFolders;    // of files

// The members of a category that is in the list.
const std::vector<std::string>& members(const std::string& category);

// All words of categories, opposites, things and places, each once, sorted.
const std::vector<std::string>& all_words();

}  // namespace fathom::train
