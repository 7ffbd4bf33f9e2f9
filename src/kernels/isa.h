// Which instruction sets there are kernels for, and which of them this CPU runs.
// Thread safety: everything here may be called from any thread.
#pragma once

#include <string_view>

namespace fathom::kernels {

// In ascending order of preference on x86.
enum class Isa {
  scalar,
  avx2,
  avx512
};  // avx2: + FMA, F16C. avx512: F BW DQ VL VBMI VNNI BF16 (Zen 4, Sapphire Rapids)

std::string_view name(Isa isa);
bool supported(Isa isa);  // built in, and run by this CPU and its operating system (CPUID, XGETBV)

// The best supported one. The environment variable FATHOM_ISA (scalar, avx2 or avx512) lowers it, to compare
// answers and speeds or to rule a kernel out; it cannot raise it, and any other value is ignored.
Isa best_isa();

}  // namespace fathom::kernels
