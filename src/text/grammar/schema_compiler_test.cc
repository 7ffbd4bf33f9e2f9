// Schemas, and which JSON texts their grammars take.
#include "text/grammar/schema_compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/grammar/answer_grammar.h"
#include "text/grammar/matcher.h"

namespace fathom::text::grammar {
namespace {

using ::testing::HasSubstr;

Result<AnswerGrammar> compile(std::string_view schema) {
  auto json = parse_json(schema);
  EXPECT_TRUE(json) << schema;
  return compile_answer({.schema = *json, .tools = {}});
}

bool takes(const AnswerGrammar& answer, std::string_view text) {
  Matcher matcher(answer.grammar, *answer.content);
  for (const char& byte : text) {
    if (!matcher.accept({&byte, 1})) return false;
  }
  return matcher.complete();
}

struct Case {
  const char* name;
  const char* schema;
  std::vector<const char*> accepted, rejected;
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.name;
}

struct NameOf {
  template <class Info>
  std::string operator()(const Info& test) const {
    return test.param.name;
  }
};

class Schemas : public ::testing::TestWithParam<Case> {};

TEST_P(Schemas, TakeWhatIsValidAndNothingElse) {
  const Case& one = GetParam();
  const auto answer = compile(one.schema);
  ASSERT_TRUE(answer) << answer.error().message;
  for (const char* text : one.accepted) EXPECT_TRUE(takes(*answer, text)) << one.schema << " and " << text;
  for (const char* text : one.rejected) EXPECT_FALSE(takes(*answer, text)) << one.schema << " and " << text;
}

const Case kTypes[] = {
    {"anything",
     "{}",
     {"null", "true", "false", "0", "\"\"", "[]", "{}", "[1,{\"a\":[]}]", "-1.5e3"},
     {"", "nul", "nulll", "01", "+1", "'a'", "[1,]", "{\"a\"}", "{a:1}", "1 ", " 1", "NaN", "[1 2]", "-",
      "1.", ".5"}},
    {"true_schema", "true", {"1", "{}"}, {"x"}},
    {"null", R"({"type":"null"})", {"null"}, {"0", "false", "\"null\""}},
    {"boolean", R"({"type":"boolean"})", {"true", "false"}, {"null", "True", "0"}},
    {"integer",
     R"({"type":"integer"})",
     {"0", "7", "-7", "123456789012345678"},
     {"-0", "1.0", "1e2", "00", "1234567890123456789"}},
    {"number",
     R"({"type":"number"})",
     {"0", "-1.25", "1e5", "1E-7", "0.000001", "2.50"},
     {"-0", "-0.0", "1e", "1e555", ".1", "1.", "--1"}},
    {"string",
     R"({"type":"string"})",
     {"\"\"", "\"é漢👍\"", R"("a\"b\\c\/d\b\f\n\r\t")", R"("é")", R"("😀")", "\"<b>\""},
     {"\"", "\"\n\"", R"("\x")", R"("\u12")", R"("\ud83d")", R"("\ude00")", R"("\ud83dx")", "\"\xff\"",
      "\"\xc3\"", "\"\xe0\x80\x80\"", "\"\xed\xa0\x80\"", "\"\xf5\x80\x80\x80\""}},
    {"markup_in_strings",
     R"({"type":"string"})",
     {"\"<think\"", "\"</ think>\"", "\"｜DSML｜\""},
     {"\"<think>\"", "\"</think>\"", "\"<｜DSML｜\"", "\"a<｜end▁of▁sentence｜>\"", "\"<<think>\""}},
    {"several_types", R"({"type":["string","null"]})", {"null", "\"a\""}, {"1", "true"}},
    {"array",
     R"({"type":"array"})",
     {"[]", "[1]", "[1, 2]", "[ 1,2 ]", "[\n  1,\n  2\n]"},
     {"[", "[,]", "[1,,2]", "[1  ]", "[\n\n1]"}},
    {"object",
     R"({"type":"object"})",
     {"{}", R"({"a":1})", R"({"a": 1, "b": 2})", "{\n  \"a\": {\n    \"b\": []\n  }\n}"},
     {"[]", "{", R"({"a":})", R"({"a" : 1})", R"({"a":1,})"}},
};
INSTANTIATE_TEST_SUITE_P(Types, Schemas, ::testing::ValuesIn(kTypes), NameOf());

const Case kObjects[] = {
    {"required",
     R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"]})",
     {R"({"a":1})", R"({"a":1,"b":"x"})", R"({"a": 1, "b": "x"})"},
     {"{}", R"({"b":"x"})", R"({"b":"x","a":1})", R"({"a":1,"a":2})", R"({"a":1,"c":2})"}},
    {"all_optional",
     R"({"properties":{"a":{"type":"null"},"b":{"type":"null"}},"type":"object"})",
     {"{}", R"({"a":null})", R"({"b":null})", R"({"a":null,"b":null})"},
     {R"({"b":null,"a":null})", R"({"a":null,})"}},
    {"closed",
     R"({"type":"object","properties":{"a":{}},"additionalProperties":false})",
     {"{}", R"({"a":[]})"},
     {R"({"b":1})"}},
    {"closed_empty", R"({"type":"object","additionalProperties":false})", {"{}", "{ }"}, {R"({"b":1})"}},
    {"open",
     R"({"type":"object","properties":{"ab":{"type":"integer"}},"additionalProperties":true})",
     {R"({"x":[1]})", R"({"ab":1,"x":"y"})", R"({"a":"y"})", R"({"abc":"y"})", R"({"":0})"},
     {R"({"ab":"y"})", R"({"ab":"y"})"}},
    {"open_typed",
     R"({"type":"object","additionalProperties":{"type":"integer"}})",
     {"{}", R"({"x":1,"y":2})"},
     {R"({"x":"1"})"}},
    {"required_unlisted",
     R"({"type":"object","required":["q"]})",
     {R"({"q":1})", R"({"q":[]})"},
     {"{}", R"({"p":1})"}},
    {"required_typed_by_additional",
     R"({"type":"object","required":["q"],"additionalProperties":{"type":"null"}})",
     {R"({"q":null})"},
     {"{}", R"({"q":1})"}},
    {"nested",
     R"({"type":"object","properties":{"o":{"type":"object","properties":{"x":{"type":"number"}},"required":["x"]}},"required":["o"]})",
     {R"({"o":{"x":1.5}})"},
     {R"({"o":{}})", R"({"o":1})"}},
    {"impossible_optional",
     R"({"type":"object","properties":{"a":false,"b":{"type":"null"}}})",
     {"{}", R"({"b":null})"},
     {R"({"a":1})"}},
    {"prefix_keys",
     R"({"type":"object","properties":{"a":{"type":"null"},"aa":{"type":"null"},"aaa":{"type":"null"}},"required":["aa"]})",
     {R"({"aa":null})", R"({"a":null,"aa":null,"aaa":null})"},
     {R"({"aaa":null})", R"({"a":null})"}},
    {"odd_keys",
     R"({"type":"object","properties":{"a\"b":{"type":"null"},"é":{"type":"null"},"":{"type":"null"}}})",
     {R"({"a\"b":null,"é":null,"":null})"},
     {R"({"a":null})"}},
    {"pattern_properties",
     R"({"type":"object","patternProperties":{"^n_":{"type":"integer"},"^s_":{"type":"string"}},"additionalProperties":false})",
     {"{}", R"({"n_a":1})", R"({"s_":"x","n_":2})"},
     {R"({"n_a":"x"})", R"({"s_a":1})", R"({"x":1})"}},
    {"pattern_and_additional",
     R"({"type":"object","patternProperties":{"^n":{"type":"integer"}},"additionalProperties":{"type":"null"}})",
     {R"({"n":1,"m":null})"},
     {R"({"n":null})", R"({"m":1})"}},
    {"property_fits_pattern",
     R"({"type":"object","properties":{"n1":{"minimum":5}},"patternProperties":{"^n":{"type":"integer"}},"additionalProperties":false})",
     {R"({"n1":5})", R"({"n2":1})"},
     {R"({"n1":4})", R"({"n1":"x"})"}},
    {"property_names",
     R"({"type":"object","propertyNames":{"pattern":"^[a-z]{2}$"},"additionalProperties":{"type":"integer"}})",
     {"{}", R"({"ab":1})"},
     {R"({"a":1})", R"({"abc":1})", R"({"A1":1})"}},
    {"property_names_listed",
     R"({"type":"object","propertyNames":{"enum":["x","y"]}})",
     {R"({"x":1})", R"({"y":1})"},
     {R"({"z":1})"}},
    {"min_properties", R"({"type":"object","minProperties":1})", {R"({"x":1})"}, {"{}"}},
    {"max_properties_implied",
     R"({"type":"object","properties":{"a":{}},"maxProperties":1})",
     {"{}", R"({"a":1})"},
     {R"({"b":1})"}},
};
INSTANTIATE_TEST_SUITE_P(Objects, Schemas, ::testing::ValuesIn(kObjects), NameOf());

