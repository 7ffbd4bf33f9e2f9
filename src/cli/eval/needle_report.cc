#include "cli/eval/needle_report.h"

#include <cmath>

#include "cli/eval/rate_text.h"

namespace fathom::eval {
namespace {

double read_rate(const NeedleLength& length) {
  return length.read_seconds > 0 ? static_cast<double>(length.read) / length.read_seconds : 0;
}

bool is_bitten(const Selection& selection) {
  return selection.selected < selection.visible;
}

// "16384" -> "16K" where it is a whole number of them.
std::string short_length(std::int64_t tokens) {
  if (tokens % (1 << 20) == 0) return fmt::format("{}M", tokens >> 20);
  if (tokens % (1 << 10) == 0) return fmt::format("{}K", tokens >> 10);
  return std::to_string(tokens);
}

}  // namespace

std::string table_head(const NeedleOptions& options) {
  std::string head = fmt::format("needles: {} texts of each length, {} questions each; found at depth\n",
                                 options.texts, options.depths.size());
  head += fmt::format("  {:>8}  {:<36}", "tokens", "found (95 % interval)");
  for (const double depth : options.depths) head += fmt::format(" {:>5}", fmt::format("{:g} %", depth));
  return head + fmt::format("  {:>9}  {:>9}  {}\n", "read at", "cache", "index lets through");
}

std::string table_row(const NeedleOptions& options, const NeedleResult& result, const NeedleLength& length,
                      const model::Model& model) {
  std::string row = fmt::format("  {:>8}  {:<36}", length.tokens, rate_text(result.at(length.length)));
  for (const double depth : options.depths) {
    const PassRate rate = result.at(length.length, depth);
    row += fmt::format(" {:>5}", fmt::format("{}/{}", rate.right, rate.n));
  }
  const Selection selection = selection_at(model, length.tokens);
  row += fmt::format("  {:>7.0f}/s  {:>6.1f} MB  ", read_rate(length),
                     static_cast<double>(length.cache_bytes) / 1e6);
  if (selection.layers == 0) return row + "(no index)\n";
  return row + fmt::format("{} of {} entries\n", selection.selected, selection.visible);
}

boost::json::object json_of(const NeedleOptions& options, const NeedleResult& result,
                            const model::Model& model) {
  boost::json::array lengths, cells, questions;
  for (const NeedleLength& length : result.lengths) {
    const PassRate all = result.at(length.length);
    if (all.n == 0) continue;
    const Selection selection = selection_at(model, length.tokens);
    boost::json::object json = {{"length", length.length}, {"tokens", length.tokens}};
    json["found"] = json_of(all);
    json["read_tokens_per_s"] = read_rate(length);
    json["cache_bytes"] = length.cache_bytes;
    json["index"] = {{"layers", selection.layers},
                     {"visible", selection.visible},
                     {"selected", selection.selected},
                     {"bites", is_bitten(selection)}};
    lengths.push_back(std::move(json));
    for (const double depth : options.depths) {
      const PassRate rate = result.at(length.length, depth);
      if (rate.n > 0)
        cells.push_back({{"length", length.length}, {"depth", depth}, {"n", rate.n}, {"right", rate.right}});
    }
  }
  for (const NeedleAnswer& a : result.answers)
    questions.push_back({{"length", a.length},
                         {"tokens", a.tokens},
                         {"depth", a.depth},
                         {"found_at", a.found_at},
                         {"question", a.question},
                         {"expected", a.value},
                         {"answer", a.answer},
                         {"found", name(a.found)}});
  return {{"complete", result.is_complete},
          {"texts", options.texts},
          {"seed", options.seed},
          {"lengths", lengths},
          {"cells", cells},
          {"questions", questions}};
}

Svg picture_of(const NeedleOptions& options, const NeedleResult& result, const model::Model& model) {
  constexpr double kLeft = 110, kTop = 78, kWidth = 92, kHeight = 30, kBelow = 66;
  const double columns = static_cast<double>(result.lengths.size()),
               rows = static_cast<double>(options.depths.size());
  Svg svg(std::max(460.0, kLeft + kWidth * columns + 24), kTop + kHeight * rows + kBelow);
  svg.text(16, 26, "Needles found, by length of the text and place in it", {.size = 15, .bold = true});
  svg.text(16, 46, "rows: share of the text before the needle; columns: tokens of the prompt",
           {.color = "#666"});
  for (std::size_t r = 0; r < options.depths.size(); ++r)
    svg.text(kLeft - 10, kTop + kHeight * (static_cast<double>(r) + 0.65),
             fmt::format("{:g} %", options.depths[r]), {.anchor = Anchor::end});
  const double below = kTop + kHeight * rows;
  svg.text(kLeft - 10, below + 20, "all", {.anchor = Anchor::end, .bold = true});
  svg.text(kLeft - 10, below + 40, "index takes", {.anchor = Anchor::end, .size = 11, .color = "#666"});
  for (std::size_t c = 0; c < result.lengths.size(); ++c) {
    const NeedleLength& length = result.lengths[c];
    const double x = kLeft + kWidth * static_cast<double>(c), middle = x + kWidth / 2;
    svg.text(middle, kTop - 8, short_length(length.length), {.anchor = Anchor::middle, .bold = true});
    for (std::size_t r = 0; r < options.depths.size(); ++r) {
      const PassRate rate = result.at(length.length, options.depths[r]);
      const double y = kTop + kHeight * static_cast<double>(r);
      svg.rectangle(x + 1, y + 1, kWidth - 2, kHeight - 2, rate.n > 0 ? share_color(rate.rate()) : "#eeeeee");
      if (rate.n > 0)
        svg.text(middle, y + 20, fmt::format("{} / {}", rate.right, rate.n), {.anchor = Anchor::middle});
    }
    const PassRate all = result.at(length.length);
    if (all.n == 0) continue;
    const Selection selection = selection_at(model, length.tokens);
    svg.text(middle, below + 20, fmt::format("{:.1f} %", 100 * all.rate()),
             {.anchor = Anchor::middle, .bold = true});
    svg.text(middle, below + 40, fmt::format("{} of {}", selection.selected, selection.visible),
             {.anchor = Anchor::middle, .size = 11, .color = "#666"});
  }
  return svg;
}

}  // namespace fathom::eval
