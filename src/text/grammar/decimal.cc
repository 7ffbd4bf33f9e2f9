#include "text/grammar/decimal.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <tuple>
#include <vector>

namespace fathom::text::grammar {

namespace {

constexpr std::size_t kMostDigits = 400;
constexpr int kWholeDigits = 18;     // fit into 64 bits
constexpr int kFractionDigits = 15;  // survive a double
constexpr int kExponentDigits = 2;
constexpr std::uint32_t kLargestMultiple = 1'000'000;

// Below, at or above zero; digits count from the point, the longer number of whole digits is greater.
int compare_magnitudes(const Decimal& a, const Decimal& b) {
  if (a.whole.size() != b.whole.size()) return a.whole.size() < b.whole.size() ? -1 : 1;
  if (const int order = a.whole.compare(b.whole); order != 0) return order;
  return a.fraction.compare(b.fraction);
}

std::uint32_t remainder(std::string_view digits, std::uint32_t of, std::uint32_t start = 0) {
  std::uint64_t rest = start;
  for (const char digit : digits) rest = (rest * 10 + static_cast<std::uint64_t>(digit - '0')) % of;
  return static_cast<std::uint32_t>(rest);
}

// A multiple m as count / 10^places.
struct Multiple {
  std::uint32_t count = 1;
  int places = 0;
};

std::optional<Multiple> multiple_of(const Decimal& value) {
  const std::string digits = value.whole + value.fraction;
  Multiple multiple;
  const auto end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, multiple.count);
  if (read.ec != std::errc() || read.ptr != end || multiple.count == 0 || multiple.count > kLargestMultiple)
    return std::nullopt;
  multiple.places = static_cast<int>(value.fraction.size());
  return multiple;
}

// How the digits so far compare with those of a bound, sign left aside.
struct Comparison {
  signed char order = 0;

  void whole_digit(const Decimal& bound, int index, char digit) {
    if (order == 0 && index < std::ssize(bound.whole))
      decide(digit, bound.whole[static_cast<std::size_t>(index)]);
  }
  void end_of_whole(const Decimal& bound, int digits) {
    const int size = static_cast<int>(bound.whole.size());
    if (digits != size) order = digits < size ? -1 : 1;
  }
  void fraction_digit(const Decimal& bound, int index, char digit) {
    if (order != 0) return;
    decide(digit, index < std::ssize(bound.fraction) ? bound.fraction[static_cast<std::size_t>(index)] : '0');
  }
  int at_end(const Decimal& bound, int fraction_digits) const {
    return order == 0 && fraction_digits < std::ssize(bound.fraction) ? -1 : order;
  }

 private:
  void decide(char digit, char other) {
    if (digit != other) order = digit < other ? -1 : 1;
  }
};

// What has been read of a number.
struct Reading {
  enum Phase : signed char { begin, minus, zero, whole, point, fraction, e, e_sign, exponent };
  Phase phase = begin;
  bool negative = false, nonzero = false;
  int whole_digits = 0, fraction_digits = 0, exponent_digits = 0;
  Comparison least, most;
  std::uint32_t rest = 0;  // of the digits, divided by the multiple

  auto key() const {
    return std::tuple(phase, negative, nonzero, whole_digits, fraction_digits, exponent_digits, least.order,
                      most.order, rest);
  }
};

class Reader {
 public:
  explicit Reader(const NumberBounds& bounds) : bounds_(bounds) {
    free_ = !bounds.least && !bounds.most && !bounds.multiple_of;
    for (const auto& bound : {bounds.least, bounds.most}) {
      if (!bound) continue;
      most_whole_ = std::max(most_whole_, static_cast<int>(bound->value.whole.size()));
      most_fraction_ = std::max(most_fraction_, static_cast<int>(bound->value.fraction.size()) + 1);
    }
  }

  // Error: the multiple has too many digits.
  Status set_multiple() {
    if (!bounds_.multiple_of) return {};
    const auto multiple = multiple_of(*bounds_.multiple_of);
    if (!multiple) return fail(ErrorCode::unsupported, "a multiple of more than {} units", kLargestMultiple);
    multiple_ = *multiple;
    most_fraction_ = multiple_.places;
    return {};
  }

