#include <array>

#include "formats/safetensors.h"

namespace fathom::formats {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  std::size_t size;
};

constexpr std::array kTypes = {
    Row{DType::boolean, "BOOL", 1},    Row{DType::u8, "U8", 1},           Row{DType::i8, "I8", 1},
    Row{DType::i16, "I16", 2},         Row{DType::u16, "U16", 2},         Row{DType::i32, "I32", 4},
    Row{DType::u32, "U32", 4},         Row{DType::i64, "I64", 8},         Row{DType::u64, "U64", 8},
    Row{DType::f16, "F16", 2},         Row{DType::bf16, "BF16", 2},       Row{DType::f32, "F32", 4},
    Row{DType::f64, "F64", 8},         Row{DType::f8_e4m3, "F8_E4M3", 1}, Row{DType::f8_e5m2, "F8_E5M2", 1},
    Row{DType::f8_e8m0, "F8_E8M0", 1},
};

constexpr bool in_enum_order() {
  for (std::size_t i = 0; i < kTypes.size(); ++i)
    if (static_cast<std::size_t>(kTypes[i].dtype) != i) return false;
  return true;
}
static_assert(in_enum_order());

}  // namespace

std::string_view name(DType dtype) {
  return kTypes[static_cast<std::size_t>(dtype)].name;
}

std::size_t size_of(DType dtype) {
  return kTypes[static_cast<std::size_t>(dtype)].size;
}

std::optional<DType> dtype_of_name(std::string_view name) {
  for (const Row& row : kTypes)
    if (row.name == name) return row.dtype;
  return std::nullopt;
}

}  // namespace fathom::formats
