// Sums and word problems, with the steps of school arithmetic as reasoning.
#include <fmt/format.h>

#include <algorithm>

#include "train/data/synthetic.h"
#include "train/data/word_lists.h"

namespace fathom::train {
namespace {

using fmt::format;
using Text = std::string;

struct Sum {
  Text question, reasoning, result;
};

Text joined(const std::vector<Text>& steps) {
  return Text(fmt::format("{}", fmt::join(steps, ". ")));
}

// Digit by digit from the right, with carries.
Text addition_steps(int x, int y) {
  std::vector<Text> steps;
  int carry = 0;
  for (int a = x, b = y; a > 0 || b > 0; a /= 10, b /= 10) {
    const int sum = a % 10 + b % 10 + carry;
    steps.push_back(format("{} + {}{} = {}, write {}{}", a % 10, b % 10, carry ? format(" + {}", carry) : "",
                           sum, sum % 10, sum > 9 ? ", carry 1" : ""));
    carry = sum / 10;
  }
  if (carry) steps.push_back("write the carry 1");
  return format("{}. So the result is {}.", joined(steps), x + y);
}

Text subtraction_steps(int x, int y) {
  std::vector<Text> steps;
  int borrow = 0;
  for (int a = x, b = y; a > 0; a /= 10, b /= 10) {
    const int p = a % 10 - borrow, q = b % 10;
    if (p < q) {
      steps.push_back(format("{} - {}: borrow, {} - {} = {}", p, q, p + 10, q, p + 10 - q));
      borrow = 1;
    } else {
      steps.push_back(format("{} - {} = {}", p, q, p - q));
      borrow = 0;
    }
  }
  if (steps.empty()) steps.push_back("0 - 0 = 0");
  return format("{}. So the result is {}.", joined(steps), x - y);
}

Sum addition(Random& random, int limit) {
  const int x = random.between(1, limit - 1), y = random.between(1, limit - 1);
  return {random.pick({format("What is {} + {}?", x, y), format("Add {} and {}.", x, y),
                       format("{} + {} = ?", x, y), format("How much is {} plus {}?", x, y)}),
          addition_steps(x, y), format("{} + {} = {}", x, y, x + y)};
}

Sum subtraction(Random& random, int limit) {
  int x = random.between(1, limit - 1), y = random.between(1, limit - 1);
  if (x < y) std::swap(x, y);
  return {random.pick({format("What is {} - {}?", x, y), format("Subtract {} from {}.", y, x),
                       format("How much is {} minus {}?", x, y)}),
          subtraction_steps(x, y), format("{} - {} = {}", x, y, x - y)};
}

Sum multiplication(Random& random) {
  const int x = random.between(2, 12), y = random.between(2, 12);
  Text steps = format("{} times {} is {}.", x, y, x * y);
  if (y <= 5) {
    steps = format("{} * {} = {}", x, y, x);
    for (int i = 1; i < y; ++i) steps += format(" + {}", x);
    steps += format(" = {}.", x * y);
  }
  return {random.pick({format("What is {} times {}?", x, y), format("What is {} * {}?", x, y),
                       format("Multiply {} by {}.", x, y)}),
          steps, format("{} * {} = {}", x, y, x * y)};
}

Sum division(Random& random) {
  const int y = random.between(2, 12), z = random.between(2, 12), x = y * z;
  return {random.pick({format("What is {} divided by {}?", x, y), format("{} / {} = ?", x, y)}),
          format("{} * {} = {}, so {} / {} = {}.", y, z, x, x, y, z), format("{} / {} = {}", x, y, z)};
}

Sum comparison(Random& random, int limit) {
  const int x = random.between(1, limit - 1), y = random.between(1, limit - 1);
  const Text result = x == y ? "They are equal" : format("{} is larger", std::max(x, y));
  return {random.pick({format("Which is larger, {} or {}?", x, y), format("Is {} or {} bigger?", x, y)}),
          format("{} has {} digits and {} has {} digits. {}.", x, std::to_string(x).size(), y,
                 std::to_string(y).size(), result),
          result};
}

Sum running_sum(Random& random) {
  std::vector<int> numbers(static_cast<std::size_t>(random.between(3, 5)));
  for (int& n : numbers) n = random.between(1, 19);
  std::vector<Text> steps;
  int total = numbers[0];
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    steps.push_back(format("{} + {} = {}", total, numbers[i], total + numbers[i]));
    total += numbers[i];
  }
  const std::vector<int> first(numbers.begin(), numbers.end() - 1);
  return {format("What is the sum of {} and {}?", fmt::join(first, ", "), numbers.back()),
          joined(steps) + ".", format("The sum is {}", total)};
}

Sum any_sum(Random& random) {
  const int limit = random.pick({10, 100, 100, 1000});
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
      return addition(random, limit);
    case 3:
      return subtraction(random, limit);
    case 4:
      return multiplication(random);
    case 5:
      return division(random);
    case 6:
      return comparison(random, limit);
    default:
      return running_sum(random);
  }
}

}  // namespace

Conversation make_sum(Random& random) {
  const Sum sum = any_sum(random);
  const Text start = random.pick({"", "", "", "Please tell me: ", "Quick question: ", "Hi! "});
  std::optional<Text> reasoning;
  if (random.chance(0.75)) reasoning = sum.reasoning;
  return question_and_answer(start + sum.question, sum.result + ".", reasoning);
}

Conversation make_word_problem(Random& random) {
  const std::vector<Text> people = random.sample(kNames, 2);
  const Text &n = people[0], &m = people[1];
  const Text things =
      random.pick({"apples", "books", "coins", "cards", "pens", "cookies", "stones", "shells"});
  const int x = random.between(5, 59), y = random.between(1, std::min(x, 29));
  Text question, reasoning;
  int answer = 0;
  switch (random.below(4)) {
    case 0:
      answer = x + y;
      question = format("{0} has {2} {4}. {1} gives {0} {3} more. How many {4} does {0} have now?", n, m, x,
                        y, things);
      reasoning = format("{} starts with {} and gets {} more. {}", n, x, y, addition_steps(x, y));
      break;
    case 1:
      answer = x - y;
      question = format("{0} has {2} {4} and gives {3} to {1}. How many {4} are left?", n, m, x, y, things);
      reasoning = format("{} starts with {} and gives away {}. {}", n, x, y, subtraction_steps(x, y));
      break;
    case 2: {
      const int boxes = random.between(2, 9), each = random.between(2, 9);
      answer = boxes * each;
      question = format("{0} has {1} boxes with {2} {3} in each box. How many {3} is that in total?", n,
                        boxes, each, things);
      reasoning = format("{0} boxes times {1} {2} is {0} * {1} = {3}.", boxes, each, things, answer);
      break;
    }
    default:
      answer = x - y;
      question = format("{} has {} {}, {} has {}. How many more does {} have?", n, x, things, m, y, n);
      reasoning = format("The difference is {} - {}. {}", x, y, subtraction_steps(x, y));
  }
  return question_and_answer(question, format("The answer is {}.", answer), reasoning);
}

}  // namespace fathom::train
