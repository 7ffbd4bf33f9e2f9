// Where models are: the folder that a person named, or the embedded nano.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "model/config.h"
#include "text/tokenizer.h"

namespace fathom::cli {

// `given`, or when that is empty the nano model that comes with the program: models/nano beside the
// executable (a build folder) or ../share/fathom/models/nano (an installation). Errors: not_found.
Result<std::filesystem::path> model_folder(const std::filesystem::path& given);

// The tokenizer.json of a model folder; `given` may also be the file itself. Errors: not_found.
Result<std::filesystem::path> tokenizer_file(const std::filesystem::path& given);

// The tokenizer of a model folder, good for conversations: it fits the vocabulary of the model and has V4's
// control tokens. Errors: not_found, corrupt, unsupported.
Result<text::Tokenizer> load_tokenizer(const std::filesystem::path& folder, const model::Config& config);

}  // namespace fathom::cli
