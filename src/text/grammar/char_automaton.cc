#include "text/grammar/char_automaton.h"

#include <algorithm>
#include <map>
#include <utility>

#include "text/utf8.h"

namespace fathom::text::grammar {

namespace {

using Node = CharAutomaton::Node;
using Range = CharAutomaton::Range;

constexpr char32_t kLast = 0x10FFFF;
constexpr char32_t kFirstSurrogate = 0xD800, kLastSurrogate = 0xDFFF;

// A range of all scalar values from `first` to `last`, which leaves out the surrogates.
void add_scalars(Node& node, char32_t first, char32_t last, std::uint32_t target) {
  if (first < kFirstSurrogate && last > kLastSurrogate) {
    add_range(node, first, kFirstSurrogate - 1, target);
    add_range(node, kLastSurrogate + 1, last, target);
    return;
  }
  if (first >= kFirstSurrogate && first <= kLastSurrogate) first = kLastSurrogate + 1;
  if (last >= kFirstSurrogate && last <= kLastSurrogate) last = kFirstSurrogate - 1;
  if (first <= last) add_range(node, first, last, target);
}

char32_t point_of(std::string_view part) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(part[i])); };
  char32_t point = part.size() == 1 ? byte(0) : byte(0) & (0x7Fu >> part.size());
  for (std::size_t i = 1; i < part.size(); ++i) point = point << 6 | (byte(i) & 0x3F);
  return point;
}

tl::unexpected<Error> too_large() {
  return fail(ErrorCode::unsupported, "it needs an automaton of more than {} states", kMostNodes);
}

}  // namespace

std::u32string code_points(std::string_view utf8) {
  std::u32string points;
  while (!utf8.empty()) {
    const Utf8Part part = first_part(utf8);
    if (part.kind != Utf8Part::complete) break;
    points += point_of(utf8.substr(0, part.size));
    utf8.remove_prefix(part.size);
  }
  return points;
}

void add_range(Node& node, char32_t first, char32_t last, std::uint32_t target) {
  if (!node.ranges.empty() && node.ranges.back().target == target && node.ranges.back().last + 1 == first) {
    node.ranges.back().last = last;
  } else {
    node.ranges.push_back({first, last, target});
  }
}

std::optional<std::uint32_t> Node::next(char32_t point) const {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), point,
                                      [](char32_t value, const Range& range) { return value < range.first; });
  if (after == ranges.begin() || std::prev(after)->last < point) return std::nullopt;
  return std::prev(after)->target;
}

bool Node::leads_on(char32_t first, char32_t last) const {
  const auto range = std::lower_bound(ranges.begin(), ranges.end(), first,
                                      [](const Range& one, char32_t value) { return one.last < value; });
  return range != ranges.end() && range->first <= last;
}

bool CharAutomaton::accepts(std::string_view utf8) const {
  if (nodes.empty()) return false;
  std::uint32_t node = 0;
  while (!utf8.empty()) {
    const Utf8Part part = first_part(utf8);
    if (part.kind != Utf8Part::complete) return false;
    const auto next = nodes[node].next(point_of(utf8.substr(0, part.size)));
    if (!next) return false;
    node = *next;
    utf8.remove_prefix(part.size);
  }
  return nodes[node].accepts;
}

CharAutomaton any_text() {
  return text_without({});
}

CharAutomaton one_of(std::span<const std::string> texts) {
  std::vector<std::map<char32_t, std::uint32_t>> edges(1);
  std::vector<bool> accepts(1);
  for (const std::string& text : texts) {
    std::uint32_t node = 0;
    for (const char32_t point : code_points(text)) {
      const auto [edge, is_new] = edges[node].emplace(point, static_cast<std::uint32_t>(edges.size()));
      node = edge->second;
      if (is_new) {
        edges.emplace_back();
        accepts.push_back(false);
      }
    }
    accepts[node] = true;
  }
  CharAutomaton automaton;
  if (texts.empty()) return automaton;
  automaton.nodes.resize(edges.size());
  for (std::size_t i = 0; i < edges.size(); ++i) {
    automaton.nodes[i].accepts = accepts[i];
    for (const auto& [point, target] : edges[i]) add_range(automaton.nodes[i], point, point, target);
  }
  return automaton;
}

