#include "train/data/rows.h"

#include <algorithm>
#include <numeric>

#include "text/markup.h"
#include "text/prompt.h"

namespace fathom::train {
namespace {

constexpr double kCharactersPerToken = 4.5;  // a little more than there are, so that text rows are full
constexpr int kTries = 4;                    // to find a document that fits the rest of a row
constexpr double kEmptyThinking = 0.4;  // of conversations without reasoning: the model may answer at once

Source pick_source(const RowRecipe& recipe, Random& random) {
  double left = random.uniform() * std::accumulate(recipe.mixture.begin(), recipe.mixture.end(), 0.0);
  int last = 0;
  for (int i = 0; i < kSources; ++i) {
    const double share = recipe.mixture[static_cast<std::size_t>(i)];
    if (share <= 0) continue;
    last = i;
    if (left < share) break;
    left -= share;
  }
  return static_cast<Source>(last);
}

bool may_be_cut(Source source) {
  return source == Source::books || source == Source::pages;
}

// 0, 1, 2, ... with up to three jumps.
std::vector<std::int64_t> make_positions(const RowRecipe& recipe, Random& random) {
  std::vector<std::int64_t> positions(static_cast<std::size_t>(recipe.tokens));
  std::iota(positions.begin(), positions.end(), 0);
  const int places = (recipe.tokens - 1) / recipe.gap_step;
  if (places < 1 || !random.chance(recipe.gap_probability)) return positions;
  for (int jumps = random.between(1, 3); jumps > 0; --jumps) {
    const int at = recipe.gap_step * random.between(1, places);
    const double steps = random.log_uniform(1, std::max(1.0, recipe.gap_max / 3 / recipe.gap_step));
    const auto jump = static_cast<std::int64_t>(steps) * recipe.gap_step;
    for (std::size_t i = static_cast<std::size_t>(at); i < positions.size(); ++i) positions[i] += jump;
  }
  return positions;
}

}  // namespace

Result<RowMaker> RowMaker::create(const Corpus& corpus, const text::Tokenizer& tokenizer) {
  RowMaker maker(corpus, tokenizer);
  const std::pair<std::string_view, std::int64_t*> wanted[] = {{text::kUser, &maker.control_.user},
                                                               {text::kAssistant, &maker.control_.assistant},
                                                               {text::kEndOfSentence, &maker.control_.end}};
  for (const auto& [name, id] : wanted) {
    const auto found = tokenizer.token_id(name);
    if (!found)
      return fail(ErrorCode::not_found, "the tokenizer has no token {}; V4's prompt needs it", name);
    *id = *found;
  }
  return maker;
}

Result<std::vector<std::int32_t>> RowMaker::encode(const Document& document, bool thinking) const {
  if (!document.conversation) {
    text::Prompt prompt;
    prompt.pieces = {{std::string(text::kBeginOfSentence), true},
                     {document.text, false},
                     {std::string(text::kEndOfSentence), true}};
    return text::encode(*tokenizer_, prompt);
  }
  const Conversation& conversation = *document.conversation;
  text::PromptOptions options;
  options.thinking = conversation.thinking || thinking;
  if (options.thinking) options.effort = text::Effort::high;
  FATHOM_TRY(const text::Prompt prompt, text::render_prompt(conversation.messages, options));
  return text::encode(*tokenizer_, prompt);
}

// Tokens for the rest of a row: a document that fits, or the beginning of one.
Result<std::vector<std::int32_t>> RowMaker::draw(const RowRecipe& recipe, Source source, int room,
                                                 Random& random) const {
  int characters = static_cast<int>(room * kCharactersPerToken);
  std::vector<std::int32_t> ids;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    // Needles share their row with the questions; a shorter text is as good a lesson.
    const int wanted =
        source == Source::needles ? static_cast<int>(characters * random.uniform() * 0.8) : characters;
    FATHOM_TRY(const Document document, corpus_->draw(source, recipe.split, wanted, random));
    FATHOM_TRY(ids, encode(document, random.chance(kEmptyThinking)));
    if (may_be_cut(source) || static_cast<int>(ids.size()) <= room) break;
    characters = characters * 2 / 3;
  }
  return ids;
}

std::vector<float> RowMaker::weights_of(const std::vector<std::int64_t>& ids, double quiet) const {
  const auto is_marker = [&](std::int64_t id) {
    return id == control_.user || id == control_.assistant || id == control_.end;
  };
  // The marker that ends the part each token stands in (itself, if it is one); -1 where the row ends first.
  std::vector<std::int64_t> closing(ids.size());
  std::int64_t next_marker = -1;
  for (std::size_t i = ids.size(); i-- > 0;)
    closing[i] = next_marker = is_marker(ids[i]) ? ids[i] : next_marker;

  std::vector<float> weights;
  std::int64_t opening = -1;
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
    if (is_marker(ids[i])) opening = ids[i];
    // The template writes these itself: nothing to learn.
    const bool is_given = ids[i] == control_.assistant || ids[i] == control_.end ||
                          ids[i + 1] == control_.user || ids[i + 1] == control_.assistant;
    // The model's own words, plain text and answers, end with the end-of-sentence token.
    const bool is_own = opening != control_.user && (closing[i + 1] == control_.end || closing[i + 1] == -1);
    weights.push_back(is_given ? 0.0f : is_own ? 1.0f : static_cast<float>(quiet));
  }
  return weights;
}

Result<Row> RowMaker::make(const RowRecipe& recipe, std::uint64_t seed, std::uint64_t number) const {
  Random random(seed, number);
  const Source source = pick_source(recipe, random);
  const std::size_t size = static_cast<std::size_t>(recipe.tokens) + 1;
  Row row;
  while (row.ids.size() < size) {
    const int room = static_cast<int>(size - row.ids.size());
    FATHOM_TRY(std::vector<std::int32_t> ids, draw(recipe, source, room, random));
    if (static_cast<int>(ids.size()) > room && !row.ids.empty() && !may_be_cut(source)) {
      FATHOM_TRY(ids, draw(recipe, Source::books, room, random));
    }
    row.ids.insert(row.ids.end(), ids.begin(), ids.end());
  }
  row.ids.resize(size);
  row.weights = weights_of(row.ids, recipe.quiet_weight);
  row.positions = make_positions(recipe, random);
  return row;
}

}  // namespace fathom::train
