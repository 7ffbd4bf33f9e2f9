#include "train/data/word_lists.h"

#include <algorithm>

namespace fathom::train {

const std::vector<Pair> kCapitals = {
    {"France", "Paris"},
    {"Germany", "Berlin"},
    {"Italy", "Rome"},
    {"Spain", "Madrid"},
    {"Portugal", "Lisbon"},
    {"Japan", "Tokyo"},
    {"China", "Beijing"},
    {"India", "New Delhi"},
    {"Russia", "Moscow"},
    {"Canada", "Ottawa"},
    {"Mexico", "Mexico City"},
    {"Brazil", "Brasilia"},
    {"Argentina", "Buenos Aires"},
    {"Chile", "Santiago"},
    {"Peru", "Lima"},
    {"Egypt", "Cairo"},
    {"Kenya", "Nairobi"},
    {"Nigeria", "Abuja"},
    {"Ethiopia", "Addis Ababa"},
    {"Ghana", "Accra"},
    {"Morocco", "Rabat"},
    {"Sweden", "Stockholm"},
    {"Norway", "Oslo"},
    {"Finland", "Helsinki"},
    {"Denmark", "Copenhagen"},
    {"Poland", "Warsaw"},
    {"Austria", "Vienna"},
    {"Hungary", "Budapest"},
    {"Greece", "Athens"},
    {"Turkey", "Ankara"},
    {"Ireland", "Dublin"},
    {"Iceland", "Reykjavik"},
    {"Belgium", "Brussels"},
    {"Netherlands", "Amsterdam"},
    {"Switzerland", "Bern"},
    {"Ukraine", "Kyiv"},
    {"Romania", "Bucharest"},
    {"Bulgaria", "Sofia"},
    {"Croatia", "Zagreb"},
    {"Serbia", "Belgrade"},
    {"Thailand", "Bangkok"},
    {"Vietnam", "Hanoi"},
    {"Indonesia", "Jakarta"},
    {"Malaysia", "Kuala Lumpur"},
    {"Philippines", "Manila"},
    {"Australia", "Canberra"},
    {"New Zealand", "Wellington"},
    {"South Korea", "Seoul"},
    {"Cuba", "Havana"},
    {"Colombia", "Bogota"},
    {"Uruguay", "Montevideo"},
    {"Iran", "Tehran"},
    {"Iraq", "Baghdad"},
    {"Israel", "Jerusalem"},
    {"Jordan", "Amman"},
    {"Pakistan", "Islamabad"},
    {"Nepal", "Kathmandu"},
    {"Mongolia", "Ulaanbaatar"},
};

const std::vector<Element> kElements = {
    {"hydrogen", "H", "1"}, {"helium", "He", "2"},     {"lithium", "Li", "3"},    {"carbon", "C", "6"},
    {"nitrogen", "N", "7"}, {"oxygen", "O", "8"},      {"fluorine", "F", "9"},    {"neon", "Ne", "10"},
    {"sodium", "Na", "11"}, {"magnesium", "Mg", "12"}, {"aluminium", "Al", "13"}, {"silicon", "Si", "14"},
    {"sulfur", "S", "16"},  {"chlorine", "Cl", "17"},  {"calcium", "Ca", "20"},   {"iron", "Fe", "26"},
    {"copper", "Cu", "29"}, {"zinc", "Zn", "30"},      {"silver", "Ag", "47"},    {"tin", "Sn", "50"},
    {"gold", "Au", "79"},   {"mercury", "Hg", "80"},   {"lead", "Pb", "82"},
};

const std::vector<Animal> kAnimals = {
    {"dog", "woof", "puppy", "4"},     {"cat", "meow", "kitten", "4"},     {"cow", "moo", "calf", "4"},
    {"sheep", "baa", "lamb", "4"},     {"duck", "quack", "duckling", "2"}, {"horse", "neigh", "foal", "4"},
    {"pig", "oink", "piglet", "4"},    {"hen", "cluck", "chick", "2"},     {"lion", "roar", "cub", "4"},
    {"frog", "croak", "tadpole", "4"}, {"goat", "bleat", "kid", "4"},      {"bear", "growl", "cub", "4"},
    {"owl", "hoot", "owlet", "2"},     {"bee", "buzz", "larva", "6"},      {"wolf", "howl", "pup", "4"},
};

const std::vector<Pair> kOpposites = {
    {"hot", "cold"},     {"big", "small"},    {"up", "down"},     {"left", "right"},   {"day", "night"},
    {"happy", "sad"},    {"fast", "slow"},    {"old", "young"},   {"open", "closed"},  {"full", "empty"},
    {"hard", "soft"},    {"light", "dark"},   {"wet", "dry"},     {"high", "low"},     {"near", "far"},
    {"early", "late"},   {"rich", "poor"},    {"strong", "weak"}, {"clean", "dirty"},  {"thick", "thin"},
    {"long", "short"},   {"loud", "quiet"},   {"good", "bad"},    {"first", "last"},   {"inside", "outside"},
    {"win", "lose"},     {"push", "pull"},    {"give", "take"},   {"begin", "end"},    {"buy", "sell"},
    {"laugh", "cry"},    {"true", "false"},   {"alive", "dead"},  {"awake", "asleep"}, {"brave", "afraid"},
    {"sharp", "dull"},   {"sweet", "bitter"}, {"heavy", "light"}, {"deep", "shallow"}, {"wide", "narrow"},
    {"smooth", "rough"},
};

const std::vector<Pair> kPlurals = {
    {"cat", "cats"},    {"dog", "dogs"},      {"box", "boxes"},   {"child", "children"}, {"mouse", "mice"},
    {"foot", "feet"},   {"tooth", "teeth"},   {"baby", "babies"}, {"leaf", "leaves"},    {"man", "men"},
    {"woman", "women"}, {"city", "cities"},   {"goose", "geese"}, {"knife", "knives"},   {"bus", "buses"},
    {"fox", "foxes"},   {"person", "people"}, {"sheep", "sheep"}, {"fish", "fish"},      {"story", "stories"},
    {"dish", "dishes"}, {"wolf", "wolves"},
};

const std::vector<Pair> kPastTenses = {
    {"go", "went"},     {"see", "saw"},     {"eat", "ate"},     {"run", "ran"},     {"come", "came"},
    {"take", "took"},   {"give", "gave"},   {"make", "made"},   {"find", "found"},  {"think", "thought"},
    {"buy", "bought"},  {"write", "wrote"}, {"read", "read"},   {"sing", "sang"},   {"swim", "swam"},
    {"fly", "flew"},    {"know", "knew"},   {"grow", "grew"},   {"speak", "spoke"}, {"break", "broke"},
    {"walk", "walked"}, {"play", "played"}, {"jump", "jumped"}, {"help", "helped"}, {"look", "looked"},
    {"open", "opened"}, {"sleep", "slept"}, {"drink", "drank"}, {"begin", "began"}, {"win", "won"},
};

const std::vector<Category> kCategories = {
    {"fruits",
     {"apple", "banana", "pear", "orange", "plum", "grape", "mango", "cherry", "peach", "lemon", "melon",
      "kiwi"}},
    {"animals",
     {"dog", "cat", "horse", "lion", "tiger", "bear", "fox", "wolf", "rabbit", "mouse", "elephant", "zebra"}},
    {"colors",
     {"red", "blue", "green", "yellow", "orange", "purple", "black", "white", "pink", "brown", "gray"}},
    {"vegetables",
     {"carrot", "potato", "onion", "cabbage", "pea", "bean", "tomato", "pepper", "spinach", "corn", "leek"}},
    {"birds", {"robin", "owl", "eagle", "duck", "swan", "crow", "parrot", "pigeon", "hawk", "sparrow"}},
    {"tools", {"hammer", "saw", "drill", "wrench", "pliers", "shovel", "rake", "axe"}},
    {"instruments", {"piano", "violin", "drum", "flute", "guitar", "trumpet", "harp", "cello"}},
    {"planets", {"Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune"}},
    {"sports", {"football", "tennis", "swimming", "running", "cycling", "hockey", "skiing", "chess"}},
    {"drinks", {"water", "tea", "coffee", "milk", "juice", "lemonade", "cocoa"}},
    {"clothes", {"hat", "coat", "shirt", "shoe", "sock", "glove", "scarf", "dress"}},
    {"shapes", {"circle", "square", "triangle", "rectangle", "oval", "star"}},
};

const std::vector<std::string> kDays = {
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
};

const std::vector<std::string> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December",
};

