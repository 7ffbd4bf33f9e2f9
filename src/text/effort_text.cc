#include "text/effort_text.h"

namespace fathom::text {

namespace {

constexpr std::string_view kAbsoluteMaximum =
    "Reasoning Effort: Absolute maximum with no shortcuts permitted.\n"
    "You MUST be very thorough in your thinking and comprehensively decompose the problem to resolve the "
    "root cause, "
    "rigorously stress-testing your logic against all potential paths, edge cases, and adversarial "
    "scenarios.\n"
    "Explicitly write out your entire deliberation process, documenting every intermediate step, considered "
    "alternative, and rejected hypothesis to ensure absolutely no assumption is left unchecked.\n\n";

constexpr std::string_view kBeyondMaximum =
    "Reasoning Effort: Beyond maximum — exhaustive, relentless, and uncompromising.\n"
    "You MUST reason with the utmost depth and rigor, leaving absolutely nothing to chance: exhaustively "
    "decompose "
    "the problem into its most fundamental components, trace every causal chain to its root, and resolve the "
    "underlying cause rather than any surface symptom.\n"
    "Do not stop reasoning until you have independently verified the solution from multiple angles and are "
    "certain "
    "that no assumption remains unchecked and no error remains undiscovered.\n\n";

}  // namespace

std::optional<EffortTable> effort_table_named(std::string_view name) {
  if (name == "0423") return EffortTable::v0423;
  if (name == "0731") return EffortTable::v0731;
  return std::nullopt;
}

std::string_view effort_text(std::optional<Effort> effort, EffortTable table) {
  if (effort == Effort::max) return table == EffortTable::v0423 ? kAbsoluteMaximum : kBeyondMaximum;
  if (effort == Effort::high && table == EffortTable::v0731) return kAbsoluteMaximum;
  return {};
}

}  // namespace fathom::text
