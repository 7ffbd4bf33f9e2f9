// For tests: answers drawn at random from the masks of a grammar.
#pragma once

#include <random>
#include <string>

#include "text/grammar/answer_guide.h"

namespace fathom::text::grammar {

struct RandomWalk {
  std::string text;
  bool ended = false;    // false: cut at the limit
  bool stuck = false;    // no token was allowed
  bool refused = false;  // a token that was allowed was not accepted
};

// Draws up to `limit` tokens; then only those that end the answer soon: the shortest ones, where they close
// something.
inline RandomWalk walk(AnswerGuide guide, const Tokenizer& tokenizer, std::int32_t end, std::mt19937& random,
                       int limit) {
  RandomWalk walk;
  std::vector<std::int32_t> choice;
  for (int i = 0; i < limit && !walk.ended && !walk.stuck && !walk.refused; ++i) {
    const auto mask = guide.allowed();
    choice.clear();
    for (std::int32_t id = 0; id < tokenizer.vocabulary_size(); ++id) {
      if ((mask[static_cast<std::size_t>(id) / 64] >> id % 64 & 1) != 0) choice.push_back(id);
    }
    walk.stuck = choice.empty();
    if (walk.stuck) break;
    std::int32_t token = choice[random() % choice.size()];
    // Free texts and spaces would go on for long: end what can be ended.
    for (const std::string_view close : {"\"", "}", "]", "</"}) {
      const auto id = tokenizer.token_id(close);
      const bool may = id && std::find(choice.begin(), choice.end(), *id) != choice.end();
      if (may && random() % 6 == 0) token = *id;
    }
    if (std::find(choice.begin(), choice.end(), end) != choice.end() && random() % 3 == 0) token = end;
    walk.refused = !guide.accept(token);
    walk.ended = token == end;
    if (!walk.ended) walk.text += tokenizer.token_bytes(token);
  }
  return walk;
}

}  // namespace fathom::text::grammar
