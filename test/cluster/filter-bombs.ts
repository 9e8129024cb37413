// Filters that are none, and filters made to hold up whoever runs them.

/** Each must be told to be wrong. */
export const wrongFilters: Readonly<Record<string, string>> = {
  "half an expression": "node.",
  "an unknown variable": "nobody.id == ''",
  "an unknown function": "explode(node)",
  "no boolean": "node.id",
  "a number": "1 + 1",
  "an unclosed text": "node.id == 'x",
  "a null byte": "node.id == '\0",
  JavaScript: "(() => process.exit(1))()",
  "a prototype": "node.constructor.constructor('return process')() == 1",
  "a made message": "metropolis.proto.api.Node{id: 'x'} == node",
  "division by zero": "1 / 0 == 1",
};

const nested = (depth: number, open: string, close: string, inside = "true") =>
  open.repeat(depth) + inside + close.repeat(depth);

const loops = (depth: number, list: string) =>
  Array.from({ length: depth }, (_, at) => `${list}.all(x${at}, `).join("") +
  "true" +
  ")".repeat(depth);

const tenThousand = `[${Array.from({ length: 500 }, () => "1").join(",")}]`;

/** Each must be refused, at once. */
export const filterBombs: Readonly<Record<string, string>> = {
  "deep parentheses": nested(2_000, "(", ")"),
  "deep lists": `${nested(1_000, "[", "]", "")} == []`,
  "deep conditions": nested(500, "true ? ", " : true"),
  "many terms": Array.from({ length: 1_500 }, () => "1")
    .join("+")
    .concat(" == 1"),
  "a megabyte of text": `node.id == '${"x".repeat(1 << 20)}'`,
  "two megabytes of list": `1 in [${"1,".repeat(1 << 20)}1]`,
  "loops in loops": loops(6, "[1,2,3,4,5,6,7,8,9]"),
  "loops over long lists": loops(2, tenThousand),
  "a list that doubles": `${'["x"].map(a, [a,a])'.concat(".map(b, [b,b])".repeat(40))}.size() == 1`,
  "a text that doubles": `'x'${".replace('x','xx')".repeat(40)}.size() > 1`,
  "a sum of texts": nested(60, "(", ")", "'xxxxxxxxxxxxxxxx'").concat(
    Array.from({ length: 400 }, () => `+ ('${"y".repeat(4)}' + '${"z".repeat(2)}')`).join(""),
    " == ''",
  ),
  backtracking: `'${"a".repeat(3_000)}!'.matches('^(a+)+$') && '${"a".repeat(40)}!'.matches('(a|aa)+$') && ${loops(2, tenThousand)}`,
  "repetitions in repetitions": "node.id.matches('((a{1,1000}){1,1000}){1,1000}')",
  "a long pattern": `node.id.matches('${"(a|b)".repeat(400)}')`,
  "time zones": `${tenThousand}.all(x, timestamp('2026-01-01T00:00:00Z').getHours('Europe/Paris') >= 0)`,
};
