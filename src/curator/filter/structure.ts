// The shape of a parsed filter: what it may look like, and the price tags that
// are put into it before it is run.
import { parse } from "@bufbuild/cel";
import { MADE, TURN } from "./meter.ts";

/** A parsed expression. */
export type Expression = ReturnType<typeof parse>["expr"];

type Loop = Extract<Expression["exprKind"], { case: "comprehensionExpr" }>["value"];

/** Longest source, in UTF-16 units. Parsing is not linear in it. */
const LONGEST_SOURCE = 4_096;
const MOST_NODES = 1_000;
const DEEPEST = 64;
/** Loops within loops. */
const DEEPEST_LOOP = 2;

/** A filter that is no expression, or not one that we run. */
export class StructureError extends Error {
  override readonly name = "StructureError";
}

/** An expression ready to run, and how many nodes it has. */
export interface Structure {
  readonly expression: Expression;
  readonly nodes: number;
}

/** Parses a filter, checks its shape and puts price tags on loops and literals. */
export function readStructure(source: string): Structure {
  if (source.length > LONGEST_SOURCE) throw new StructureError("filter is too long");
  const expression = parseSource(source);
  const nodes = tag(expression, 0, 0);
  if (nodes > MOST_NODES) throw new StructureError("filter has too many parts");
  return { expression, nodes };
}

function parseSource(source: string): Expression {
  try {
    return parse(source).expr;
  } catch (cause) {
    // Deep nesting overflows the parser's stack.
    if (cause instanceof RangeError) throw new StructureError("filter is nested too deeply");
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StructureError(reason, { cause });
  }
}

/** Gives the number of nodes; a tagged node is changed in place. */
function tag(node: Expression, depth: number, loops: number): number {
  if (depth > DEEPEST) throw new StructureError("filter is nested too deeply");
  const kind = node.exprKind;
  let nodes = 1;
  for (const child of children(node)) nodes += tag(child, depth + 1, loops);
  if (kind.case === "comprehensionExpr") return nodes + tagLoop(kind.value, depth, loops);
  if (kind.case === "listExpr" || kind.case === "structExpr") wrap(node);
  return nodes;
}

/** Puts the price of one turn into a loop. */
function tagLoop(loop: Loop, depth: number, loops: number): number {
  if (loops === DEEPEST_LOOP) throw new StructureError("filter has too many nested loops");
  let turn = 1;
  for (const child of present([loop.loopCondition, loop.loopStep])) {
    turn += tag(child, depth + 1, loops + 1);
  }
  if (loop.loopCondition !== undefined) loop.loopCondition = call(TURN, turn, loop.loopCondition);
  return turn;
}

function children(node: Expression): Expression[] {
  const kind = node.exprKind;
  switch (kind.case) {
    case "selectExpr":
      return present([kind.value.operand]);
    case "callExpr":
      return present([kind.value.target, ...kind.value.args]);
    case "listExpr":
      return kind.value.elements;
    case "structExpr":
      // Nothing in a node needs comparing to a message made on the spot.
      if (kind.value.messageName !== "") throw new StructureError("filter makes a message");
      return kind.value.entries.flatMap(({ keyKind, value }) =>
        present([keyKind.case === "mapKey" ? keyKind.value : undefined, value]),
      );
    case "comprehensionExpr": {
      // What is not done in each turn: a loop over the result of another is not nested in it.
      const { iterRange, accuInit, result } = kind.value;
      return present([iterRange, accuInit, result]);
    }
    default:
      return [];
  }
}

function present(nodes: readonly (Expression | undefined)[]): Expression[] {
  return nodes.filter((node) => node !== undefined);
}

/** A call that no source can contain, as its name is not one. */
function call(name: string, price: number, inner: Expression): Expression {
  const made = parse(`call(null, ${price})`).expr;
  if (made.exprKind.case !== "callExpr") throw new StructureError("filter cannot be metered");
  made.exprKind.value.function = name;
  made.exprKind.value.args[0] = inner;
  return made;
}

/** Turns the literal `node` into `@made(literal)`, where it stands. */
function wrap(node: Expression): void {
  const made = parse("call(null)").expr;
  if (made.exprKind.case !== "callExpr") throw new StructureError("filter cannot be metered");
  const literal = { ...node };
  made.exprKind.value.function = MADE;
  made.exprKind.value.args[0] = literal;
  node.exprKind = made.exprKind;
}