const std::vector<std::string> kNames = {
    "Tom", "Ann",  "Ben",  "Lily", "Sam",  "Mia",  "Jack", "Emma", "Leo",  "Zoe",
    "Max", "Ella", "Noah", "Ruby", "Finn", "Ivy",  "Luke", "Anna", "Paul", "Rosa",
    "Kim", "Nina", "Omar", "Sara", "Hugo", "Vera", "Carl", "Dora", "Evan", "Gina",
};

const std::vector<std::string> kPlaces = {
    "kitchen", "garden",  "school", "park",   "office", "library", "bedroom", "hall",
    "shop",    "station", "beach",  "forest", "barn",   "tower",   "market",
};

const std::vector<std::string> kThings = {
    "ball", "book", "key",  "cup",  "hat",   "box",  "lamp", "pen",
    "coin", "map",  "bell", "rope", "apple", "ring", "doll", "kite",
};

const std::vector<std::string> kFileNames = {
    "notes.txt",   "todo.txt", "main.c", "readme.md", "data.csv",
    "config.json", "log.txt",  "app.py", "plan.md",   "list.txt",
};

const std::vector<std::string> kFolders = {
    "src", "docs", "/home/user", "data", "tests", ".", "/tmp", "project",
};

const std::vector<std::string>& members(const std::string& category) {
  const auto found = std::find_if(kCategories.begin(), kCategories.end(),
                                  [&](const Category& c) { return c.name == category; });
  return found->members;
}

const std::vector<std::string>& all_words() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> all = kThings;
    all.insert(all.end(), kPlaces.begin(), kPlaces.end());
    for (const Category& c : kCategories) all.insert(all.end(), c.members.begin(), c.members.end());
    for (const Pair& pair : kOpposites) all.insert(all.end(), pair.begin(), pair.end());
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  }();
  return words;
}

}  // namespace fathom::train
