#include "api/effort_table.h"

#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>

#include "text/json.h"

namespace fathom::api {

using text::EffortTable;
namespace fs = std::filesystem;

namespace {

// The first words of what the later checkpoints say for "max", and the earlier ones do not know.
constexpr std::string_view kLaterText = "Beyond maximum";

std::optional<std::string> read(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return std::nullopt;
  std::ifstream in(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

Result<EffortTable> find_effort_table(const fs::path& folder) {
  const fs::path settings = folder / "fathom.json";
  if (const auto text = read(settings)) {
    const auto json = text::parse_json(*text);
    if (!json) return fail(ErrorCode::corrupt, "{}: {}", settings.string(), json.error().message);
    if (const text::Json* name = json->find("effort_table")) {
      const auto table = text::effort_table_named(name->text);
      if (!name->is_string() || !table)
        return fail(ErrorCode::corrupt, "{}: \"effort_table\" must be \"0423\" or \"0731\"",
                    settings.string());
      return *table;
    }
  }
  const auto encoder = read(folder / "encoding" / "encoding_dsv4.py");
  return encoder && encoder->find(kLaterText) != encoder->npos ? EffortTable::v0731 : EffortTable::v0423;
}

}  // namespace fathom::api
