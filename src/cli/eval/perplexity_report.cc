#include "cli/eval/perplexity_report.h"

#include <algorithm>
#include <array>

namespace fathom::eval {
namespace {

constexpr std::array<std::string_view, kDepthRanges.size()> kRangeNames = {
    "0 - 128", "128 - 512", "512 - 2K", "2K - 8K", "8K - 32K", "32K - 128K", "128K - 512K", "from 512K"};

std::string row(std::string_view name, const Surprise& s) {
  return fmt::format("  {:<12} {:>10}  {:>10.4f}  {:>10.2f}  {:>10.4f}\n", name, s.tokens, s.nats_per_token(),
                     s.perplexity(), s.bits_per_byte());
}

boost::json::object json_of(const Surprise& s) {
  return {{"tokens", s.tokens},
          {"bytes", s.bytes},
          {"nats_per_token", s.nats_per_token()},
          {"perplexity", s.perplexity()},
          {"bits_per_byte", s.bits_per_byte()}};
}

}  // namespace

std::string table_of(const ReadText& text) {
  const PerplexityResult& result = text.result;
  std::string table =
      fmt::format("perplexity of {}: {} of {} tokens in windows of {}, {:.0f} tokens/s\n", text.name,
                  result.all.tokens, result.text_tokens, std::min(result.context, result.text_tokens),
                  result.seconds > 0 ? static_cast<double>(result.all.tokens) / result.seconds : 0);
  table += fmt::format("  {:<12} {:>10}  {:>10}  {:>10}  {:>10}\n", "depth", "tokens", "nats/token",
                       "perplexity", "bits/byte");
  for (std::size_t i = 0; i < kDepthRanges.size(); ++i)
    if (result.by_depth[i].tokens > 0) table += row(kRangeNames[i], result.by_depth[i]);
  return table + row("all", result.all);
}

boost::json::object json_of(const ReadText& text) {
  boost::json::array by_depth;
  for (std::size_t i = 0; i < kDepthRanges.size(); ++i) {
    if (text.result.by_depth[i].tokens == 0) continue;
    boost::json::object range = json_of(text.result.by_depth[i]);
    range["from"] = kDepthRanges[i].begin;
    if (i + 1 < kDepthRanges.size()) range["to"] = kDepthRanges[i].end;
    by_depth.push_back(std::move(range));
  }
  boost::json::object json = {
      {"file", text.name}, {"complete", text.result.is_complete}, {"context", text.result.context}};
  json["seconds"] = text.result.seconds;
  json["all"] = json_of(text.result.all);
  json["by_depth"] = std::move(by_depth);
  return json;
}

Svg picture_of(std::span<const ReadText> texts) {
  constexpr double kLeft = 150, kBar = 360, kRow = 22, kTop = 44, kHead = 26;
  double most = 1e-9, rows = 0;
  for (const ReadText& text : texts)
    for (const Surprise& s : text.result.by_depth) {
      most = std::max(most, s.bits_per_byte());
      rows += s.tokens > 0 ? 1 : 0;
    }
  Svg svg(720, kTop + kRow * rows + kHead * static_cast<double>(texts.size()) + 16);
  svg.text(16, 26, "Bits per byte, by tokens seen before", {.size = 15, .bold = true});
  double y = kTop;
  for (const ReadText& text : texts) {
    svg.text(16, y + 16, fmt::format("{}: {:.3f}", text.name, text.result.all.bits_per_byte()),
             {.bold = true});
    y += kHead;
    for (std::size_t i = 0; i < kDepthRanges.size(); ++i) {
      const Surprise& s = text.result.by_depth[i];
      if (s.tokens == 0) continue;
      svg.text(kLeft - 10, y + 14, kRangeNames[i], {.anchor = Anchor::end});
      svg.rectangle(kLeft, y + 2, kBar * s.bits_per_byte() / most, kRow - 6, "#6c9bd2");
      svg.text(kLeft + kBar + 12, y + 14, fmt::format("{:.3f}  ({} tokens)", s.bits_per_byte(), s.tokens));
      y += kRow;
    }
  }
  return svg;
}

}  // namespace fathom::eval
