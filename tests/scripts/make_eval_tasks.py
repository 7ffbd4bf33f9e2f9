#!/usr/bin/env python3
"""Writes src/cli/eval/tasks.json, the fixed task set of `fathom eval --tasks`.

    tests/scripts/make_eval_tasks.py > src/cli/eval/tasks.json

The cases are drawn with the seed below. They are of the kinds that the embedded model is trained on (train/data), whose
generator has other seeds and far more variants: single cases may have occurred in training, the set as such has not. After
a change of the set, figures cannot be compared with older ones: raise "version".
"""

import json
import random

SEED = 20260
VERSION = 1

rng = random.Random(SEED)

NAMES = ["Tom", "Ann", "Ben", "Lily", "Sam", "Mia", "Jack", "Emma", "Leo", "Zoe", "Noah", "Ruby", "Luke", "Anna", "Paul",
         "Rosa", "Nina", "Omar", "Sara", "Carl"]
CAPITALS = [("France", "Paris"), ("Germany", "Berlin"), ("Italy", "Rome"), ("Spain", "Madrid"), ("Japan", "Tokyo"),
            ("China", "Beijing"), ("Russia", "Moscow"), ("Canada", "Ottawa"), ("Chile", "Santiago"), ("Peru", "Lima"),
            ("Egypt", "Cairo"), ("Kenya", "Nairobi"), ("Sweden", "Stockholm"), ("Norway", "Oslo"), ("Finland", "Helsinki"),
            ("Poland", "Warsaw"), ("Austria", "Vienna"), ("Greece", "Athens"), ("Ireland", "Dublin"),
            ("Portugal", "Lisbon"), ("Cuba", "Havana"), ("Thailand", "Bangkok")]
CITIES = [city for _, city in CAPITALS]
WORDS = ["apple", "banana", "lemon", "tiger", "rabbit", "horse", "garden", "kitchen", "market", "tower", "piano", "violin",
         "hammer", "shovel", "eagle", "parrot", "carrot", "potato", "circle", "square", "coffee", "water", "green", "yellow"]
FOLDERS = ["src", "docs", "/home/user", "data", "tests", "/tmp", "project"]
FILES = ["notes.txt", "todo.txt", "main.c", "readme.md", "data.csv", "config.json", "log.txt", "plan.md"]

TOOLS = {tool["name"]: tool for tool in [
    {"name": "get_weather", "description": "Get the weather for a city",
     "parameters": {"type": "object",
                    "properties": {"city": {"type": "string", "description": "The city name"},
                                   "unit": {"type": "string", "description": "Temperature unit",
                                            "enum": ["celsius", "fahrenheit"]}},
                    "required": ["city"]}},
    {"name": "calculator", "description": "Evaluate an arithmetic expression",
     "parameters": {"type": "object", "properties": {"expression": {"type": "string", "description": "The expression"}},
                    "required": ["expression"]}},
    {"name": "search", "description": "Search the web",
     "parameters": {"type": "object",
                    "properties": {"query": {"type": "string", "description": "Search query"},
                                   "num_results": {"type": "integer", "description": "Number of results"}},
                    "required": ["query"]}},
    {"name": "read_file", "description": "Read a text file",
     "parameters": {"type": "object", "properties": {"path": {"type": "string", "description": "Path of the file"}},
                    "required": ["path"]}},
    {"name": "list_dir", "description": "List the files in a folder",
     "parameters": {"type": "object", "properties": {"path": {"type": "string", "description": "Path of the folder"}},
                    "required": ["path"]}},
    {"name": "bash", "description": "Run a shell command",
     "parameters": {"type": "object", "properties": {"command": {"type": "string", "description": "The command"}},
                    "required": ["command"]}},
    {"name": "get_time", "description": "Get the current time in a city",
     "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "The city name"}},
                    "required": ["city"]}},
    {"name": "set_timer", "description": "Set a timer",
     "parameters": {"type": "object",
                    "properties": {"minutes": {"type": "integer", "description": "Minutes until it rings"},
                                   "label": {"type": "string", "description": "Label of the timer"}},
                    "required": ["minutes"]}},
    {"name": "write_file", "description": "Write a text file",
     "parameters": {"type": "object",
                    "properties": {"path": {"type": "string", "description": "Path of the file"},
                                   "content": {"type": "string", "description": "New content"}},
                    "required": ["path", "content"]}},
    {"name": "send_message", "description": "Send a message to a person",
     "parameters": {"type": "object",
                    "properties": {"to": {"type": "string", "description": "Name"},
                                   "text": {"type": "string", "description": "Message text"}},
                    "required": ["to", "text"]}},
]}


