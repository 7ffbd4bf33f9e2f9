namespace fathom::train {}
