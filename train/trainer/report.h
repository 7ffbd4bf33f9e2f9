// What the parts of a trained model do on held-out text, for its model card. Thread safety: one thread.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace fathom::train {

struct ReportOptions {
  int rows = 16;     // of books, and as many of conversations
  int tokens = 512;  // in a row
};

// Markdown: bits per byte as the official numerics compute them, the share of tokens of every expert, and
// what it costs to leave out the attention or the experts of each layer. `model`: a folder in the released
// layout. Errors: those of loading the model and the corpus.
Result<std::string> report(const std::filesystem::path& model, const std::filesystem::path& corpus,
                           const ReportOptions& options);

}  // namespace fathom::train
