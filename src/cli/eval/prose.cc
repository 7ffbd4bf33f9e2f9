#include "cli/eval/prose.h"

#include <fmt/format.h>

#include <cctype>
#include <vector>

namespace fathom::eval {
namespace {

using Words = std::vector<std::string>;

const Words kPeople = {"the gardener",  "the old woman",   "the teacher",      "a tall stranger",
                       "the baker",     "her brother",     "the carpenter",    "my grandmother",
                       "the boatman",   "a young soldier", "the doctor",       "the shepherd",
                       "the innkeeper", "his daughter",    "the watchman",     "a small boy",
                       "the tailor",    "the miller",      "our neighbour",    "the musician",
                       "the fisherman", "an old sailor",   "the schoolmaster", "the housekeeper"};
const Words kThings = {"boat",   "letter",   "coat",    "clock",  "ladder",  "basket", "chair",  "candle",
                       "wheel",  "painting", "blanket", "mirror", "lantern", "spoon",  "wagon",  "fence",
                       "kettle", "saddle",   "curtain", "bridge", "table",   "window", "bottle", "carpet",
                       "stove",  "bucket",   "shelf",   "hammer", "pillow",  "teapot"};
const Words kQualities = {"old",       "broken", "beautiful", "heavy", "narrow",  "wooden", "strange",
                          "forgotten", "yellow", "simple",    "large", "dusty",   "quiet",  "plain",
                          "silver",    "little", "faded",     "clean", "crooked", "new"};
const Words kPlaces = {"in the garden",     "by the river",
                       "near the old mill", "behind the church",
                       "at the market",     "under the oak tree",
                       "on the hill",       "beside the road",
                       "in the kitchen",    "at the edge of the forest",
                       "in the harbour",    "across the valley",
                       "near the well",     "on the stairs",
                       "in the long hall",  "by the fire",
                       "at the inn",        "below the bridge",
                       "in the meadow",     "along the shore"};
const Words kTimes = {"In the morning",  "After supper",          "Before long",
                      "That evening",    "On the following day",  "Late in autumn",
                      "At last",         "When the rain stopped", "Some weeks later",
                      "Early in spring", "Toward noon",           "During the night",
                      "Once again",      "Not long afterwards",   "As the sun went down"};
const Words kDeeds = {"repaired",   "carried away", "looked at", "sold",     "painted", "found",
                      "remembered", "hid",          "lost",      "admired",  "cleaned", "moved",
                      "watched",    "described",    "bought",    "measured", "touched", "kept"};
const Words kActs = {"waited",        "sat down",      "laughed",        "fell asleep",
                     "walked slowly", "listened",      "began to sing",  "said nothing",
                     "stood still",   "looked around", "hurried home",   "shook his head",
                     "smiled",        "turned away",   "worked all day", "whistled a tune"};
const Words kManners = {"carefully",       "without a word", "with great patience", "at once",
                        "very slowly",     "with a sigh",    "in good humour",      "as always",
                        "for a long time", "quietly",        "in a hurry",          "almost by chance"};
const Words kWeathers = {"warm", "cold",   "windy", "misty", "bright",
                         "grey", "stormy", "mild",  "still", "wet"};
const Words kRemarks = {"It will surely rain before dark", "There is nothing to be afraid of",
                        "I have never liked this road",    "We ought to leave at once",
                        "You must come and see us again",  "The bread is almost ready",
                        "Nobody asked me about it",        "That was a long time ago",
                        "I should have known better",      "The horses are tired",
                        "Let us speak of something else",  "It is better to wait until morning",
                        "My father used to say the same",  "One gets used to the noise after a while"};

std::string capitalized(std::string text) {
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

}  // namespace

std::string Prose::sentence() {
  // Drawn before they are put together: arguments of a call have no fixed order.
  const std::string &who = draws_.pick(kPeople), &other = draws_.pick(kPeople), &what = draws_.pick(kThings),
                    &how = draws_.pick(kQualities);
  const std::string &where = draws_.pick(kPlaces), &when = draws_.pick(kTimes), &did = draws_.pick(kDeeds),
                    &act = draws_.pick(kActs);
  const std::string &manner = draws_.pick(kManners), &weather = draws_.pick(kWeathers),
                    &remark = draws_.pick(kRemarks);
  switch (draws_.below(10)) {
    case 0:
      return fmt::format("{}, {} {} the {} {} {}.", when, who, did, how, what, where);
    case 1:
      return fmt::format("{} {} {} and {}.", capitalized(who), act, where, draws_.pick(kActs));
    case 2:
      return fmt::format("It was a {} day, and {} {} {}.", weather, who, act, where);
    case 3:
      return fmt::format("\"{},\" said {}.", remark, who);
    case 4:
      return fmt::format("Nobody {} had ever seen such a {} {} before.", where, how, what);
    case 5:
      return fmt::format("The {} {} was {}, so {} {} it {}.", what, where, how, who, did, manner);
    case 6:
      return fmt::format("{} asked {} about the {}, but there was no answer.", capitalized(who), other, what);
    case 7:
      return fmt::format("When {} came back, the {} was {} and the {} was gone.", who, what, how,
                         draws_.pick(kThings));
    case 8:
      return fmt::format("{} {} {}, for the {} {} had to be ready before dark.", capitalized(who), act,
                         manner, how, what);
    default:
      return fmt::format("{}, the {} stood {} again, and {} {}.", when, what, where, other, act);
  }
}

}  // namespace fathom::eval
