#include "train/data/bpe_trainer.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>

#include "os/new_file.h"
#include "text/byte_alphabet.h"
#include "text/prompt.h"
#include "text/split_pattern.h"

namespace fathom::train {
namespace {

constexpr std::string_view kFirstControls[] = {"<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>",
                                               "<｜▁pad▁｜>"};
constexpr std::string_view kLastControls[] = {"<｜User｜>",     "<｜Assistant｜>", "<think>",
                                              "</think>",       "｜DSML｜",        "<｜latest_reminder｜>",
                                              "<｜action｜>",   "<｜query｜>",     "<｜authority｜>",
                                              "<｜domain｜>",   "<｜title｜>",     "<｜extracted_url｜>",
                                              "<｜read_url｜>", "<｜fim▁begin｜>", "<｜fim▁hole｜>",
                                              "<｜fim▁end｜>",  "<|EOT|>"};

// DeepSeek's three, one after another on the pieces of the one before.
constexpr std::string_view kSplits[] = {R"(\p{N}{1,3})", "[一-龥\u3040-ゟ゠-ヿ]+",
                                        R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^)"
                                        "\r\n"
                                        R"(\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[)"
                                        "\r\n"
                                        R"(]*|\s*[)"
                                        "\r\n"
                                        R"(]+|\s+(?!\S)|\s+)"};

constexpr std::size_t kLongestPiece = 40;  // bytes: longer ones are noise

void split(const text::SplitPattern& pattern, std::vector<std::string>& pieces) {
  std::vector<std::string> out;
  for (const std::string& piece : pieces) {
    text::SplitMatcher matcher(piece.size());
    std::size_t at = 0;
    while (at < piece.size()) {
      const auto match = pattern.find(piece, at, matcher);
      if (match.begin > at) out.push_back(piece.substr(at, match.begin - at));
      if (match.end > match.begin) out.push_back(piece.substr(match.begin, match.end - match.begin));
      at = std::max(match.end, match.begin);
    }
  }
  pieces = std::move(out);
}

bool is_number(std::string_view piece) {
  return std::all_of(piece.begin(), piece.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string spelled(std::string_view bytes) {
  std::string out;
  for (char c : bytes) out += text::spell_byte(static_cast<unsigned char>(c));
  return out;
}

// The state of learning: every distinct piece as tokens, and how often each pair of neighbours occurs.
class Learner {
 public:
  explicit Learner(const PieceCounts& counts) {
    for (int b = 0; b < 256; ++b) tokens_.emplace_back(1, static_cast<char>(b));
    std::vector<std::pair<std::string, std::int64_t>> sorted(counts.begin(), counts.end());
    std::sort(sorted.begin(), sorted.end());
    for (const auto& [piece, count] : sorted) {
      if (count < 2 || piece.size() < 2 || piece.size() > kLongestPiece || is_number(piece)) continue;
      std::vector<int> ids;
      for (char c : piece) ids.push_back(static_cast<unsigned char>(c));
      const int word = static_cast<int>(words_.size());
      words_.push_back({std::move(ids), count});
      for (std::size_t i = 0; i + 1 < words_.back().ids.size(); ++i)
        add({words_.back().ids[i], words_.back().ids[i + 1]}, count, word);
    }
    for (const auto& [pair, count] : counts_) push(pair, count);
  }

  // False when no pair occurs twice.
  bool merge_next(std::pair<std::string, std::string>& merged) {
    while (!queue_.empty()) {
      const Entry entry = queue_.top();
      queue_.pop();
      const std::int64_t count = counts_[entry.pair];
      if (count != entry.count) {  // it changed since
        if (count > 1 && count < entry.count) push(entry.pair, count);
        continue;
      }
      const std::string &left = token(entry.pair.first), &right = token(entry.pair.second);
      if (count < 2) return false;
      if (std::string joined = left + right; known_.insert(joined).second) {
        merged = {left, right};
        merge(entry.pair, std::move(joined));
        return true;
      }
      counts_[entry.pair] = 0;  // another pair spells the same
    }
    return false;
  }

 private:
  using Pair = std::pair<int, int>;
  struct Word {
    std::vector<int> ids;
    std::int64_t count;
  };
  struct Entry {
    std::int64_t count;
    std::string bytes;
    Pair pair;
    bool operator<(const Entry& other) const {
      return count != other.count ? count < other.count : bytes > other.bytes;
    }
  };

  const std::string& token(int id) const { return tokens_[static_cast<std::size_t>(id)]; }
  void push(const Pair& pair, std::int64_t count) {
    queue_.push({count, token(pair.first) + token(pair.second), pair});
  }
  void add(const Pair& pair, std::int64_t count, int word) {
    counts_[pair] += count;
    words_of_[pair].insert(word);
  }

  void merge(const Pair& pair, std::string joined) {
    const int id = static_cast<int>(tokens_.size());
    tokens_.push_back(std::move(joined));
    std::set<Pair> changed;
    const std::set<int> words = std::move(words_of_[pair]);
    for (const int w : words) {
      Word& word = words_[static_cast<std::size_t>(w)];
      std::vector<int>& ids = word.ids;
      for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
        if (ids[i] != pair.first || ids[i + 1] != pair.second) continue;
        if (i > 0) replace({ids[i - 1], pair.first}, {ids[i - 1], id}, word.count, w, changed);
        if (i + 2 < ids.size()) replace({pair.second, ids[i + 2]}, {id, ids[i + 2]}, word.count, w, changed);
        ids[i] = id;
        ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
    }
    counts_[pair] = 0;
    for (const Pair& p : changed)
      if (counts_[p] > 1) push(p, counts_[p]);
  }

  void replace(const Pair& old, const Pair& now, std::int64_t count, int word, std::set<Pair>& changed) {
    counts_[old] -= count;
    add(now, count, word);
    changed.insert(now);
  }

  std::vector<std::string> tokens_;
  std::set<std::string> known_;
  std::vector<Word> words_;
  std::map<Pair, std::int64_t> counts_;
  std::map<Pair, std::set<int>> words_of_;
  std::priority_queue<Entry> queue_;
};

std::string in_quotes(std::string_view text) {
  return "\"" + text::escape_json(text) + "\"";
}

std::string added_token(std::string_view content, std::size_t id) {
  const bool is_special = content.starts_with("<｜") || content.starts_with("<|");
  return fmt::format(
      R"({{"id": {}, "content": {}, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": {}}})",
      id, in_quotes(content), is_special);
}

}  // namespace

