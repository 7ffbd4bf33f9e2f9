#include "train/data/json_lines.h"

#include <zstd.h>

#include "os/mapped_file.h"

namespace fathom::train {
namespace fs = std::filesystem;
namespace {

constexpr int kLargestWindowLog = 27;  // the corpus is compressed with --long=27

}  // namespace

Result<std::string> read_zstd(const fs::path& file) {
  FATHOM_TRY(const os::MappedFile mapped, os::MappedFile::open(file));
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kLargestWindowLog);
  std::string text, buffer(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer in{mapped.bytes().data(), mapped.bytes().size(), 0};
  std::size_t left = 0;
  while (in.pos < in.size) {
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(left))
      return fail(ErrorCode::corrupt, "{}: not readable as zstd: {}", file.string(), ZSTD_getErrorName(left));
    text.append(buffer.data(), out.pos);
  }
  while (left != 0) {  // what the decoder still holds
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(left) || out.pos == 0)
      return fail(ErrorCode::corrupt, "{}: the file ends too early", file.string());
    text.append(buffer.data(), out.pos);
  }
  return text;
}

Result<JsonLines> JsonLines::load(const fs::path& zst_file) {
  JsonLines lines;
  lines.where_ = zst_file.string();
  FATHOM_TRY(std::string text, read_zstd(zst_file));
  lines.text_ = std::make_unique<const std::string>(std::move(text));
  std::string_view rest = *lines.text_;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (end > 0) lines.lines_.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return lines;
}

Result<text::Json> JsonLines::at(std::size_t line) const {
  auto parsed = text::parse_json(lines_.at(line));
  if (!parsed) return fail(ErrorCode::corrupt, "{}: line {}: {}", where_, line + 1, parsed.error().message);
  return parsed;
}

}  // namespace fathom::train