  std::optional<Reading> step(Reading reading, char c) const {
    const bool is_digit = c >= '0' && c <= '9';
    switch (reading.phase) {
      case Reading::begin:
        if (c == '-') {
          reading.negative = true;
          reading.phase = Reading::minus;
          return reading;
        }
        [[fallthrough]];
      case Reading::minus:
        if (c == '0') {
          reading.phase = Reading::zero;
          return reading;
        }
        return is_digit ? whole_digit(reading, c) : std::nullopt;
      case Reading::whole:
        if (is_digit) return whole_digit(reading, c);
        [[fallthrough]];
      case Reading::zero:
        if (c == '.' && !bounds_.whole && most_fraction_ > 0) {
          end_whole(reading);
          reading.phase = Reading::point;
          return reading;
        }
        return begin_exponent(reading, c);
      case Reading::fraction:
        if (!is_digit) return begin_exponent(reading, c);
        [[fallthrough]];
      case Reading::point:
        return is_digit ? fraction_digit(reading, c) : std::nullopt;
      case Reading::e:
        if (c == '+' || c == '-') {
          reading.phase = Reading::e_sign;
          return reading;
        }
        [[fallthrough]];
      case Reading::e_sign:
      case Reading::exponent:
        if (!is_digit || reading.exponent_digits == kExponentDigits) return std::nullopt;
        ++reading.exponent_digits;
        reading.phase = Reading::exponent;
        return reading;
    }
    return std::nullopt;
  }

  bool accepts(Reading reading) const {
    const auto phase = reading.phase;
    if (phase != Reading::zero && phase != Reading::whole && phase != Reading::fraction &&
        phase != Reading::exponent)
      return false;
    if (reading.negative && !reading.nonzero) return false;
    if (phase == Reading::zero || phase == Reading::whole) end_whole(reading);
    if (bounds_.least && !within(reading, reading.least, *bounds_.least, 1)) return false;
    if (bounds_.most && !within(reading, reading.most, *bounds_.most, -1)) return false;
    if (!bounds_.multiple_of) return true;
    const std::string zeros(static_cast<std::size_t>(multiple_.places - reading.fraction_digits), '0');
    return remainder(zeros, multiple_.count, reading.rest) == 0;
  }

 private:
  std::optional<Reading> whole_digit(Reading reading, char c) const {
    if (reading.whole_digits == most_whole_) return std::nullopt;
    if (bounds_.least) reading.least.whole_digit(bounds_.least->value, reading.whole_digits, c);
    if (bounds_.most) reading.most.whole_digit(bounds_.most->value, reading.whole_digits, c);
    ++reading.whole_digits;
    reading.phase = Reading::whole;
    return with_digit(reading, c);
  }

  std::optional<Reading> fraction_digit(Reading reading, char c) const {
    if (reading.fraction_digits == most_fraction_) return std::nullopt;
    if (bounds_.least) reading.least.fraction_digit(bounds_.least->value, reading.fraction_digits, c);
    if (bounds_.most) reading.most.fraction_digit(bounds_.most->value, reading.fraction_digits, c);
    ++reading.fraction_digits;
    reading.phase = Reading::fraction;
    return with_digit(reading, c);
  }

  Reading with_digit(Reading reading, char c) const {
    reading.nonzero |= c != '0';
    reading.rest = remainder({&c, 1}, multiple_.count, reading.rest);
    return reading;
  }

  void end_whole(Reading& reading) const {
    if (bounds_.least) reading.least.end_of_whole(bounds_.least->value, reading.whole_digits);
    if (bounds_.most) reading.most.end_of_whole(bounds_.most->value, reading.whole_digits);
  }

  std::optional<Reading> begin_exponent(Reading reading, char c) const {
    if ((c != 'e' && c != 'E') || bounds_.whole || !free_) return std::nullopt;
    reading.phase = Reading::e;
    return reading;
  }

  // `side`: 1 for numbers above the bound, -1 for those below.
  static bool within(const Reading& reading, const Comparison& comparison, const NumberBounds::Bound& bound,
                     int side) {
    int order = comparison.at_end(bound.value, reading.fraction_digits);
    if (reading.negative != bound.value.negative) {
      order = reading.negative ? -1 : 1;
    } else if (reading.negative) {
      order = -order;
    }
    return order == 0 ? !bound.exclusive : order == side;
  }

  const NumberBounds& bounds_;
  bool free_;
  Multiple multiple_;
  int most_whole_ = kWholeDigits, most_fraction_ = kFractionDigits;
};

}  // namespace