def distinct(count, draw):
    """`count` cases with different questions."""
    cases, asked = [], set()
    while len(cases) < count:
        case = draw()
        key = json.dumps(case.get("ask") or case["messages"])
        if case.get("ask") and key in asked:
            continue
        asked.add(key)
        cases.append(case)
    return cases


def addition():
    x, y = rng.randint(10, 99), rng.randint(10, 99)
    ask = rng.choice(["What is {} + {}?", "Add {} and {}.", "{} + {} = ?", "How much is {} plus {}?"]).format(x, y)
    return {"ask": ask, "think": True, "number": x + y}


def subtraction():
    while True:
        x, y = rng.randint(10, 99), rng.randint(10, 99)
        if x > y and x - y not in (x, y):
            break
    ask = rng.choice(["What is {0} - {1}?", "Subtract {1} from {0}.", "How much is {0} minus {1}?"]).format(x, y)
    return {"ask": ask, "think": True, "number": x - y}


def multiplication():
    x, y = rng.randint(2, 12), rng.randint(2, 12)
    ask = rng.choice(["What is {} times {}?", "What is {} * {}?", "Multiply {} by {}."]).format(x, y)
    return {"ask": ask, "think": True, "number": x * y}


def word_problem():
    n, m = rng.sample(NAMES, 2)
    things = rng.choice(["apples", "books", "coins", "cards", "pens", "cookies", "stones", "shells"])
    while True:
        x = rng.randint(12, 59)
        y = rng.randint(3, min(x - 2, 29))
        if x - y != y:
            break
    kind = rng.randrange(4)
    if kind == 0:
        return {"ask": f"{n} has {x} {things}. {m} gives {n} {y} more. How many {things} does {n} have now?", "think": True,
                "number": x + y}
    if kind == 1:
        return {"ask": f"{n} has {x} {things} and gives {y} to {m}. How many {things} are left?", "think": True,
                "number": x - y}
    if kind == 2:
        boxes, each = rng.randint(2, 9), rng.randint(2, 9)
        return {"ask": f"{n} has {boxes} boxes with {each} {things} in each box. How many {things} is that in total?",
                "think": True, "number": boxes * each}
    return {"ask": f"{n} has {x} {things}, {m} has {y}. How many more does {n} have?", "think": True, "number": x - y}


def offer(needed):
    others = [name for name in TOOLS if name != needed]
    offered = [needed] + rng.sample(others, rng.randrange(4))
    rng.shuffle(offered)
    return offered


def call(name, ask, arguments):
    case = {"ask": ask, "tools": offer(name), "calls": [{"name": name, "arguments": arguments}]}
    if rng.random() < 0.5:
        case["think"] = True
    return case


def weather():
    city = rng.choice(CITIES)
    ask = rng.choice(["What's the weather in {}?", "How is the weather in {} today?", "Is it cold in {}?",
                      "Tell me the weather for {}."])
    return call("get_weather", ask.format(city), {"city": city})


def calculator():
    e = f"{rng.randint(100, 9998)} {rng.choice('+-*')} {rng.randint(100, 998)}"
    return call("calculator", rng.choice(["Please compute {}.", "Use the calculator: {}"]).format(e), {"expression": e})


def search():
    country, city = rng.choice(CAPITALS)
    query = rng.choice([f"population of {city}", f"history of {country}", f"best food in {country}", f"trains to {city}"])
    if rng.random() < 0.4:
        n = rng.randint(2, 5)
        return call("search", f"Search for {query} and give me {n} results.", {"query": query, "num_results": n})
    return call("search", f"Search for {query}.", {"query": query})


def read_file():
    path = f"{rng.choice(FOLDERS)}/{rng.choice(FILES)}"
    ask = rng.choice(["What is in the file {}?", "Read {}.", "Show me {}, please."])
    return call("read_file", ask.format(path), {"path": path})


def list_dir():
    folder = rng.choice(FOLDERS)
    ask = rng.choice(["Which files are in {}?", "List the files in {}.", "How many files are in {}?"])
    return call("list_dir", ask.format(folder), {"path": folder})


def bash():
    command, ask = rng.choice([("ls -l", "List the files here with details."), ("pwd", "Which folder am I in?"),
                               ("git status", "What is the git status?"), ("make", "Build the project."),
                               ("wc -l main.c", "How many lines does main.c have?"), ("whoami", "Which user am I?"),
                               ("df -h /", "How much disk space is left?"), ("make test", "Run the tests.")])
    return call("bash", ask, {"command": command})


def get_time():
    city = rng.choice(CITIES)
    return call("get_time", rng.choice(["What time is it in {}?", "Tell me the time in {}."]).format(city), {"city": city})


