#include "architecture_rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <regex>
#include <set>
#include <sstream>
#include <string_view>

namespace fathom::testing {
namespace {

constexpr int kMaxLines = 700;

// From the ground up.
constexpr std::array<std::string_view, 11> kRooms = {"base",   "os",   "formats", "kernels", "model", "cache",
                                                     "engine", "text", "api",     "server",  "cli"};
// Rooms that work without a model on purpose, though it is below them.
const std::set<std::string_view> kRoomsWithoutModel = {"text", "server"};
const std::set<std::string_view> kModelRooms = {"kernels", "model", "cache"};

// Compiled with flags of their own. scalar/ is not among them: it runs everywhere.
const std::set<std::string_view> kIsaFolders = {"avx2", "avx512", "amx", "neon", "cuda"};

int floor_of(std::string_view room) {
  const auto found = std::find(kRooms.begin(), kRooms.end(), room);
  return found == kRooms.end() ? -1 : static_cast<int>(found - kRooms.begin());
}

bool is_test(const std::string& path) {
  return path.ends_with("_test.cc");
}

bool may_end_the_program(const std::string& path) {
  return is_test(path) || path == "src/cli/main/main.cc" || path == "src/base/check.h";
}

// "kernels/avx2/linear.cc" -> {"kernels", "avx2", "linear.cc"}.
std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

bool in_isa_folder(const std::vector<std::string>& parts) {
  return parts.size() >= 3 && parts[0] == "kernels" && kIsaFolders.count(parts[1]) > 0;
}

class Inspection {
 public:
  explicit Inspection(const SourceFile& file) : file_(file) {
    const std::string src = "src/";
    if (file.path.starts_with(src)) place_ = split(file.path.substr(src.size()), '/');
  }

  std::vector<std::string> breaches() {
    if (place_.size() < 2 || floor_of(place_[0]) < 0) {
      report(1, "stands in no room of the house. Move it into the room that its subject belongs to.");
      return found_;
    }
    const std::vector<std::string> lines = split(file_.text, '\n');
    const std::vector<std::string> code = split(code_only(file_.text), '\n');
    if (lines.size() > kMaxLines)
      report(kMaxLines + 1, "has " + std::to_string(lines.size()) + " lines, more than " +
                                std::to_string(kMaxLines) + ". Give each idea of it a file of its own.");
    for (std::size_t i = 0; i < lines.size(); ++i) {
      check_include(static_cast<int>(i) + 1, lines[i]);
      if (i < code.size()) check_ending(static_cast<int>(i) + 1, code[i]);
    }
    return found_;
  }

 private:
  void report(int line, const std::string& message) {
    found_.push_back(file_.path + ":" + std::to_string(line) + ": " + message);
  }

  void check_include(int line, const std::string& text) {
    static const std::regex kInclude(R"(^\s*#\s*include\s*"([^"]+)\")");
    std::smatch match;
    if (!std::regex_search(text, match, kInclude)) return;
    const std::string included = match[1];
    const std::vector<std::string> target = split(included, '/');
    const std::string& own = place_[0];

    if (is_test(file_.path) && target[0] == "testing") return;
    if (floor_of(target[0]) < 0) {
      report(line, "includes \"" + included + "\", which names no room. Write it as \"room/file.h\".");
    } else if (floor_of(target[0]) > floor_of(own)) {
      report(line, own + "/ includes \"" + included + "\", but " + target[0] + "/ stands above " + own +
                       "/. Move what is needed down, or let the caller pass it in.");
    } else if (kRoomsWithoutModel.count(own) > 0 && kModelRooms.count(target[0]) > 0) {
      report(line, own + "/ includes \"" + included + "\", but " + own +
                       "/ knows no model. Let a room above bring the two together.");
    } else if (in_isa_folder(target) && own != "kernels") {
      report(line, "includes \"" + included +
                       "\" of one instruction set. Call the operation through kernels/kernels.h.");
    } else if (in_isa_folder(place_) && !is_test(file_.path) && target[0] != "kernels") {
      report(line, "includes \"" + included + "\" in a file compiled for " + place_[1] +
                       ": an inline function of it could be emitted with instructions that other CPUs lack. "
                       "Include only headers of kernels/.");
    }
  }

  // Excepted are std::bad_alloc (a small allocation that fails in C code ends as one that fails in new), the
  // exceptions that CLI11 asks of callbacks, and members that happen to have such a name: app.exit().
  void check_ending(int line, const std::string& code) {
    static const std::regex kThrow(R"(\bthrow\b(?!\s+std::bad_alloc\b)(?!\s+CLI::))");
    static const std::regex kEnd(R"((^|[^\w.>])(abort|exit|_exit|_Exit|quick_exit|terminate|assert)\s*\()");
    if (may_end_the_program(file_.path)) return;
    std::smatch match;
    std::string word;
    if (std::regex_search(code, match, kEnd)) word = match[2].str() + "()";
    if (std::regex_search(code, match, kThrow)) word = "throw";
    if (word.empty()) return;
    report(line, "uses " + word +
                     ". Return a Result (base/result.h), or FATHOM_CHECK what no input can make false.");
  }

  const SourceFile& file_;
  std::vector<std::string> place_;  // the path below src/
  std::vector<std::string> found_;
};

// Where the literal that opens at `start` ends: past its closing quote, or at the end of the text.
std::size_t end_of_quoted(const std::string& text, std::size_t start) {
  for (std::size_t i = start + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == text[start] || text[i] == '\n') {
      return i + 1;
    }
  }
  return text.size();
}

// Of R"name( ... )name", `start` being the quote.
std::size_t end_of_raw_string(const std::string& text, std::size_t start) {
  const std::size_t open = text.find('(', start);
  if (open == text.npos) return text.size();
  const std::string close = ")" + text.substr(start + 1, open - start - 1) + "\"";
  const std::size_t end = text.find(close, open);
  return end == text.npos ? text.size() : end + close.size();
}

std::size_t past(const std::string& text, const char* mark, std::size_t from, std::size_t keep) {
  const std::size_t at = text.find(mark, from);
  return at == text.npos ? text.size() : at + keep;
}

// Where the comment or literal that starts at `i` ends; `i` itself when none does.
std::size_t end_of_non_code(const std::string& text, std::size_t i) {
  const bool after_word =
      i > 0 && (std::isalnum(static_cast<unsigned char>(text[i - 1])) || text[i - 1] == '_');
  if (text.compare(i, 2, "//") == 0) return past(text, "\n", i, 0);
  if (text.compare(i, 2, "/*") == 0) return past(text, "*/", i + 2, 2);
  if (text[i] == '"')
    return i > 0 && text[i - 1] == 'R' ? end_of_raw_string(text, i) : end_of_quoted(text, i);
  if (text[i] == '\'' && !after_word) return end_of_quoted(text, i);  // else a digit separator: 10'000
  return i;
}

}  // namespace

std::string code_only(const std::string& text) {
  std::string code = text;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = end_of_non_code(text, i);
    for (std::size_t j = i; j < end; ++j)
      if (text[j] != '\n') code[j] = ' ';
    i = std::max(end, i + 1);
  }
  return code;
}

std::vector<std::string> breaches(const std::vector<SourceFile>& files) {
  std::vector<std::string> all;
  for (const SourceFile& file : files) {
    for (std::string& breach : Inspection(file).breaches()) all.push_back(std::move(breach));
  }
  return all;
}

}  // namespace fathom::testing
