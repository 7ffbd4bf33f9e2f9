// A corpus of a few sentences, for tests. Header only; included by tests alone.
#pragma once

#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "testing/test_data.h"

namespace fathom::train {

inline void write_zstd(const std::filesystem::path& file, const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  std::ofstream(file, std::ios::binary) << packed;
}

// A folder with one book of the kind and size that Corpus wants.
inline std::filesystem::path make_test_corpus() {
  const std::filesystem::path folder = testing::temporary_folder();
  std::string book;
  for (int i = 0; book.size() < 60000; ++i)
    book += "The " + std::to_string(i) + ". fox went over the hill and saw that the river was wide.\\n\\n";
  write_zstd(folder / "gutenberg.jsonl.zst",
             "{\"title\": \"Foxes\", \"author\": \"N. N.\", \"text\": \"" + book + "\"}\n");
  write_zstd(folder / "trivia.jsonl.zst",
             "{\"q\": \"Is this held out?\", \"a\": \"yes\"}\n{\"q\": \"Is this for training?\", \"a\": "
             "\"indeed\"}\n");
  return folder;
}

}  // namespace fathom::train
