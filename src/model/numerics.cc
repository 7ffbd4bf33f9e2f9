#include "model/numerics.h"

namespace fathom::model {

std::string_view name(Numerics numerics) { return numerics == Numerics::exact ? "exact" : "official"; }

std::optional<Numerics> parse_numerics(std::string_view text) {
  for (Numerics numerics : {Numerics::exact, Numerics::official})
    if (text == name(numerics)) return numerics;
  return std::nullopt;
}

}  // namespace fathom::model
