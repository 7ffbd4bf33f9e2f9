// Which instruction sets there are kernels for, and which of them this CPU runs.
#pragma once

#include <string_view>

namespace fathom::kernels {

// In ascending order of preference on x86.
enum class Isa { scalar, avx2, avx512 };  // avx2: + FMA, F16C. avx512: F BW DQ VL VBMI VNNI BF16 (Zen 4, Sapphire Rapids)

std::string_view name(Isa isa);
bool supported(Isa isa);  // by this CPU and its operating system (CPUID, XGETBV)
Isa best_isa();           // the best supported one

}  // namespace fathom::kernels