std::optional<Decimal> decimal_of(std::string_view number) {
  Decimal decimal;
  decimal.negative = number.starts_with('-');
  if (decimal.negative) number.remove_prefix(1);
  const std::size_t e = std::min(number.find_first_of("eE"), number.size());
  int exponent = 0;
  if (e < number.size()) {
    const char* begin = number.data() + e + 1;
    if (begin != number.data() + number.size() && *begin == '+') ++begin;
    const auto read = std::from_chars(begin, number.data() + number.size(), exponent);
    if (read.ec != std::errc() || std::abs(exponent) > static_cast<int>(kMostDigits)) return std::nullopt;
  }
  const std::string_view mantissa = number.substr(0, e);
  const std::size_t dot = std::min(mantissa.find('.'), mantissa.size());
  decimal.whole = mantissa.substr(0, dot);
  if (dot < mantissa.size()) decimal.fraction = mantissa.substr(dot + 1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!std::all_of(decimal.whole.begin(), decimal.whole.end(), is_digit) ||
      !std::all_of(decimal.fraction.begin(), decimal.fraction.end(), is_digit))
    return std::nullopt;

  for (; exponent > 0; --exponent) {
    decimal.whole += decimal.fraction.empty() ? '0' : decimal.fraction[0];
    if (!decimal.fraction.empty()) decimal.fraction.erase(0, 1);
  }
  for (; exponent < 0; ++exponent) {
    decimal.fraction.insert(decimal.fraction.begin(), decimal.whole.empty() ? '0' : decimal.whole.back());
    if (!decimal.whole.empty()) decimal.whole.pop_back();
  }
  decimal.whole.erase(0, std::min(decimal.whole.find_first_not_of('0'), decimal.whole.size()));
  decimal.fraction.erase(decimal.fraction.find_last_not_of('0') + 1);
  if (decimal.whole.size() + decimal.fraction.size() > kMostDigits) return std::nullopt;
  if (decimal.whole.empty() && decimal.fraction.empty()) decimal.negative = false;
  return decimal;
}

int compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  return a.negative ? compare_magnitudes(b, a) : compare_magnitudes(a, b);
}

bool contains(const NumberBounds& bounds, const Decimal& number) {
  if (bounds.whole && !number.fraction.empty()) return false;
  if (bounds.least) {
    const int order = compare(number, bounds.least->value);
    if (order < 0 || (order == 0 && bounds.least->exclusive)) return false;
  }
  if (bounds.most) {
    const int order = compare(number, bounds.most->value);
    if (order > 0 || (order == 0 && bounds.most->exclusive)) return false;
  }
  if (!bounds.multiple_of) return true;
  const auto multiple = multiple_of(*bounds.multiple_of);
  if (!multiple || std::ssize(number.fraction) > multiple->places) return false;
  const std::string zeros(static_cast<std::size_t>(multiple->places) - number.fraction.size(), '0');
  return remainder(number.whole + number.fraction + zeros, multiple->count) == 0;
}

namespace {

Result<CharAutomaton> explore(const NumberBounds& bounds) {
  Reader reader(bounds);
  FATHOM_TRY_STATUS(reader.set_multiple());
  using Key = decltype(Reading().key());
  std::map<Key, std::uint32_t> ids = {{Reading().key(), 0}};
  std::vector<Reading> readings = {Reading()};
  CharAutomaton automaton;
  for (std::size_t i = 0; i < readings.size(); ++i) {
    if (readings.size() > kMostNodes)
      return fail(ErrorCode::unsupported, "these bounds need an automaton of more than {} states",
                  kMostNodes);
    const Reading reading = readings[i];
    CharAutomaton::Node node;
    node.accepts = reader.accepts(reading);
    for (const char c : std::string_view("+-.0123456789Ee")) {
      const auto next = reader.step(reading, c);
      if (!next) continue;
      const auto [id, is_new] = ids.emplace(next->key(), static_cast<std::uint32_t>(readings.size()));
      if (is_new) readings.push_back(*next);
      add_range(node, static_cast<char32_t>(c), static_cast<char32_t>(c), id->second);
    }
    automaton.nodes.push_back(std::move(node));
  }
  return trimmed(std::move(automaton));
}

}  // namespace

Result<CharAutomaton> automaton_of_numbers(const NumberBounds& bounds) {
  if (bounds.whole || bounds.least || bounds.most || bounds.multiple_of) return explore(bounds);
  static const CharAutomaton kAnyNumber = explore({}).value();  // what most schemas ask for
  return kAnyNumber;
}

}  // namespace fathom::text::grammar
