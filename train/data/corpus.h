// The text to learn from: a folder of zstd JSON lines (docs/training.md lists the files). Every document
// belongs either to training or to validation, for ever: every 50th document, and the last 2 % of every book,
// are held out. Ownership: owns all text. Thread safety: const after load().
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "train/data/conversation.h"
#include "train/data/json_lines.h"
#include "train/data/random.h"

namespace fathom::train {

enum class Split { training, validation };

// Where a conversation comes from. The last three are made up and need no file.
enum class Source {
  books,      // gutenberg: plain text
  pages,      // tldr, pydocs, aesop: plain text
  dialogues,  // sgd_slim: assistants with tools
  orders,     // taskmaster4_chat: assistants with tools
  chat,       // chatterbot
  trivia,
  math,        // gsm8k
  dictionary,  // wordnet
  synthetic,
  needles,
  lookups,
};
inline constexpr int kSources = 11;
std::string_view name(Source source);
std::optional<Source> source_named(std::string_view name);

// A document: plain text, or a conversation.
struct Document {
  std::string text;
  std::optional<Conversation> conversation;
};

class Corpus {
 public:
  // Reads the files that the sources need. Errors: not_found, io, corrupt.
  static Result<Corpus> load(const std::filesystem::path& folder, const std::vector<Source>& sources);

  // A document drawn at random. `characters`: about how many are wanted of a source that can be cut anywhere,
  // and of the text around needles.
  Result<Document> draw(Source source, Split split, int characters, Random& random) const;

  // About `characters` of a book, from the beginning of a paragraph.
  std::string passage(Split split, int characters, Random& random) const;

 private:
  struct Book {
    std::string text;
    std::size_t held_out;  // where the held-out end begins
  };

  Result<Conversation> parse(Source source, const text::Json& line, Random& random) const;
  Document needles(Split split, int characters, Random& random) const;

  std::vector<Book> books_;
  std::vector<std::size_t> book_ends_;  // of the texts of all books, one after another
  std::vector<std::string> pages_;
  std::vector<JsonLines> lines_ = std::vector<JsonLines>(kSources);
  std::vector<text::Json> tools_;  // of dialogues
};

}  // namespace fathom::train