def set_timer():
    minutes, label = rng.randint(2, 59), rng.choice(["tea", "eggs", "pasta", "bread", "laundry"])
    ask = rng.choice(["Set a timer for {0} minutes for the {1}.", "Please remind me about the {1} in {0} minutes."])
    return call("set_timer", ask.format(minutes, label), {"minutes": minutes, "label": label})


def send_message():
    name = rng.choice(NAMES)
    words = rng.choice(["I am late.", "Dinner is ready.", "Call me back.", "Happy birthday!", "See you at noon."])
    return call("send_message", rng.choice(["Send {} this message: {}", "Tell {}: {}"]).format(name, words),
                {"to": name, "text": words})


def no_call(ask, expected):
    case = {"ask": ask, "tools": offer(rng.choice([name for name in TOOLS if name != "search"])), "calls": []}
    if expected:
        case.update({"contains": [expected], "ignore_case": True})
    return case


NO_CALL = [(f"What is the capital of {country}?", city) for country, city in CAPITALS[:8]] + [
    ("What is the opposite of hot?", "cold"), ("What is the plural of mouse?", "mice"),
    ("What sound does a cow make?", "moo"), ("What day comes after Monday?", "Tuesday"),
    ("What is the past tense of go?", "went"), ("What is a baby cat called?", "kitten"),
    ("Hello!", ""), ("Who are you?", ""), ("Thank you!", ""), ("Tell me a joke.", ""), ("Goodbye!", ""),
    ("I am sad today.", "")]

FACTS = [
    ("What is the capital of France?", "Paris"), ("Which city is the capital of Japan?", "Tokyo"),
    ("Tell me the capital city of Italy.", "Rome"), ("What is the capital of Norway?", "Oslo"),
    ("What is the capital of Egypt?", "Cairo"), ("Which city is the capital of Greece?", "Athens"),
    ("What is the capital of Poland?", "Warsaw"), ("What is the capital of Peru?", "Lima"),
    ("Berlin is the capital of which country?", "Germany"), ("Vienna is the capital of which country?", "Austria"),
    ("What is the opposite of hot?", "cold"), ("What is the opposite of happy?", "sad"),
    ("What is the opposite of big?", "small"), ("What is the opposite of early?", "late"),
    ("Give me the opposite of the word strong.", "weak"), ("Give me the opposite of the word open.", "closed"),
    ("What is the plural of child?", "children"), ("What is the plural of mouse?", "mice"),
    ("What is the plural of box?", "boxes"), ("What is the plural of leaf?", "leaves"),
    ("What is the past tense of go?", "went"), ("What is the past tense of see?", "saw"),
    ("What is the past tense of write?", "wrote"), ("What is the past tense of walk?", "walked"),
    ("What day comes after Monday?", "Tuesday"), ("What day comes before Sunday?", "Saturday"),
    ("Which month comes after March?", "April"), ("Which month comes before January?", "December"),
    ("What sound does a cow make?", "moo"), ("What does a cat say?", "meow"), ("What does a dog say?", "woof"),
    ("What is a baby dog called?", "puppy"), ("What is a baby cat called?", "kitten"),
    ("What is a baby sheep called?", "lamb"), ("How many legs does a duck have?", "2|two"),
    ("How many legs does a bee have?", "6|six"), ("What is the chemical symbol for oxygen?", "O"),
    ("What is the chemical symbol for gold?", "Au"), ("What is the atomic number of carbon?", "6|six"),
    ("What is the atomic number of helium?", "2|two"),
]


def memory():
    name, color = rng.choice(NAMES), rng.choice(["red", "blue", "green", "yellow", "purple", "black", "white", "pink"])
    pet, fruit = rng.choice(["dog", "cat", "horse", "rabbit", "mouse"]), rng.choice(["apples", "bananas", "pears", "lemons",
                                                                                   "plums", "grapes"])
    told = rng.sample([(f"My name is {name}.", "What is my name?", name),
                       (f"My favorite color is {color}.", "What is my favorite color?", color),
                       (f"I have a pet {pet}.", "What pet do I have?", pet),
                       (f"I like to eat {fruit}.", "Which fruit do I like?", fruit)], rng.randint(1, 3))
    messages = [{"role": "user", "content": " ".join(fact[0] for fact in told)},
                {"role": "assistant", "content": rng.choice(["Nice to know!", "Thanks for telling me.",
                                                             "Got it, I will remember that."])}]
    for country, city in rng.sample(CAPITALS, rng.randrange(3)):
        messages += [{"role": "user", "content": f"What is the capital of {country}?"},
                     {"role": "assistant", "content": f"The capital of {country} is {city}."}]
    asked = rng.choice(told)
    messages.append({"role": "user", "content": asked[1]})
    return {"messages": messages, "contains": [asked[2]]}