const Case kArrays[] = {
    {"items",
     R"({"type":"array","items":{"type":"integer"}})",
     {"[]", "[1]", "[1,2,3]"},
     {"[\"a\"]", "[1,\"a\"]"}},
    {"counts",
     R"({"type":"array","items":{"type":"null"},"minItems":2,"maxItems":3})",
     {"[null,null]", "[null,null,null]"},
     {"[]", "[null]", "[null,null,null,null]"}},
    {"exactly_none", R"({"type":"array","maxItems":0})", {"[]"}, {"[1]"}},
    {"exactly_one", R"({"type":"array","maxItems":1,"minItems":1})", {"[1]"}, {"[]", "[1,2]"}},
    {"at_least", R"({"type":"array","minItems":2})", {"[1,2]", "[1,2,3,4,5]"}, {"[]", "[1]"}},
    {"prefix",
     R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":false})",
     {"[]", "[1]", "[1,\"a\"]"},
     {"[\"a\"]", "[1,2]", "[1,\"a\",3]"}},
    {"prefix_open",
     R"({"type":"array","prefixItems":[{"type":"integer"}],"items":{"type":"null"},"minItems":2})",
     {"[1,null]", "[1,null,null]"},
     {"[1]", "[1,1]"}},
    {"prefix_and_max",
     R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"integer"},{"type":"integer"}],"maxItems":2})",
     {"[]", "[1]", "[1,2]"},
     {"[1,2,3]"}},
    {"old_tuple",
     R"({"type":"array","items":[{"type":"integer"}],"additionalItems":{"type":"string"}})",
     {"[1]", "[1,\"a\"]"},
     {"[\"a\"]", "[1,2]"}},
    {"items_impossible", R"({"type":"array","items":false})", {"[]"}, {"[1]"}},
    {"nested_arrays",
     R"({"type":"array","items":{"type":"array","items":{"type":"boolean"},"minItems":1}})",
     {"[]", "[[true],[false,true]]"},
     {"[[]]", "[true]"}},
    {"not_unique", R"({"type":"array","uniqueItems":false})", {"[1,1]"}, {"1"}},
};
INSTANTIATE_TEST_SUITE_P(Arrays, Schemas, ::testing::ValuesIn(kArrays), NameOf());

