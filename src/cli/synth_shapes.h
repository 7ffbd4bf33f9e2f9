// The shapes that `fathom synth` knows by name: slices of the released models with their real layer shapes,
// small enough to measure with.
//   flash-slice  4.6 GB  Flash layers of ratios 0, 4, 128, 4; 64 experts; vocabulary 32768
//   pro-slice    9.3 GB  Pro layers of ratios 128, 4, 128, 4; 48 experts; vocabulary 32768
//   flash-attn   0.5 GB  Flash attention of ratios 0, 4, 128; 8 experts of width 256; vocabulary 4096 (for
//   depths up to 1M)
// None has an MTP layer.
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace fathom::cli {

// The config.json of a named shape. Error: an unknown name, with the known ones.
Result<std::string> shape_config(std::string_view name);

}  // namespace fathom::cli
