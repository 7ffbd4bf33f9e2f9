#include "train/data/corpus.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "train/data/synthetic.h"

namespace fathom::train {
namespace fs = std::filesystem;
namespace {

using text::Json;

struct SourceName {
  Source source;
  std::string_view name;
  std::string_view file;  // without ".jsonl.zst"; empty: none, or several
};
constexpr std::array<SourceName, kSources> kNames = {{{Source::books, "books", "gutenberg"},
                                                      {Source::pages, "pages", ""},
                                                      {Source::dialogues, "dialogues", "sgd_slim"},
                                                      {Source::orders, "orders", "taskmaster4_chat"},
                                                      {Source::chat, "chat", "chatterbot"},
                                                      {Source::trivia, "trivia", "trivia"},
                                                      {Source::math, "math", "gsm8k"},
                                                      {Source::dictionary, "dictionary", "wordnet"},
                                                      {Source::synthetic, "synthetic", ""},
                                                      {Source::needles, "needles", ""},
                                                      {Source::lookups, "lookups", ""}}};

constexpr std::size_t kHeldOutEvery = 50;
constexpr double kToolShare = 0.25;  // of the dialogues keep their tools: a tool section is long
constexpr int kPassageCharacters = 500;

std::string string_of(const Json& line, std::string_view key) {
  const Json* value = line.find(key);
  return value && value->is_string() ? value->text : "";
}

std::string as_sentence(std::string text) {
  if (text.empty()) return text;
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  if (!text.ends_with('.') && !text.ends_with('!') && !text.ends_with('?')) text += '.';
  return text;
}

// Messages as OpenAI's API writes them, but with the arguments of calls as objects.
text::Message message_of(const Json& json) {
  text::Message message;
  message.role = text::role_named(string_of(json, "role")).value_or(text::Role::user);
  message.content = string_of(json, "content");
  message.reasoning = string_of(json, "reasoning_content");
  if (const Json* calls = json.find("tool_calls"); calls && calls->is_array()) {
    for (const Json& call : calls->items) {
      const Json* arguments = call.find("arguments");
      message.tool_calls.push_back({"", string_of(call, "name"),
                                    arguments && arguments->is_object() ? *arguments : Json::object_of({})});
    }
  }
  return message;
}

Conversation conversation_of(const Json& line) {
  Conversation conversation;
  if (const Json* messages = line.find("messages"); messages && messages->is_array()) {
    for (const Json& message : messages->items) conversation.messages.push_back(message_of(message));
  }
  return conversation;
}

// Without calls and results: a plain talk.
void drop_tools(Conversation& conversation) {
  std::erase_if(conversation.messages, [](const text::Message& m) {
    return m.role == text::Role::tool || (m.role == text::Role::assistant && m.content.empty());
  });
  for (text::Message& m : conversation.messages) m.tool_calls.clear();
}

Conversation dictionary_entry(const Json& line, Random& random) {
  const Json* words = line.find("words");
  const std::string word = words && !words->items.empty() ? words->items[0].text : "";
  std::string answer = as_sentence(string_of(line, "def"));
  if (const Json* examples = line.find("ex"); examples && !examples->items.empty())
    answer += fmt::format(" For example: \"{}\".", examples->items[0].text);
  return question_and_answer(
      random.pick({fmt::format("What does \"{}\" mean?", word), fmt::format("Define {}.", word),
                   fmt::format("What is the meaning of {}?", word)}),
      answer);
}

}  // namespace

std::string_view name(Source source) {
  return kNames[static_cast<std::size_t>(source)].name;
}

std::optional<Source> source_named(std::string_view name) {
  for (const SourceName& entry : kNames)
    if (entry.name == name) return entry.source;
  return std::nullopt;
}

Result<Corpus> Corpus::load(const fs::path& folder, const std::vector<Source>& sources) {
  const auto wants = [&](Source source) {
    return std::find(sources.begin(), sources.end(), source) != sources.end();
  };
  const auto path = [&](std::string_view stem) { return folder / fmt::format("{}.jsonl.zst", stem); };
  Corpus corpus;
  FATHOM_TRY(const JsonLines books,
             JsonLines::load(path("gutenberg")));  // needles and short rows are filled up with books
  for (std::size_t i = 0; i < books.size(); ++i) {
    FATHOM_TRY(const Json line, books.at(i));
    std::string text = string_of(line, "text");
    if (text.size() < 20000) continue;
    const std::size_t held_out = text.size() - text.size() / kHeldOutEvery;
    corpus.book_ends_.push_back((corpus.book_ends_.empty() ? 0 : corpus.book_ends_.back()) + text.size());
    corpus.books_.push_back({std::move(text), held_out});
  }
  if (corpus.books_.empty())
    return fail(ErrorCode::corrupt, "{}: no book of at least 20,000 characters", path("gutenberg").string());
  if (wants(Source::pages)) {
    for (std::string_view stem : {"tldr", "pydocs", "aesop"}) {
      FATHOM_TRY(const JsonLines lines, JsonLines::load(path(stem)));
      for (std::size_t i = 0; i < lines.size(); ++i) {
        FATHOM_TRY(const Json line, lines.at(i));
        const std::string fable = string_of(line, "fable");
        corpus.pages_.push_back(fable.empty()
                                    ? string_of(line, "text")
                                    : fmt::format("{}\n\n{}\n\nThe lesson: {}", string_of(line, "title"),
                                                  fable, string_of(line, "lesson")));
      }
    }
  }
  for (const SourceName& entry : kNames) {
    if (!wants(entry.source) || entry.file.empty() || entry.source == Source::books) continue;
    FATHOM_TRY(corpus.lines_[static_cast<std::size_t>(entry.source)], JsonLines::load(path(entry.file)));
  }
  if (wants(Source::dialogues)) {
    FATHOM_TRY(const std::string text, read_zstd(folder / "sgd_tools.json.zst"));
    FATHOM_TRY(const Json tools, text::parse_json(text));
    for (const Json& tool : tools.items)
      if (const Json* function = tool.find("function")) corpus.tools_.push_back(*function);
  }
  return corpus;
}

std::string Corpus::passage(Split split, int characters, Random& random) const {
  const std::size_t place =
      static_cast<std::size_t>(random.uniform() * static_cast<double>(book_ends_.back()));
  const std::size_t i = static_cast<std::size_t>(
      std::upper_bound(book_ends_.begin(), book_ends_.end(), place) - book_ends_.begin());
  const Book& book = books_[i];
  const bool is_training = split == Split::training;
  const std::size_t first = is_training ? 0 : book.held_out,
                    last = is_training ? book.held_out : book.text.size();
  const std::size_t wanted = static_cast<std::size_t>(characters);
  const std::size_t room = last - first > wanted ? last - first - wanted : 0;
  std::size_t begin = first + static_cast<std::size_t>(random.uniform() * static_cast<double>(room));
  if (const std::size_t paragraph = book.text.find("\n\n", begin);
      paragraph != std::string::npos && paragraph + 200 < last)
    begin = paragraph + 2;
  std::size_t end = std::min(last, begin + wanted);
  while (end > begin && end < book.text.size() && (static_cast<unsigned char>(book.text[end]) & 0xC0) == 0x80)
    --end;  // whole characters
  return book.text.substr(begin, end - begin);
}

Document Corpus::needles(Split split, int characters, Random& random) const {
  std::vector<std::string> passages;
  if (random.chance(0.75)) {
    for (int left = characters; left > 0;) {
      const int size = std::min(left, random.between(kPassageCharacters / 4, kPassageCharacters));
      passages.push_back(passage(split, size, random));
      left -= size;
    }
  }
  return {"", make_needles(random, passages)};
}

Result<Document> Corpus::draw(Source source, Split split, int characters, Random& random) const {
  switch (source) {
    case Source::books:
      return Document{passage(split, characters, random), {}};
    case Source::synthetic:
      return Document{"", make_synthetic(random)};
    case Source::needles:
      return needles(split, characters, random);
    case Source::lookups:
      return Document{"", make_lookups(random, characters)};
    default:
      break;
  }
  const JsonLines& lines = lines_[static_cast<std::size_t>(source)];
  const std::size_t count = source == Source::pages ? pages_.size() : lines.size();
  const auto at_random = [&] {
    // A held-out document is one whose number is divisible; training steps aside to the next.
    const std::size_t i = static_cast<std::size_t>(random.uniform() * static_cast<double>(count));
    if (split == Split::validation) return i / kHeldOutEvery * kHeldOutEvery;
    return i % kHeldOutEvery != 0 ? i : std::min(i + 1, count - 1);
  };
  if (source == Source::pages) return Document{pages_[at_random()], {}};
  for (;;) {
    FATHOM_TRY(const Json line, lines.at(at_random()));
    if (source == Source::math && string_of(line, "split") != "train") continue;
    FATHOM_TRY(Conversation conversation, parse(source, line, random));
    if (!conversation.messages.empty()) return Document{"", std::move(conversation)};
  }
}

Result<Conversation> Corpus::parse(Source source, const Json& line, Random& random) const {
  switch (source) {
    case Source::trivia:
      return question_and_answer(string_of(line, "q"), as_sentence(string_of(line, "a")));
    case Source::math:
      return question_and_answer(string_of(line, "q"), fmt::format("The answer is {}.", string_of(line, "a")),
                                 string_of(line, "think"));
    case Source::dictionary:
      return dictionary_entry(line, random);
    default:
      break;
  }
  Conversation conversation = conversation_of(line);
  const Json* ids = line.find("tool_ids");
  if (!ids || !random.chance(kToolShare)) {
    drop_tools(conversation);
    return conversation;
  }
  std::vector<Json> offered;
  for (const Json& id : ids->items) {
    const auto i = static_cast<std::size_t>(id.number().value_or(-1));
    if (i < tools_.size()) offered.push_back(tools_[i]);
  }
  conversation.messages.insert(conversation.messages.begin(), offer(std::move(offered)));
  return conversation;
}

}  // namespace fathom::train