const Case kValues[] = {
    {"enum_of_strings",
     R"({"enum":["a","ab","b"]})",
     {"\"a\"", "\"ab\"", "\"b\""},
     {"\"c\"", "\"\"", "\"abb\"", "a"}},
    {"enum_of_all_kinds",
     R"({"enum":[1,2.5,null,true,"x",[1,2],{"a":1}]})",
     {"1", "2.5", "null", "true", "\"x\"", "[1, 2]", "{\"a\": 1}"},
     {"2", "false", "[1]", "{}"}},
    {"enum_held_against_type", R"({"type":"string","enum":["a",1,null]})", {"\"a\""}, {"1", "null"}},
    {"enum_held_against_length", R"({"enum":["a","abc"],"maxLength":2})", {"\"a\""}, {"\"abc\""}},
    {"enum_held_against_bounds",
     R"({"enum":[1,5,10],"minimum":2,"exclusiveMaximum":10})",
     {"5"},
     {"1", "10"}},
    {"const", R"({"const":"only"})", {"\"only\""}, {"\"onl\"", "1"}},
    {"const_number", R"({"const":1e2})", {"100.0"}, {"1e2", "10"}},
    {"enum_and_const", R"({"enum":["a","b"],"const":"b"})", {"\"b\""}, {"\"a\""}},
    {"markup_in_enum", R"({"enum":["<think>"]})", {R"("\u003cthink>")"}, {"\"<think>\""}},
};
INSTANTIATE_TEST_SUITE_P(Values, Schemas, ::testing::ValuesIn(kValues), NameOf());

