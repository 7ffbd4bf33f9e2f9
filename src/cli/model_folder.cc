#include "cli/model_folder.h"

#include <system_error>

#include "text/markup.h"

namespace fathom::cli {
namespace fs = std::filesystem;

Result<fs::path> model_folder(const fs::path& given) {
  if (!given.empty()) return given;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const char* place : {"models/nano", "../share/fathom/models/nano"}) {
    const fs::path folder = (program / place).lexically_normal();
    if (fs::exists(folder / "config.json", error)) return folder;
  }
  return fail(ErrorCode::not_found,
              "{}: the embedded model is not there (models/nano); name a model folder, or build fathom again",
              (program / "models/nano").string());
}

Result<fs::path> tokenizer_file(const fs::path& given) {
  FATHOM_TRY(const fs::path folder, model_folder(given));
  std::error_code error;
  if (fs::is_regular_file(folder, error)) return folder;
  const fs::path file = folder / "tokenizer.json";
  if (!fs::is_regular_file(file, error))
    return fail(ErrorCode::not_found,
                "{}: there is no tokenizer.json here; copy the one that belongs to the model into the folder",
                folder.string());
  return file;
}

Result<text::Tokenizer> load_tokenizer(const fs::path& folder, const model::Config& config) {
  FATHOM_TRY(const fs::path file, tokenizer_file(folder));
  FATHOM_TRY(text::Tokenizer tokenizer, text::Tokenizer::load(file));
  if (tokenizer.vocabulary_size() > config.vocab)
    return fail(ErrorCode::corrupt,
                "{}: tokenizer.json has ids up to {}, but config.json says vocab_size {}; copy the "
                "tokenizer.json of this model",
                folder.string(), tokenizer.vocabulary_size() - 1, config.vocab);
  for (const auto token : {text::kBeginOfSentence, text::kEndOfSentence, text::kUser, text::kAssistant,
                           text::kThinkBegin, text::kThinkEnd}) {
    const auto id = tokenizer.token_id(token);
    if (!id || !tokenizer.is_added(*id))
      return fail(ErrorCode::unsupported,
                  "{}: tokenizer.json has no control token {}; is it that of a V4 model?", folder.string(),
                  token);
  }
  return tokenizer;
}

}  // namespace fathom::cli
