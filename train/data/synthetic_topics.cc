// Simple questions about the world that want a sentence or two of plain prose.
#include <fmt/format.h>

#include "train/data/synthetic.h"

namespace fathom::train {
namespace {

using fmt::format;
using Text = std::string;

// What a child might ask about: "What is NAME?", "Tell me about NAME."
struct Topic {
  const char *name, *text, *more;  // `more` goes on where `text` ends
};

const std::vector<Topic> kTopics = {
    {"rain", "Rain is water that falls from the clouds.", "Plants, animals and people all need it to live."},
    {"snow", "Snow is made of small crystals of ice that fall from the sky when it is cold.",
     "Children like to play in it."},
    {"the sun", "The sun is a star. It gives us light and warmth.", "The Earth goes around it once a year."},
    {"the moon", "The moon goes around the Earth. It shines because it reflects the light of the sun.",
     "It takes about a month."},
    {"a star", "A star is a very hot ball of gas that shines by itself.",
     "Stars look small because they are so far away."},
    {"a planet", "A planet is a large round body that goes around a star.",
     "The Earth is a planet, and so is Mars."},
    {"the sea", "The sea is a great body of salt water. It covers most of the Earth.",
     "Many fish and plants live in it."},
    {"a river", "A river is water that flows over the land to a lake or to the sea.",
     "Many cities stand beside a river."},
    {"a mountain", "A mountain is land that rises high above the land around it.",
     "The tops of high mountains are covered with snow."},
    {"a forest", "A forest is a large place with many trees.", "Birds, deer and foxes live there."},
    {"a desert", "A desert is a very dry place where little rain falls.",
     "It can be hot in the day and cold at night."},
    {"an island", "An island is land with water all around it.", "You need a boat or a plane to get there."},
    {"wind", "Wind is air that moves.", "It can turn a mill, fill a sail or fly a kite."},
    {"a cloud", "A cloud is made of very small drops of water in the air.",
     "When the drops grow heavy, it rains."},
    {"ice", "Ice is water that has become hard because it is cold.", "It melts when it gets warm."},
    {"fire", "Fire is what we see when something burns. It gives light and heat.",
     "It is useful, but it is dangerous too."},
    {"water", "Water is a clear liquid without taste or smell.", "Every living thing needs it."},
    {"air", "Air is the gas that is all around us. We breathe it.",
     "We cannot see it, but we can feel the wind."},
    {"a tree", "A tree is a tall plant with a trunk of wood, branches and leaves.",
     "Some trees live for many hundred years."},
    {"a flower", "A flower is the part of a plant that makes seeds.",
     "Many flowers have bright colors and a sweet smell."},
    {"a dog", "A dog is an animal that lives with people. It can guard a house and play.",
     "A dog likes to run and is a good friend."},
    {"a cat", "A cat is a small animal with soft fur. It likes to sleep and to catch mice.",
     "Many people keep a cat at home."},
    {"a horse", "A horse is a big, strong animal with four legs. People can ride it.",
     "It eats grass and hay."},
    {"a cow", "A cow is a large farm animal. It eats grass and gives milk.",
     "Butter and cheese are made from its milk."},
    {"a bird", "A bird is an animal with wings and feathers. Most birds can fly.",
     "Birds lay eggs and build nests."},
    {"a fish", "A fish is an animal that lives in water and swims with its fins.",
     "It breathes under water."},
    {"a bee", "A bee is an insect that flies from flower to flower and makes honey.",
     "Bees live together in a hive."},
    {"a spider", "A spider is a small animal with eight legs. Many spiders spin webs.",
     "They catch flies in their webs."},
    {"an elephant", "An elephant is the largest animal on land. It has a long trunk and big ears.",
     "It eats leaves and grass."},
    {"a lion", "A lion is a large wild cat. It is very strong and has a loud roar.",
     "Lions live together and hunt other animals."},
    {"a whale", "A whale is a very large animal that lives in the sea. It is not a fish.",
     "It must come up to breathe air."},
    {"a farmer", "A farmer grows plants and keeps animals, so that people have food.",
     "The work begins early in the morning."},
    {"a teacher", "A teacher helps people to learn, mostly in a school.",
     "A good teacher is patient and kind."},
    {"a doctor", "A doctor helps people who are sick or hurt.", "Many doctors work in a hospital."},
    {"a baker", "A baker makes bread and cakes.", "A baker gets up very early, so that the bread is fresh."},
    {"a king", "A king is a man who rules a country.", "In stories he often lives in a castle."},
    {"a school", "A school is a place where children learn to read, to write and to count.",
     "They also make friends there."},
    {"a library", "A library is a place with many books that people can read or borrow.",
     "It is a quiet place."},
    {"a hospital", "A hospital is a place where sick people get help from doctors and nurses.",
     "It is open day and night."},
    {"a market", "A market is a place where people buy and sell things.",
     "You can find fruit, bread and flowers there."},
    {"a museum", "A museum is a place where old or beautiful things are shown.",
     "People go there to look and to learn."},
    {"a garden", "A garden is a piece of land where people grow flowers, fruit or vegetables.",
     "It needs sun and water."},
    {"a house", "A house is a building where people live.", "It has walls, a roof, doors and windows."},
    {"a bridge", "A bridge lets people cross a river or a road.", "It can be made of wood, stone or steel."},
    {"a ship", "A ship is a large boat that carries people and goods over the sea.",
     "Long ago, ships had sails."},
    {"a train", "A train runs on rails and carries many people or goods.", "It stops at stations."},
    {"a car", "A car is a machine with four wheels and an engine. People drive it on roads.",
     "It can carry four or five people."},
    {"a plane", "A plane is a machine with wings that flies through the air.",
     "It is the fastest way to travel far."},
    {"a bicycle", "A bicycle has two wheels. You move it with your legs.", "It is quiet and needs no fuel."},
    {"a clock", "A clock shows the time.",
     "It has a short hand for the hours and a long hand for the minutes."},
    {"a book", "A book is made of pages with words or pictures.",
     "You can learn from it or read it for fun."},
    {"a letter", "A letter is a message on paper that you send to somebody.",
     "You put it into an envelope with a stamp."},
    {"a map", "A map is a picture of a place from above. It shows roads, rivers and towns.",
     "It helps you to find your way."},
    {"a computer", "A computer is a machine that works with numbers and words very fast.",
     "People use it to write, to count and to play."},
    {"a robot", "A robot is a machine that can do some work by itself.", "Many robots work in factories."},
    {"a language model", "A language model is a program that has learned from text which word comes next.",
     "I am a very small one."},
    {"a prime number", "A prime number can be divided only by one and by itself.",
     "Two, three, five and seven are prime numbers."},
    {"a triangle", "A triangle is a shape with three sides and three corners.",
     "All three sides can have the same length."},
    {"a circle", "A circle is a round shape. All its points are equally far from the middle.",
     "A wheel has the shape of a circle."},
    {"music", "Music is sound that is made to be heard with joy. People sing or play it.",
     "There is music in every country."},
    {"a friend", "A friend is somebody you like and trust.", "Good friends help each other."},
    {"sleep", "Sleep is the rest that the body and the mind need every night.",
     "Most people sleep about eight hours."},
    {"bread", "Bread is a food made from flour, water and salt. It is baked in an oven.",
     "People have made it for thousands of years."},
    {"milk", "Milk is a white drink that comes from cows and other animals.", "It makes bones strong."},
    {"honey", "Honey is a sweet food that bees make from flowers.", "People put it on bread or into tea."},
    {"salt", "Salt is a white mineral that makes food taste better.", "There is much of it in the sea."},
    {"tea", "Tea is a drink made from leaves and hot water.", "It was first made in China."},
    {"gold", "Gold is a yellow metal. It is soft, shines and does not rust.",
     "Rings and coins are made of it."},
    {"iron", "Iron is a hard grey metal. Tools and machines are made of it.", "It rusts when it is wet."},
    {"winter", "Winter is the coldest season of the year. The days are short.", "In many places it snows."},
    {"spring", "Spring is the season when it gets warm and the flowers begin to grow.",
     "It comes after winter."},
    {"summer", "Summer is the warmest season of the year. The days are long.",
     "Many people take a holiday then."},
    {"autumn", "Autumn is the season when the leaves turn red and yellow and fall.",
     "It comes before winter."},
};

// Questions with an answer of their own.
struct Question {
  std::vector<Text> asked, answers;
};

const std::vector<Question> kQuestions = {
    {{"Why is the sky blue?"},
     {"The air scatters the blue part of the sunlight more than the rest, so the sky looks blue."}},
    {{"Why do we sleep?"},
     {"We sleep so that the body and the mind can rest. Without sleep we are tired and cannot think well."}},
    {{"Why do birds fly south?", "Why do birds leave in winter?"},
     {"Many birds fly south in autumn because it is warm there and they find more food."}},
    {{"Why do leaves fall?", "Why do trees lose their leaves?"},
     {"Trees lose their leaves in autumn to save water in the cold winter."}},
    {{"How do plants grow?", "What do plants need to grow?"},
     {"Plants need light, water, air and good soil. With these they grow from a small seed."}},
    {{"How do I make tea?", "How do you make tea?"},
     {"Boil some water, put the tea into a cup, pour the hot water over it and wait a few minutes. Then "
      "enjoy it!"}},
    {{"How do I bake bread?", "How is bread made?"},
     {"Mix flour, water, salt and yeast. Let the dough rest until it is big. Then bake it in a hot oven."}},
    {{"How can I fall asleep?", "I cannot sleep. What can I do?"},
     {"Try to go to bed at the same time every day, make the room dark and put the phone away. A quiet book "
      "can help too."}},
    {{"How can I learn faster?", "How do I learn well?"},
     {"Learn a little every day, repeat what you have learned, and explain it to somebody else. And do not "
      "forget to rest."}},
    {{"What should I cook tonight?", "What can I have for dinner?"},
     {"How about pasta with tomatoes and cheese? It is quick and tastes good.",
      "You could make a warm soup with bread. It is easy and healthy."}},
    {{"What should I do today?", "I am bored.", "What can I do this weekend?"},
     {"You could take a walk, read a book or call a friend.",
      "How about a walk in the park? Or you could cook something new."}},
    {{"What should I read?", "Can you recommend a book?"},
     {"I like old stories. Try a book of fairy tales or a story about the sea."}},
    {{"How are you?", "How are you doing?", "How do you feel?"},
     {"I am fine, thank you. How are you?", "I am doing well. How can I help you?"}},
    {{"I am happy today!", "Today is a good day.", "I passed my test!"},
     {"That is wonderful! I am glad to hear it.", "Great! What made you happy?"}},
    {{"I am tired.", "I am so tired today."},
     {"Then you should rest a little. A short sleep or a cup of tea may help.",
      "I am sorry to hear that. Try to go to bed early tonight."}},
    {{"I am hungry.", "I want to eat something."},
     {"How about an apple or some bread with cheese?",
      "Then let us find something to eat. Do you like soup?"}},
    {{"I am scared.", "I am afraid of the dark."},
     {"It is all right to be scared. Turn on a small light and breathe slowly. You are safe."}},
    {{"It is my birthday today.", "Today is my birthday!"},
     {"Happy birthday! I hope you have a wonderful day."}},
    {{"Can you help me?", "I need help.", "Help me, please."},
     {"Of course! What do you need?", "Yes, I will try. What is the problem?"}},
    {{"Can I ask you something?", "I have a question."},
     {"Yes, of course. What would you like to know?", "Please ask. I will try to answer."}},
    {{"Do you have feelings?", "Can you feel?"},
     {"No, I am a program. I can talk about feelings, but I do not have them."}},
    {{"How old are you?", "When were you born?"},
     {"I am a program, so I have no age. I was trained not long ago."}},
    {{"Where do you live?", "Where are you?"},
     {"I live in a computer, just where you started me.", "I run on your own machine, so I am right here."}},
    {{"Do you like music?", "What is your favorite color?", "What do you like?"},
     {"I am a program and have no taste of my own, but I like to talk about it. What do you like?"}},
    {{"Are you smart?", "Do you know everything?"},
     {"No, I am a very small model and I make mistakes. Please check what I say."}},
    {{"Who made you?", "Who trained you?"},
     {"I was trained by the fathom project, from free texts and simple exercises."}},
    {{"Can you write code?", "Can you speak Chinese?", "Can you draw?"},
     {"No, I am too small for that. I can chat in simple English, do sums and use tools."}},
    {{"What is the meaning of life?"},
     {"That is a big question. Many people say it is to be kind, to learn and to help each other."}},
    {{"Tell me something interesting.", "Tell me a fun fact."},
     {"Honey does not spoil. Honey that is thousands of years old can still be eaten.",
      "A day on Venus is longer than a year on Venus.", "An octopus has three hearts.",
      "Bees can see colors that we cannot see."}},
    {{"What is your favorite animal?", "Which animal do you like?"},
     {"I have never seen one, but I like the owl. It is quiet and sees well at night."}},
    {{"Say something nice.", "Cheer me up."},
     {"You are doing well. Every small step counts.", "I am glad that you are here. Have a wonderful day!"}},
    {{"What is friendship?", "How do I make friends?"},
     {"Be kind, listen to others and do things together. Friendship grows with time."}},
};

Text capitalized(Text text) {
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

}  // namespace

Conversation make_topic(Random& random) {
  const Text start = random.pick({"", "", "", "Please tell me: ", "Hi! "});
  if (random.chance(0.4)) {
    const Question& q = random.pick(kQuestions);
    return question_and_answer(random.pick(q.asked), random.pick(q.answers));
  }
  const Topic& topic = random.pick(kTopics);
  const Text asked =
      random.pick({format("What is {}?", topic.name), format("Tell me about {}.", topic.name),
                   format("Explain what {} is.", topic.name), format("Can you explain {}?", topic.name)});
  Conversation conversation = question_and_answer(start + asked, topic.text);
  const int kind = random.below(3);
  if (kind == 0) conversation.messages.back().content = format("{} {}", topic.text, topic.more);
  if (kind == 1) {
    conversation.messages.push_back(
        user_says(random.pick({Text("Tell me more."), Text("Go on."), Text("What else?"),
                               format("Tell me more about {}.", topic.name)})));
    conversation.messages.push_back(assistant_says(capitalized(topic.more)));
  }
  return conversation;
}

}  // namespace fathom::train