const Case kStrings[] = {
    {"length",
     R"({"type":"string","minLength":2,"maxLength":3})",
     {"\"ab\"", "\"abc\"", "\"é漢\"", "\"👍👍👍\"", R"("\n\"")", R"("éé")", R"("😀a")"},
     {"\"a\"", "\"abcd\"", "\"👍\"", R"("\n")", R"("éééé")"}},
    {"at_least", R"({"type":"string","minLength":1})", {"\"a\"", "\"abcdefghijk\""}, {"\"\""}},
    {"at_most", R"({"type":"string","maxLength":1})", {"\"\"", "\"a\"", "\"👍\""}, {"\"ab\""}},
    {"empty", R"({"type":"string","maxLength":0})", {"\"\""}, {"\"a\"", R"("\n")"}},
    {"pattern",
     R"({"type":"string","pattern":"^[a-z]+[0-9]?$"})",
     {"\"abc\"", "\"a1\"", R"("\u0061")"},
     {"\"\"", "\"1\"", "\"a12\"", "\"A\""}},
    {"pattern_anywhere",
     R"({"type":"string","pattern":"b"})",
     {"\"b\"", "\"abc\"", "\"bbb\""},
     {"\"\"", "\"aac\""}},
    {"pattern_at_begin", R"({"type":"string","pattern":"^ab"})", {"\"ab\"", "\"abc\""}, {"\"cab\"", "\"a\""}},
    {"pattern_at_end", R"({"type":"string","pattern":"ab$"})", {"\"ab\"", "\"cab\""}, {"\"abc\""}},
    {"pattern_of_escapes",
     R"({"type":"string","pattern":"^\"\\\\\n$"})",
     {R"("\"\\\n")", R"("\"\\\u000a")"},
     {R"("\"\\n")"}},
    {"pattern_of_unicode",
     R"({"type":"string","pattern":"^[α-ω]{2}$"})",
     {"\"αβ\"", R"("\u03b1β")"},
     {"\"α\"", "\"aβ\"", "\"Αβ\""}},
    {"pattern_astral",
     R"({"type":"string","pattern":"^[\\u{1F600}-\\u{1F64F}]$"})",
     {"\"😀\"", R"("\ud83d\ude00")"},
     {"\"👍\"", "\"a\""}},
    {"pattern_choice",
     R"({"type":"string","pattern":"^(cat|dog)s?$"})",
     {"\"cat\"", "\"dogs\""},
     {"\"cats \"", "\"ca\""}},
    {"pattern_counts",
     R"({"type":"string","pattern":"^a{2,3}b{2}c{1,}$"})",
     {"\"aabbc\"", "\"aaabbcc\""},
     {"\"abbc\"", "\"aabc\"", "\"aabb\"", "\"aaaabbc\""}},
    {"pattern_classes",
     R"({"type":"string","pattern":"^\\d\\w\\s[^\\d]\\S$"})",
     {"\"1_ ab\"", "\"9a\\tbc\""},
     {"\"a_ ab\"", "\"1_ 1b\"", "\"1_ a \""}},
    {"pattern_dot",
     R"({"type":"string","pattern":"^.$"})",
     {"\"a\"", "\"👍\""},
     {"\"\"", R"("\n")", "\"ab\""}},
    {"pattern_lazy", R"({"type":"string","pattern":"^a+?b*?$"})", {"\"a\"", "\"aab\""}, {"\"b\""}},
    {"pattern_anchored_parts",
     R"({"type":"string","pattern":"^a|b$"})",
     {"\"ax\"", "\"xb\""},
     {"\"xa\"", "\"bx\""}},
    {"pattern_and_length",
     R"({"type":"string","pattern":"^[ab]*$","minLength":2,"maxLength":3})",
     {"\"ab\"", "\"aaa\""},
     {"\"a\"", "\"abab\"", "\"ac\""}},
    {"two_patterns",
     R"({"type":"string","allOf":[{"pattern":"^a"},{"pattern":"b$"}]})",
     {"\"ab\"", "\"axb\""},
     {"\"a\"", "\"ba\""}},
    {"date",
     R"({"type":"string","format":"date"})",
     {"\"2024-02-29\"", "\"2023-12-31\"", "\"2000-02-29\""},
     {"\"2023-02-29\"", "\"1900-02-29\"", "\"2023-13-01\"", "\"2023-04-31\"", "\"23-01-01\""}},
    {"time",
     R"({"type":"string","format":"time"})",
     {"\"23:59:59Z\"", "\"00:00:00.123+02:00\""},
     {"\"24:00:00Z\"", "\"12:00Z\"", "\"12:00:00\""}},
    {"date_time",
     R"({"type":"string","format":"date-time"})",
     {"\"2024-02-29T12:00:00Z\"", "\"2024-01-01T12:00:00.5-08:00\""},
     {"\"2024-01-01 12:00:00Z\"", "\"2024-01-01\""}},
    {"uuid",
     R"({"type":"string","format":"uuid"})",
     {"\"123e4567-e89b-12d3-a456-426614174000\""},
     {"\"123e4567-e89b-12d3-a456-42661417400\"", "\"123e4567e89b12d3a456426614174000\""}},
    {"email",
     R"({"type":"string","format":"email"})",
     {"\"a@b.co\"", "\"first.last+tag@mail.example.org\""},
     {"\"a\"", "\"@b.co\"", "\"a@b\"", "\"a b@c.de\""}},
    {"ipv4",
     R"({"type":"string","format":"ipv4"})",
     {"\"0.0.0.0\"", "\"255.1.20.199\""},
     {"\"256.1.1.1\"", "\"1.1.1\"", "\"01.1.1.1\""}},
    {"ipv6",
     R"({"type":"string","format":"ipv6"})",
     {"\"::\"", "\"::1\"", "\"2001:db8::ff00:42:8329\"", "\"1:2:3:4:5:6:7:8\""},
     {"\"1:2:3\"", "\":::\"", "\"1::2::3\"", "\"12345::\""}},
    {"hostname",
     R"({"type":"string","format":"hostname"})",
     {"\"example.com\"", "\"localhost\"", "\"a-b.c\""},
     {"\"-a\"", "\"a..b\"", "\"a_b\""}},
    {"uri",
     R"({"type":"string","format":"uri"})",
     {"\"https://example.com/a/b?c=d&e=%20#f\"", "\"ftp://h:21\""},
     {"\"example.com\"", "\"http://a b\"", "\"/a\""}},
    {"duration",
     R"({"type":"string","format":"duration"})",
     {"\"P3D\"", "\"PT1H30M\"", "\"P1Y2M3DT4H5M6S\"", "\"P2W\""},
     {"\"P\"", "\"PT\"", "\"1D\"", "\"P1DT\""}},
};
INSTANTIATE_TEST_SUITE_P(Strings, Schemas, ::testing::ValuesIn(kStrings), NameOf());