Status count_pieces(std::string_view text, PieceCounts& counts) {
  static const auto patterns = [] {
    std::vector<Result<text::SplitPattern>> compiled;
    for (std::string_view expression : kSplits) compiled.push_back(text::SplitPattern::compile(expression));
    return compiled;
  }();
  std::vector<std::string> pieces = {std::string(text)};
  for (const auto& pattern : patterns) {
    if (!pattern) return tl::unexpected(pattern.error());
    split(*pattern, pieces);
  }
  for (std::string& piece : pieces) ++counts[std::move(piece)];
  return {};
}

std::vector<std::pair<std::string, std::string>> learn_merges(const PieceCounts& counts, int count) {
  Learner learner(counts);
  std::vector<std::pair<std::string, std::string>> merges;
  std::pair<std::string, std::string> merged;
  while (static_cast<int>(merges.size()) < count && learner.merge_next(merged)) merges.push_back(merged);
  return merges;
}

std::string tokenizer_json(const std::vector<std::pair<std::string, std::string>>& merges) {
  std::vector<std::string> vocabulary, added, merged, splits;
  for (std::string_view control : kFirstControls) {
    added.push_back(added_token(control, vocabulary.size()));
    vocabulary.push_back(std::string(control));
  }
  for (int b = 0; b < 256; ++b) vocabulary.push_back(text::spell_byte(static_cast<unsigned char>(b)));
  for (const auto& [left, right] : merges) {
    vocabulary.push_back(spelled(left + right));
    merged.push_back(in_quotes(spelled(left) + " " + spelled(right)));
  }
  for (std::size_t i = 0; i < std::size(kLastControls); ++i)
    added.push_back(added_token(kLastControls[i], vocabulary.size() + i));
  for (std::string_view expression : kSplits)
    splits.push_back(fmt::format(
        R"({{"type": "Split", "pattern": {{"Regex": {}}}, "behavior": "Isolated", "invert": false}})",
        in_quotes(expression)));
  splits.push_back(
      R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false})");
  for (std::size_t id = 0; id < vocabulary.size(); ++id)
    vocabulary[id] = fmt::format("{}: {}", in_quotes(vocabulary[id]), id);

  constexpr std::string_view kByteLevel =
      R"({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true})";
  return fmt::format(
      "{{\n\"version\": \"1.0\", \"truncation\": null, \"padding\": null,\n\"added_tokens\": "
      "[\n{}],\n\"normalizer\": {{\"type\": "
      "\"Sequence\", \"normalizers\": []}},\n\"pre_tokenizer\": {{\"type\": \"Sequence\", \"pretokenizers\": "
      "[\n{}]}},\n"
      "\"post_processor\": {},\n\"decoder\": {},\n\"model\": {{\"type\": \"BPE\", \"dropout\": null, "
      "\"unk_token\": null, "
      "\"continuing_subword_prefix\": null, \"end_of_word_suffix\": null, \"fuse_unk\": false, "
      "\"byte_fallback\": false,\n"
      "\"vocab\": {{\n{}}},\n\"merges\": [\n{}]}}\n}}\n",
      fmt::join(added, ",\n"), fmt::join(splits, ",\n"), kByteLevel, kByteLevel, fmt::join(vocabulary, ",\n"),
      fmt::join(merged, ",\n"));
}

