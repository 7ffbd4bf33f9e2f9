#include "kernels/isa.h"

#include <cstdlib>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace fathom::kernels {
namespace {

constexpr Isa kFromBest[] = {Isa::avx512, Isa::avx2, Isa::scalar};

// __builtin_cpu_supports asks CPUID, and XGETBV whether the operating system saves the registers.
#if defined(FATHOM_HAVE_AVX2)
bool cpu_has_f16c() {  // clang 14 has no name for it
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

bool cpu_runs_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && cpu_has_f16c();
}
#else
bool cpu_runs_avx2() {
  return false;
}
#endif

#if defined(FATHOM_HAVE_AVX512)
bool cpu_runs_avx512() {
  return cpu_runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni") &&
         __builtin_cpu_supports("avx512bf16");
}
#else
bool cpu_runs_avx512() {
  return false;
}
#endif

Isa highest_allowed() {
  const char* wish = std::getenv("FATHOM_ISA");
  if (wish) {
    for (Isa isa : kFromBest) {
      if (name(isa) == wish) return isa;
    }
  }
  return kFromBest[0];
}

}  // namespace

std::string_view name(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return "scalar";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
  }
  return "unknown";
}

bool supported(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return true;
    case Isa::avx2:
      return cpu_runs_avx2();
    case Isa::avx512:
      return cpu_runs_avx512();
  }
  return false;
}

Isa best_isa() {
  const Isa highest = highest_allowed();
  for (Isa isa : kFromBest) {
    if (isa <= highest && supported(isa)) return isa;
  }
  return Isa::scalar;
}

}  // namespace fathom::kernels