const Case kNumbers[] = {
    {"at_least_zero", R"({"type":"integer","minimum":0})", {"0", "5", "1000000"}, {"-1", "-0"}},
    {"above_zero", R"({"type":"integer","exclusiveMinimum":0})", {"1", "10"}, {"0", "-1"}},
    {"range",
     R"({"type":"integer","minimum":-12,"maximum":345})",
     {"-12", "-9", "-1", "0", "99", "344", "345"},
     {"-13", "-20", "-100", "346", "1000", "350"}},
    {"range_below_zero",
     R"({"type":"integer","minimum":-50,"maximum":-7})",
     {"-50", "-7", "-10", "-49"},
     {"-51", "-6", "0", "7", "-500"}},
    {"open_range",
     R"({"type":"integer","exclusiveMinimum":1,"exclusiveMaximum":3})",
     {"2"},
     {"1", "3", "22"}},
    {"fractions",
     R"({"type":"number","minimum":0.5,"maximum":2.25})",
     {"0.5", "0.51", "1", "2", "2.25", "2.250", "2.2"},
     {"0.4", "0.49", "2.26", "3", "2.251", "0", "1e0"}},
    {"between_minus_one_and_one",
     R"({"type":"number","minimum":-1,"maximum":1})",
     {"0", "-1", "1", "0.999", "-0.5", "1.0"},
     {"1.1", "-1.01", "2", "-0"}},
    {"above_a_fraction",
     R"({"type":"number","exclusiveMinimum":0.1})",
     {"0.11", "0.2", "7", "0.1001"},
     {"0.1", "0.10", "0.09", "-1"}},
    {"integer_with_fraction_bound",
     R"({"type":"integer","minimum":1.5,"maximum":3.5})",
     {"2", "3"},
     {"1", "4"}},
    {"u64",
     R"({"type":"integer","minimum":0,"maximum":18446744073709551615})",
     {"0", "18446744073709551615", "18446744073709551614"},
     {"18446744073709551616", "-1"}},
    {"multiple_of_five",
     R"({"type":"integer","multipleOf":5})",
     {"0", "5", "-10", "12345"},
     {"1", "-3", "12"}},
    {"multiple_in_range",
     R"({"type":"integer","multipleOf":7,"minimum":10,"maximum":30})",
     {"14", "21", "28"},
     {"7", "35", "15", "0"}},
    {"hundredths",
     R"({"type":"number","multipleOf":0.01})",
     {"1", "1.5", "1.25", "-0.01", "0"},
     {"1.255", "0.001", "1e2"}},
    {"halves",
     R"({"type":"number","multipleOf":0.5,"minimum":0})",
     {"0", "0.5", "1.0", "17.5"},
     {"0.25", "0.4", "-0.5"}},
    {"old_exclusive", R"({"type":"integer","minimum":1,"exclusiveMinimum":true})", {"2"}, {"1"}},
    {"any_number_bounded",
     R"({"minimum":3,"type":["number","string"]})",
     {"3", "\"a\"", "3.5"},
     {"2", "2.9"}},
};
INSTANTIATE_TEST_SUITE_P(Numbers, Schemas, ::testing::ValuesIn(kNumbers), NameOf());

