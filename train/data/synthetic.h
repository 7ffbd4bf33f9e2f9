// Conversations made up on the fly, as many as wanted: facts, arithmetic with its steps, words and lists,
// small talk, memory, logic, tool calls, stories and needles in a text. Own text, free to use. Every function
// is a pure function of the state of `random`. Thread safety: pure.
#pragma once

#include <string>
#include <vector>

#include "train/data/conversation.h"
#include "train/data/random.h"

namespace fathom::train {

Conversation make_fact(Random& random);
Conversation make_sum(Random& random);  // with the steps as reasoning, mostly
Conversation make_word_problem(Random& random);
Conversation make_word_task(Random& random);   // spelling, counting, sorting, lists
Conversation make_small_talk(Random& random);  // greetings, identity, jokes
Conversation make_topic(Random& random);       // simple questions with an answer in prose
Conversation make_recital(
    Random& random);                       // words and numbers, said again: how to copy is learned from these
Conversation make_memory(Random& random);  // what the user said turns ago
Conversation make_logic(Random& random);   // orderings, who is where
Conversation make_tool_use(Random& random);
Conversation make_story(Random& random);  // told, or asked about

// A text with the passages in order and up to 8 needles at random depths ("The secret code for X is Y."),
// then questions. Without passages: needles only.
Conversation make_needles(Random& random, const std::vector<std::string>& passages);

// A list of keys and values of about so many characters with the question, and the values in another order:
// the densest lesson in looking back.
Conversation make_lookups(Random& random, int characters);

// One of all but needles among passages, in proportions that suit a small model.
Conversation make_synthetic(Random& random);

}  // namespace fathom::train