// The automaton of Aho and Corasick: a node is the longest end of the text that begins a marker.
CharAutomaton text_without(std::span<const std::string_view> markers) {
  std::vector<std::u32string> words;
  std::vector<std::u32string> begun = {U""};
  std::u32string alphabet;
  for (const std::string_view marker : markers) {
    const std::u32string word = code_points(marker);
    words.push_back(word);
    alphabet += word;
    for (std::size_t size = 1; size < word.size(); ++size) {
      const std::u32string begin = word.substr(0, size);
      if (std::find(begun.begin(), begun.end(), begin) == begun.end()) begun.push_back(begin);
    }
  }
  std::sort(alphabet.begin(), alphabet.end());
  alphabet.erase(std::unique(alphabet.begin(), alphabet.end()), alphabet.end());

  const auto ends_marker = [&](const std::u32string& text) {
    return std::any_of(words.begin(), words.end(), [&](const auto& word) { return text.ends_with(word); });
  };
  CharAutomaton automaton;
  for (const std::u32string& text : begun) {
    Node node;
    node.accepts = true;
    char32_t from = 0;
    for (const char32_t point : alphabet) {
      if (from < point) add_scalars(node, from, point - 1, 0);
      from = point + 1;
      std::u32string longer = text + point;
      if (ends_marker(longer)) continue;
      auto found = begun.end();
      while ((found = std::find(begun.begin(), begun.end(), longer)) == begun.end()) longer.erase(0, 1);
      add_range(node, point, point, static_cast<std::uint32_t>(found - begun.begin()));
    }
    add_scalars(node, from, kLast, 0);
    automaton.nodes.push_back(std::move(node));
  }
  return automaton;
}

Result<CharAutomaton> text_of_length(std::uint32_t least, std::optional<std::uint32_t> most) {
  const std::size_t count = std::size_t{most.value_or(least)} + 1;
  if (count > kMostNodes) return too_large();
  CharAutomaton automaton;
  if (most && *most < least) return automaton;
  automaton.nodes.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    automaton.nodes[i].accepts = i >= least;
    if (i + 1 < count) add_scalars(automaton.nodes[i], 0, kLast, i + 1);
  }
  if (!most) add_scalars(automaton.nodes.back(), 0, kLast, least);
  return automaton;
}

Result<CharAutomaton> intersection(const CharAutomaton& a, const CharAutomaton& b) {
  CharAutomaton both;
  if (a.empty() || b.empty()) return both;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> ids = {{{0, 0}, 0}};
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs = {{0, 0}};
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (pairs.size() > kMostNodes) return too_large();
    const Node& left = a.nodes[pairs[i].first];
    const Node& right = b.nodes[pairs[i].second];
    Node node;
    node.accepts = left.accepts && right.accepts;
    auto l = left.ranges.begin(), r = right.ranges.begin();
    while (l != left.ranges.end() && r != right.ranges.end()) {
      const char32_t first = std::max(l->first, r->first), last = std::min(l->last, r->last);
      if (first <= last) {
        const std::pair targets(l->target, r->target);
        const auto [id, is_new] = ids.emplace(targets, static_cast<std::uint32_t>(pairs.size()));
        if (is_new) pairs.push_back(targets);
        add_range(node, first, last, id->second);
      }
      ++(l->last < r->last ? l : r);
    }
    both.nodes.push_back(std::move(node));
  }
  return trimmed(std::move(both));
}

CharAutomaton complement(const CharAutomaton& automaton) {
  CharAutomaton other = automaton;
  const auto rest = static_cast<std::uint32_t>(other.nodes.size());  // where all goes that led nowhere
  other.nodes.emplace_back();
  for (Node& node : other.nodes) {
    const std::vector<Range> ranges = std::exchange(node.ranges, {});
    char32_t from = 0;
    for (const Range& range : ranges) {
      if (from < range.first) add_scalars(node, from, range.first - 1, rest);
      add_range(node, range.first, range.last, range.target);
      from = range.last + 1;
    }
    if (from <= kLast) add_scalars(node, from, kLast, rest);
    node.accepts = !node.accepts;
  }
  return trimmed(std::move(other));
}

CharAutomaton trimmed(CharAutomaton automaton) {
  auto& nodes = automaton.nodes;
  std::vector<std::vector<std::uint32_t>> sources(nodes.size());
  std::vector<std::uint32_t> open;
  std::vector<bool> lives(nodes.size());
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    for (const Range& range : nodes[i].ranges) sources[range.target].push_back(i);
    if (nodes[i].accepts) open.push_back(i);
    lives[i] = nodes[i].accepts;
  }
  while (!open.empty()) {
    const std::uint32_t node = open.back();
    open.pop_back();
    for (const std::uint32_t source : sources[node]) {
      if (!lives[source]) open.push_back(source);
      lives[source] = true;
    }
  }
  CharAutomaton kept;
  if (nodes.empty() || !lives[0]) return kept;
  constexpr std::uint32_t kNone = 0xFFFFFFFF;
  std::vector<std::uint32_t> places(nodes.size(), kNone), order = {0};
  places[0] = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Node& node = nodes[order[i]];
    Node copy;
    copy.accepts = node.accepts;
    for (const Range& range : node.ranges) {
      if (!lives[range.target]) continue;
      if (places[range.target] == kNone) {
        places[range.target] = static_cast<std::uint32_t>(order.size());
        order.push_back(range.target);
      }
      add_range(copy, range.first, range.last, places[range.target]);
    }
    kept.nodes.push_back(std::move(copy));
  }
  return kept;
}

}  // namespace fathom::text::grammar