Status train_tokenizer(const Corpus& corpus, int vocabulary, std::size_t bytes,
                       const std::filesystem::path& out) {
  const int fixed = 256 + static_cast<int>(std::size(kFirstControls) + std::size(kLastControls));
  if (vocabulary < fixed)
    return fail(ErrorCode::invalid_argument, "a vocabulary of {} cannot hold the {} bytes and control tokens",
                vocabulary, fixed);
  constexpr Source kMaterial[] = {Source::books, Source::books,      Source::synthetic,
                                  Source::pages, Source::dialogues,  Source::trivia,
                                  Source::math,  Source::dictionary, Source::chat};
  constexpr int kDocumentCharacters = 20000;
  Random random(1);
  PieceCounts counts;
  std::size_t seen[std::size(kMaterial)] = {};
  for (std::size_t i = 0; i < std::size(kMaterial); ++i) {
    while (seen[i] < bytes / std::size(kMaterial)) {
      FATHOM_TRY(const Document document,
                 corpus.draw(kMaterial[i], Split::training, kDocumentCharacters, random));
      std::string text = document.text;
      if (document.conversation) {
        FATHOM_TRY(const text::Prompt prompt, text::render_prompt(document.conversation->messages, {}));
        for (const text::PromptPiece& piece : prompt.pieces)
          if (!piece.is_template) text += piece.text + "\n";
      }
      FATHOM_TRY_STATUS(count_pieces(text, counts));
      seen[i] += text.size() + 1;
    }
  }
  FATHOM_TRY(auto file, os::NewFile::create(out));
  const std::string json = tokenizer_json(learn_merges(counts, vocabulary - fixed));
  FATHOM_TRY_STATUS(file.write(std::as_bytes(std::span(json))));
  return file.commit();
}

}  // namespace fathom::train