LISTS = {
    "fruits": "apple banana pear orange plum grape mango cherry peach lemon melon kiwi strawberry blueberry raspberry "
              "pineapple apricot fig lime coconut papaya watermelon grapefruit blackberry nectarine pomegranate date",
    "animals": "dog cat horse lion tiger bear fox wolf rabbit mouse elephant zebra cow pig sheep goat duck hen frog owl bee "
               "monkey giraffe deer bird fish snake eagle dolphin whale kangaroo panda penguin camel hamster squirrel",
    "colors": "red blue green yellow orange purple black white pink brown gray grey violet turquoise indigo gold silver",
    "birds": "robin owl eagle duck swan crow parrot pigeon hawk sparrow hen chicken goose penguin falcon raven seagull "
             "ostrich flamingo peacock turkey woodpecker hummingbird canary finch stork dove cardinal",
    "planets": "mercury venus earth mars jupiter saturn uranus neptune",
    "drinks": "water tea coffee milk juice lemonade cocoa soda beer wine smoothie",
}


def list_of():
    category = rng.choice(sorted(LISTS))
    n = rng.randint(2, 5)
    ask = rng.choice(["Name {} {}.", "Give me a list of {} {}.", "Can you list {} {}?"]).format(n, category)
    return {"ask": ask, "list": {"items": n, "of": LISTS[category].split()}}


def instruction():
    word = rng.choice(WORDS)
    kind = rng.randrange(6)
    if kind == 0:
        ask = rng.choice(["Spell the word {}.", "How do you spell {}?"]).format(word)
        return {"ask": ask, "contains": ["-".join(word.upper())], "ignore_case": True}
    if kind == 1:
        return {"ask": f"Write {word} in capital letters.", "contains": [word.upper()]}
    if kind == 2:
        ask = rng.choice([f"Write {word} backwards.", f"Reverse the word {word}."])
        return {"ask": ask, "think": True, "contains": [word[::-1]], "ignore_case": True}
    words = rng.sample(WORDS, rng.randint(3, 5))
    if kind == 3:
        return {"ask": f"Sort these words in alphabetical order: {', '.join(words)}.", "think": True,
                "order": sorted(words)}
    if kind == 4:
        i = rng.randrange(len(words))
        ordinal = ["first", "second", "third", "fourth", "fifth"][i]
        return {"ask": f"What is the {ordinal} word in this list: {', '.join(words)}?", "contains": [words[i]],
                "not": words[:i] + words[i + 1:]}
    a, b = rng.sample(NAMES, 2)
    first, second, third = rng.sample(["kitchen", "garden", "school", "park", "office", "library", "station", "market"], 3)
    return {"ask": f"{a} went to the {first}. {b} went to the {second}. {a} went to the {third}. Where is {a}?",
            "contains": [third], "not": [first, second]}


CHAT = ["Hello! How are you?", "Who are you, and what can you do?", "Tell me a short story.",
        "I am sad today. Can you cheer me up?", "What is a dictionary?", "Tell me a joke.",
        "What should I do on a rainy day?", "Why do birds fly?", "Describe a garden in the morning.",
        "Thank you for your help. Goodbye!"]

KINDS = [weather, calculator, search, read_file, list_dir, bash, get_time, set_timer, send_message]
groups = [
    ("addition", "two-digit sums, thinking", distinct(100, addition)),
    ("subtraction", "two-digit differences, thinking", distinct(30, subtraction)),
    ("multiplication", "products up to 12 x 12, thinking", distinct(30, multiplication)),
    ("word problems", "one step, thinking", distinct(30, word_problem)),
    ("tool calls", "the right tool among 1 to 4", [case for kind in KINDS for case in distinct(8, kind)]),
    ("no tool needed", "tools on offer, none of use", [no_call(ask, expected) for ask, expected in NO_CALL]),
    ("facts", "capitals, words, calendar, animals, elements",
     [{"ask": ask, "any": answer.split("|"), "ignore_case": True} for ask, answer in FACTS]),
    ("memory", "what the user said turns ago", distinct(20, memory)),
    ("lists", "N members of a category", distinct(20, list_of)),
    ("instructions", "spelling, order, places", distinct(30, instruction)),
    ("chat", "answers to read, not scored", [{"ask": ask} for ask in CHAT]),
]

print("{\n \"version\": %d,\n \"seed\": %d,\n \"tools\": [" % (VERSION, SEED))
print(",\n".join("  " + json.dumps(tool) for tool in TOOLS.values()))
print(" ],\n \"groups\": [")
for g, (name, about, cases) in enumerate(groups):
    print('  {"name": %s, "about": %s, "cases": [' % (json.dumps(name), json.dumps(about)))
    print(",\n".join("   " + json.dumps(case) for case in cases))
    print("  ]}" + ("," if g + 1 < len(groups) else ""))
print(" ]\n}")
