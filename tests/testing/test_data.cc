#include "testing/test_data.h"

#include <unistd.h>
#include <zstd.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "formats/number.h"

namespace fathom::testing {
namespace fs = std::filesystem;
namespace {

std::vector<char> read_all(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

void unpack(const fs::path& packed, const fs::path& target) {
  const std::vector<char> input = read_all(packed);
  const auto size = ZSTD_getFrameContentSize(input.data(), input.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN)
    throw std::runtime_error(packed.string() + " is not a zstd file with a known size");
  std::vector<char> output(size);
  if (ZSTD_decompress(output.data(), size, input.data(), input.size()) != size)
    throw std::runtime_error("cannot decompress " + packed.string());
  fs::create_directories(target.parent_path());
  fs::path temporary = target;
  temporary += "." + std::to_string(::getpid());
  std::ofstream(temporary, std::ios::binary).write(output.data(), static_cast<std::streamsize>(size));
  fs::rename(temporary, target);
}

const formats::Tensor& find(const formats::Checkpoint& file, std::string_view tensor) {
  const formats::Tensor* found = file.find(tensor);
  if (!found) throw std::runtime_error("no golden tensor " + std::string(tensor));
  return *found;
}

template <class T, class Out>
void widen(std::span<const std::byte> bytes, std::vector<Out>& out) {
  for (std::size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + i, sizeof value);
    out.push_back(static_cast<Out>(value));
  }
}

}  // namespace

fs::path data_file(std::string_view name) {
  const fs::path plain = fs::path(FATHOM_TEST_DATA) / name;
  if (fs::exists(plain)) return plain;
  fs::path packed = plain;
  packed += ".zst";
  const fs::path target = fs::path(FATHOM_TEST_UNPACKED) / name;
  if (!fs::exists(target) || fs::last_write_time(target) < fs::last_write_time(packed)) unpack(packed, target);
  return target;
}

fs::path data_folder(std::string_view name) {
  const fs::path source = fs::path(FATHOM_TEST_DATA) / name;
  const fs::path target = fs::path(FATHOM_TEST_UNPACKED) / name;
  for (const auto& entry : fs::directory_iterator(source)) {
    if (entry.path().extension() == ".zst") {
      data_file((fs::path(name) / entry.path().stem()).string());
    } else if (!fs::exists(target / entry.path().filename())) {
      fs::create_directories(target);
      std::error_code ignored;  // another process may have copied it in between
      fs::copy_file(entry.path(), target / entry.path().filename(), ignored);
    }
  }
  return target;
}

fs::path temporary_folder() {
  struct Root {
    fs::path path = fs::temp_directory_path() / ("fathom-test-" + std::to_string(::getpid()));
    ~Root() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  };
  static Root root;
  static std::atomic<int> next = 0;
  const fs::path folder = root.path / std::to_string(next++);
  fs::create_directories(folder);
  return folder;
}

std::vector<float> floats(const formats::Checkpoint& file, std::string_view tensor) {
  const formats::Tensor& t = find(file, tensor);
  std::vector<float> out;
  if (t.dtype == formats::DType::f32) {
    widen<float>(t.bytes, out);
  } else if (t.dtype == formats::DType::bf16) {
    std::vector<std::uint16_t> bits;
    widen<std::uint16_t>(t.bytes, bits);
    for (std::uint16_t b : bits) out.push_back(formats::bf16_to_float(b));
  } else {
    throw std::runtime_error(std::string(tensor) + " is not F32 or BF16");
  }
  return out;
}

std::vector<std::int64_t> integers(const formats::Checkpoint& file, std::string_view tensor) {
  const formats::Tensor& t = find(file, tensor);
  std::vector<std::int64_t> out;
  if (t.dtype == formats::DType::i64) {
    widen<std::int64_t>(t.bytes, out);
  } else if (t.dtype == formats::DType::i32) {
    widen<std::int32_t>(t.bytes, out);
  } else {
    throw std::runtime_error(std::string(tensor) + " is not I32 or I64");
  }
  return out;
}

std::vector<std::uint8_t> raw(const formats::Checkpoint& file, std::string_view tensor) {
  const auto bytes = find(file, tensor).bytes;
  const auto* first = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return {first, first + bytes.size()};
}

}  // namespace fathom::testing