const Case kCombinations[] = {
    {"any_of",
     R"({"anyOf":[{"type":"integer"},{"type":"string","maxLength":1}]})",
     {"1", "\"a\""},
     {"\"ab\"", "null", "1.5"}},
    {"any_of_with_base",
     R"({"type":"object","properties":{"k":{"type":"string"}},"anyOf":[{"required":["k"]},{"properties":{"n":{"type":"integer"}},"required":["n"]}]})",
     {R"({"k":"a"})", R"({"n":1})", R"({"k":"a","n":1})"},
     {"{}", R"({"n":"a"})"}},
    {"overlapping_alternatives",
     R"({"anyOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"null"}},"required":["a","b"]}]})",
     {R"({"a":1})", R"({"a":"x","b":null})"},
     {R"({"a":"x"})", R"({"a":1,"b":null})"}},
    {"one_of_by_type",
     R"({"oneOf":[{"type":"integer"},{"type":"string"},{"type":"array"}]})",
     {"1", "\"a\"", "[]"},
     {"null", "1.5"}},
    {"one_of_by_const",
     R"({"oneOf":[{"type":"object","properties":{"t":{"const":"a"},"x":{"type":"integer"}},"required":["t","x"]},{"type":"object","properties":{"t":{"const":"b"},"y":{"type":"null"}},"required":["t"]}]})",
     {R"({"t":"a","x":1})", R"({"t":"b"})", R"({"t":"b","y":null})"},
     {R"({"t":"a"})", R"({"t":"c"})", R"({"t":"b","x":1})"}},
    {"one_of_by_range",
     R"({"oneOf":[{"type":"integer","maximum":5},{"type":"integer","exclusiveMinimum":5}]})",
     {"5", "6"},
     {"\"a\""}},
    {"one_of_by_pattern",
     R"({"type":"string","oneOf":[{"pattern":"^a"},{"pattern":"^b"}]})",
     {"\"ax\"", "\"b\""},
     {"\"c\""}},
    {"all_of",
     R"({"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"b":{"type":"string"}},"required":["b"]}]})",
     {R"({"a":1,"b":"x"})"},
     {R"({"a":1})", R"({"b":"x"})"}},
    {"all_of_same_property",
     R"({"type":"object","allOf":[{"properties":{"a":{"type":"integer","minimum":3}}},{"properties":{"a":{"maximum":4}}}],"required":["a"]})",
     {R"({"a":3})", R"({"a":4})"},
     {R"({"a":2})", R"({"a":5})", R"({"a":"x"})"}},
    {"all_of_closed",
     R"({"allOf":[{"type":"object","properties":{"a":{}},"additionalProperties":false},{"properties":{"b":{}}}]})",
     {"{}", R"({"a":1})"},
     {R"({"b":1})"}},
    {"ref",
     R"({"$defs":{"n":{"type":"integer"}},"type":"array","items":{"$ref":"#/$defs/n"}})",
     {"[1]"},
     {"[\"a\"]"}},
    {"ref_with_siblings",
     R"({"definitions":{"n":{"type":"integer"}},"$ref":"#/definitions/n","minimum":3,"description":"x"})",
     {"3"},
     {"2", "\"a\""}},
    {"ref_escaped", R"({"$defs":{"a/b~c d":{"type":"null"}},"$ref":"#/$defs/a~1b~0c%20d"})", {"null"}, {"1"}},
    {"anchor", R"({"$defs":{"x":{"$anchor":"here","type":"null"}},"$ref":"#here"})", {"null"}, {"1"}},
    {"recursive_list",
     R"({"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["v","next"]})",
     {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":null}})"},
     {R"({"v":1})", R"({"v":1,"next":{"v":2}})"}},
    {"recursive_tree",
     R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"name":{"type":"string"},"children":{"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["name"],"additionalProperties":false}}})",
     {R"({"name":"a"})", R"({"name":"a","children":[{"name":"b","children":[]}]})"},
     {R"({"name":"a","children":[{}]})", R"({"children":[]})"}},
    {"mutual",
     R"({"$ref":"#/$defs/a","$defs":{"a":{"type":"array","items":{"$ref":"#/$defs/b"}},"b":{"type":"object","additionalProperties":{"$ref":"#/$defs/a"}}}})",
     {"[]", R"([{"x":[]}])", R"([{},{"x":[{}]}])"},
     {"{}", R"([[]])"}},
    {"annotations",
     R"({"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"x","title":"t","description":"d","default":1,"examples":[1],"deprecated":true,"readOnly":true,"$comment":"c","x-order":1,"type":"null"})",
     {"null"},
     {"1"}},
    {"bounds_of_other_types",
     R"({"type":"string","minimum":5,"minItems":2,"required":["a"]})",
     {"\"a\""},
     {"5"}},
    {"optional_nullable",
     R"({"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}],"default":null}},"additionalProperties":false})",
     {"{}", R"({"a":null})", R"({"a":"x"})"},
     {R"({"a":1})"}},
};
INSTANTIATE_TEST_SUITE_P(Combinations, Schemas, ::testing::ValuesIn(kCombinations), NameOf());

