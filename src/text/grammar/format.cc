#include "text/grammar/format.h"

namespace fathom::text::grammar {

namespace {

// The macros put parts together in literals.
#define FATHOM_MONTHS                                                                        \
  "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|" \
  "1[0-9]|2[0-8]))"
#define FATHOM_LEAP_YEAR "([0-9][0-9](0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
#define FATHOM_DATE "([0-9]{4}-" FATHOM_MONTHS "|" FATHOM_LEAP_YEAR "-02-29)"
#define FATHOM_TIME \
  "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
#define FATHOM_LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define FATHOM_HOST "(" FATHOM_LABEL "\\.){0,2}" FATHOM_LABEL
#define FATHOM_IPV4 \
  "((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\\.){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define FATHOM_H16 "[0-9A-Fa-f]{1,4}"
#define FATHOM_URI_CHAR "([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"

constexpr std::string_view kIpv6 =
    "^((" FATHOM_H16 ":){7}" FATHOM_H16 "|(" FATHOM_H16 ":){1,6}:" FATHOM_H16 "|(" FATHOM_H16
    ":){1,5}(:" FATHOM_H16 "){1,2}|(" FATHOM_H16 ":){1,4}(:" FATHOM_H16 "){1,3}|(" FATHOM_H16
    ":){1,3}(:" FATHOM_H16 "){1,4}|(" FATHOM_H16 ":){1,2}(:" FATHOM_H16 "){1,5}|" FATHOM_H16 ":(:" FATHOM_H16
    "){1,6}|:(:" FATHOM_H16 "){1,7}|(" FATHOM_H16 ":){1,7}:|::)$";

struct Format {
  std::string_view name, pattern;
};

constexpr Format kFormats[] = {
    {"date", "^" FATHOM_DATE "$"},
    {"time", "^" FATHOM_TIME "$"},
    {"date-time", "^" FATHOM_DATE "T" FATHOM_TIME "$"},
    {"duration",
     "^P([0-9]{1,9}W|([0-9]{1,9}Y([0-9]{1,9}M([0-9]{1,9}D)?)?|[0-9]{1,9}M([0-9]{1,9}D)?|[0-9]{1,9}D)(T([0-9]{"
     "1,9}H"
     "([0-9]{1,9}M([0-9]{1,9}S)?)?|[0-9]{1,9}M([0-9]{1,9}S)?|[0-9]{1,9}S))?|T([0-9]{1,9}H([0-9]{1,9}M([0-9]{"
     "1,9}S)"
     "?)?|[0-9]{1,9}M([0-9]{1,9}S)?|[0-9]{1,9}S))$"},
    {"email",
     "^[A-Za-z0-9_+-]{1,20}(\\.[A-Za-z0-9_+-]{1,20}){0,2}@([A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?\\.)"
     "{1,3}[A-Za-z]{2,12}$"},
    {"hostname", "^" FATHOM_HOST "$"},
    {"ipv4", "^" FATHOM_IPV4 "$"},
    {"ipv6", kIpv6},
    {"uuid", "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"},
    {"uri",
     "^[A-Za-z][A-Za-z0-9+.-]{0,15}:(//([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\\.)*[A-Za-z0-9]([A-Za-z0-9-]*"
     "[A-Za-z0-9])?(:[0-9]{1,5})?)(/" FATHOM_URI_CHAR "*)*(\\?(" FATHOM_URI_CHAR
     "|[/?])*)?(#(" FATHOM_URI_CHAR "|[/?])*)?$"},
};

}  // namespace

std::optional<std::string_view> pattern_of_format(std::string_view format) {
  for (const Format& one : kFormats) {
    if (one.name == format) return one.pattern;
  }
  return std::nullopt;
}

}  // namespace fathom::text::grammar
