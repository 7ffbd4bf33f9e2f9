#include "api/effort_table.h"

#include <gtest/gtest.h>

#include <fstream>

#include "testing/test_data.h"

namespace fathom::api {
namespace {

using text::EffortTable;
namespace fs = std::filesystem;

void write(const fs::path& file, std::string_view text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

TEST(EffortTable, IsAprilsWithoutAnyHint) {
  EXPECT_EQ(find_effort_table(testing::temporary_folder()).value(), EffortTable::v0423);
}

TEST(EffortTable, IsRecognisedFromTheCheckpointsEncoder) {
  const fs::path folder = testing::temporary_folder();
  write(folder / "encoding/encoding_dsv4.py", "HIGH = 'Absolute maximum with no shortcuts'");
  EXPECT_EQ(find_effort_table(folder).value(), EffortTable::v0423);
  write(folder / "encoding/encoding_dsv4.py", "MAX = 'Reasoning Effort: Beyond maximum — exhaustive'");
  EXPECT_EQ(find_effort_table(folder).value(), EffortTable::v0731);
}

TEST(EffortTable, IsWhatTheSettingsSay) {
  const fs::path folder = testing::temporary_folder();
  write(folder / "encoding/encoding_dsv4.py", "Beyond maximum");
  write(folder / "fathom.json", R"({"other": 1})");
  EXPECT_EQ(find_effort_table(folder).value(), EffortTable::v0731);
  write(folder / "fathom.json", R"({"effort_table": "0423"})");
  EXPECT_EQ(find_effort_table(folder).value(), EffortTable::v0423);
  for (const auto bad : {R"({"effort_table": "1999"})", R"({"effort_table": 3})", "{"}) {
    write(folder / "fathom.json", bad);
    EXPECT_EQ(find_effort_table(folder).error().code, ErrorCode::corrupt) << bad;
  }
}

}  // namespace
}  // namespace fathom::api
