#include "cli/suggestion.h"

#include <fmt/format.h>

#include <algorithm>

namespace fathom::cli {

int edit_distance(std::string_view a, std::string_view b) {
  // distance[i][j]: between the first i bytes of a and the first j of b.
  std::vector<std::vector<int>> distance(a.size() + 1, std::vector<int>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      int& best = distance[i][j];
      if (i == 0 || j == 0) {
        best = static_cast<int>(i + j);
        continue;
      }
      best = distance[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      best = std::min({best, distance[i - 1][j] + 1, distance[i][j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        best = std::min(best, distance[i - 2][j - 2] + 1);
    }
  }
  return distance[a.size()][b.size()];
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string* nearest = nullptr;
  // A third of the word may be wrong; a beginning of a candidate counts as near.
  int best = static_cast<int>(word.size()) / 3 + 2;
  for (const std::string& candidate : candidates) {
    const bool begins = word.size() > 2 && candidate.starts_with(word);
    const int distance = begins ? 1 : edit_distance(word, candidate);
    if (distance < best) {
      best = distance;
      nearest = &candidate;
    }
  }
  return nearest ? fmt::format(": did you mean {}?", *nearest) : std::string();
}

}  // namespace fathom::cli