struct Refused {
  const char* name;
  const char* schema;
  const char* message;
};
void PrintTo(const Refused& one, std::ostream* out) {
  *out << one.name;
}

class RefusedSchemas : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedSchemas, NameTheKeywordAndItsPlace) {
  const auto answer = compile(GetParam().schema);
  ASSERT_FALSE(answer) << GetParam().schema;
  EXPECT_THAT(answer.error().message, HasSubstr(GetParam().message));
}

const Refused kRefused[] = {
    {"not_", R"({"properties":{"a":{"not":{"type":"null"}}}})",
     "unsupported keyword 'not' at #/properties/a"},
    {"if_", R"({"if":{},"then":{}})", "unsupported keyword 'if' at #"},
    {"unique", R"({"type":"array","items":{"type":"array","uniqueItems":true}})",
     "unsupported keyword 'uniqueItems' at #/items"},
    {"contains", R"({"contains":{}})", "'contains'"},
    {"dependent", R"({"dependentRequired":{"a":["b"]}})", "'dependentRequired'"},
    {"dependencies", R"({"dependencies":{"a":["b"]}})", "'dependencies'"},
    {"unevaluated", R"({"unevaluatedProperties":false})", "'unevaluatedProperties'"},
    {"unknown", R"({"minLenght":3})", "'minLenght'"},
    {"format", R"({"$defs":{"x/y":{"format":"idn-email"}},"$ref":"#/$defs/x~1y"})",
     "unsupported keyword 'format' at #/$defs/x~1y: the format 'idn-email' is not known"},
    {"look_ahead", R"({"pattern":"(?=a)b"})", "'pattern' at #: patterns with look-around"},
    {"back_reference", R"({"pattern":"(a)\\1"})", "back references"},
    {"unicode_class", R"({"pattern":"\\p{L}"})", "\\p"},
    {"word_border", R"({"pattern":"\\bx"})", "\\b"},
    {"bad_pattern", R"({"pattern":"a("})", "a ( without )"},
    {"remote_ref", R"({"$ref":"https://example.com/s.json"})", "'$ref' at #"},
    {"dangling_ref", R"({"$ref":"#/$defs/none"})", "'$ref' at # must be a place that exists"},
    {"self_ref", R"({"$ref":"#"})", "refers to itself"},
    {"self_any_of", R"({"anyOf":[{"type":"null"},{"$ref":"#"}]})", "refers to itself"},
    {"circle",
     R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"allOf":[{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"})",
     "refers to itself"},
    {"one_of_overlaps", R"({"oneOf":[{"type":"integer"},{"type":"number"}]})",
     "unsupported keyword 'oneOf' at #"},
    {"one_of_objects",
     R"({"properties":{"p":{"oneOf":[{"type":"object"},{"type":"object","required":["a"]}]}}})",
     "unsupported keyword 'oneOf' at #/properties/p"},
    {"overlapping_patterns", R"({"type":"object","patternProperties":{"a":{},"b":{}}})",
     "'patternProperties' at #"},
    {"min_properties", R"({"type":"object","minProperties":2})", "'minProperties' at #"},
    {"max_properties", R"({"type":"object","maxProperties":2})", "'maxProperties' at #"},
    {"large_multiple", R"({"type":"number","multipleOf":0.00000012345})", "'multipleOf' at #"},
    {"bad_type", R"({"type":"strin"})", "'type' at # must be"},
    {"bad_required", R"({"required":"a"})", "'required' at #"},
    {"bad_schema", R"({"items":5})", "an object or a boolean expected at #/items"},
    {"bad_count", R"({"minLength":-1})", "'minLength' at #"},
    {"false_", "false", "there is no value"},
    {"contradiction", R"({"type":"string","enum":[1]})", "there is no value"},
    {"impossible_required", R"({"type":"object","properties":{"a":false},"required":["a"]})",
     "there is no value"},
    {"endless", R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})", "there is no value"},
    {"lengths", R"({"type":"string","minLength":3,"maxLength":2})", "there is no value"},
    {"bounds", R"({"type":"integer","minimum":3,"maximum":2})", "there is no value"},
    {"object_enum_with_properties", R"({"enum":[{"a":1}],"properties":{"a":{}}})", "'enum' at #"},
};
INSTANTIATE_TEST_SUITE_P(All, RefusedSchemas, ::testing::ValuesIn(kRefused), NameOf());

}  // namespace
}  // namespace fathom::text::grammar
