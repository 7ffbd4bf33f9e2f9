// For tests: schemas made at random, which all have values.
#pragma once

#include <fmt/format.h>

#include <random>
#include <string>

namespace fathom::text::grammar {

class RandomSchema {
 public:
  explicit RandomSchema(std::uint32_t seed) : random_(seed) {}

  std::string make() {
    const bool has_definitions = below(3) == 0;
    if (!has_definitions) return schema(3);
    const std::string value = schema(1);
    in_definitions_ = true;
    const std::string node = fmt::format(
        R"({{"type":"object","properties":{{"v":{},"next":{{"anyOf":[{{"type":"null"}},{{"$ref":"#/$defs/node"}}]}}}},)"
        R"("required":["v"{}],"additionalProperties":false}})",
        value, below(2) ? R"(,"next")" : "");
    return fmt::format(R"({{"$defs":{{"node":{}}},"allOf":[{}]}})", node, schema(2));
  }

 private:
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

  std::string schema(int depth) {
    switch (below(depth > 0 ? 12 : 7)) {
      case 0:
        return R"({"type":"null"})";
      case 1:
        return below(4) == 0 ? "{}" : R"({"type":"boolean"})";
      case 2:
        return integer();
      case 3:
        return number();
      case 4:
      case 5:
        return string();
      case 6:
        return listed();
      case 7:
      case 8:
        return array(depth);
      case 9:
        return below(2) ? fmt::format(R"({{"anyOf":[{},{}]}})", schema(depth - 1), schema(depth - 1))
                        : fmt::format(R"({{"oneOf":[{},{}]}})", object(depth), array(depth));
      case 10:
        if (in_definitions_) return R"({"$ref":"#/$defs/node"})";
        [[fallthrough]];
      default:
        return object(depth);
    }
  }

  std::string integer() {
    const int low = static_cast<int>(below(2000)) - 1000, high = low + static_cast<int>(below(500));
    switch (below(5)) {
      case 0:
        return R"({"type":"integer"})";
      case 1:
        return fmt::format(R"({{"type":"integer","minimum":{},"maximum":{}}})", low, high);
      case 2:
        return fmt::format(R"({{"type":"integer","exclusiveMinimum":{}}})", low);
      case 3:
        return fmt::format(R"({{"type":"integer","maximum":{}}})", low);
      default:
        return fmt::format(R"({{"type":"integer","multipleOf":{}}})", 1 + below(30));
    }
  }
  std::string number() {
    const double low = static_cast<double>(below(2000)) / 8 - 100;
    switch (below(4)) {
      case 0:
        return R"({"type":"number"})";
      case 1:
        return fmt::format(R"({{"type":"number","minimum":{},"exclusiveMaximum":{}}})", low, low + 1.5);
      case 2:
        return fmt::format(R"({{"type":"number","multipleOf":0.{}}})", 1 + below(9));
      default:
        return fmt::format(R"({{"type":"number","exclusiveMinimum":{}}})", low);
    }
  }
  std::string string() {
    static constexpr const char* kPatterns[] = {
        "^[a-c]+$", "x", "^a", "z$", "^(ab|cd){1,3}$", "^[^a-y]{2}$", "^\\\\d{3}-\\\\d{4}$"};
    switch (below(6)) {
      case 0:
        return fmt::format(R"({{"type":"string","minLength":{},"maxLength":{}}})", below(3), 3 + below(5));
      case 1:
        return fmt::format(R"({{"type":"string","pattern":"{}"}})", kPatterns[below(std::size(kPatterns))]);
      case 2:
        return fmt::format(R"({{"type":"string","pattern":"^[a-f0-9é漢]*$","minLength":{},"maxLength":6}})",
                           below(4));
      case 3:
        return R"({"type":["string","null"],"maxLength":4})";
      default:
        return R"({"type":"string"})";
    }
  }
  std::string listed() {
    return below(2) ? R"({"enum":["red","green",1,2.5,null,"re\"d","<think>"]})"
                    : R"({"const":{"a":[1,"x"]}})";
  }
  std::string array(int depth) {
    const unsigned least = below(3);
    switch (below(4)) {
      case 0:
        return fmt::format(R"({{"type":"array","items":{}}})", schema(depth - 1));
      case 1:
        return fmt::format(R"({{"type":"array","items":{},"minItems":{},"maxItems":{}}})", schema(depth - 1),
                           least, least + below(3));
      case 2:
        return fmt::format(R"({{"type":"array","prefixItems":[{},{}],"items":{},"minItems":{}}})",
                           schema(depth - 1), schema(0), below(2) ? "false" : schema(0), least);
      default:
        return fmt::format(R"({{"type":"array","items":{},"minItems":{}}})", schema(0), least);
    }
  }
  std::string object(int depth) {
    static constexpr const char* kNames[] = {"a", "ab", "name", "x y", "é", "q\\\"q", "0"};
    std::string properties, required;
    const unsigned first = below(3), count = below(4);
    for (unsigned i = 0; i < count; ++i) {
      properties += fmt::format("{}\"{}\":{}", i > 0 ? "," : "", kNames[first + i], schema(depth - 1));
      if (below(2)) required += fmt::format("{}\"{}\"", required.empty() ? "" : ",", kNames[first + i]);
    }
    static constexpr const char* kMore[] = {"",
                                            R"(,"additionalProperties":false)",
                                            R"(,"additionalProperties":true)",
                                            R"(,"additionalProperties":{"type":"integer"})",
                                            R"(,"patternProperties":{"^p[0-9]":{"type":"boolean"}})",
                                            R"(,"propertyNames":{"maxLength":5})"};
    return fmt::format(R"({{"type":"object","properties":{{{}}},"required":[{}]{}}})", properties, required,
                       kMore[below(std::size(kMore))]);
  }

  std::mt19937 random_;
  bool in_definitions_ = false;
};

}  // namespace fathom::text::grammar
