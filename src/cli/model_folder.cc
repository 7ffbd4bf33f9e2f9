#include "cli/model_folder.h"

#include <system_error>

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

}  // namespace fathom::cli
