#include "api/random_id.h"

#include <fmt/format.h>

#include <cstdint>
#include <random>

namespace fathom::api {
namespace {

std::uint64_t random_bits() {
  std::random_device device;  // the system's generator
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

}  // namespace

std::string random_uuid() {
  const std::uint64_t high = (random_bits() & ~0xf000ull) | 0x4000;        // version 4
  const std::uint64_t low = (random_bits() & ~(3ull << 62)) | 2ull << 62;  // the variant of RFC 4122
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff, high & 0xffff,
                     low >> 48, low & 0xffffffffffff);
}

std::string random_letters(int count) {
  constexpr std::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::random_device device;
  std::uniform_int_distribution<std::size_t> pick(0, kLetters.size() - 1);
  std::string text;
  for (int i = 0; i < count; ++i) text += kLetters[pick(device)];
  return text;
}

}  // namespace fathom::api
