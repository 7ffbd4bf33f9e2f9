// FATHOM_CHECK is for programmer errors only: a condition that no input can make false.
// Bad input is a Result (base/result.h).
#pragma once

#include <cstdio>
#include <cstdlib>

#define FATHOM_CHECK(condition)                                                            \
  do {                                                                                     \
    if (!(condition)) {                                                                    \
      std::fprintf(stderr, "%s:%d: internal error: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                        \
    }                                                                                      \
  } while (0)
