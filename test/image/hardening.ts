// The public rules for hardened kernels of initramfs/kernel-hardening.json, and how to
// hold something against them: every departure needs a reason in that file, and every
// reason there a departure.
import { readFileSync } from "node:fs";
import hardening from "../../initramfs/kernel-hardening.json" with { type: "json" };

/** Rules of one kind of setting. */
interface RuleSet {
  /** By what they protect and who recommends them: alternatives of demands, `a=1 & b=2 | c=n`. */
  readonly rules: Readonly<Record<string, readonly string[]>>;
  /** A demand that does not hold, and why. */
  readonly deviations: Readonly<Record<string, string>>;
}

/** Kinds of settings that have rules. */
export type Kind = "configuration" | "commandLine" | "sysctls";

/** What a setting is; undefined where there is none. */
export type Lookup = (name: string) => string | undefined;

/** What is wrong between the rules, the deviations and the facts. */
export interface Departures {
  /** Rules that do not hold, and nothing says why. */
  readonly unexplained: readonly string[];
  /** Deviations that explain nothing (any more). */
  readonly needless: readonly string[];
}

/** The rules of a kind. */
export function hardeningRules(kind: Kind): RuleSet {
  return hardening[kind];
}

/** The settings that rules speak of. */
export function settingNames({ rules }: RuleSet): ReadonlySet<string> {
  const demands = Object.values(rules).flatMap((texts) => texts.flatMap(alternatives).flat());
  return new Set(demands.map((demand) => demand.replace(/!?=.*/, "")));
}

/** The options of a kernel's configuration. */
export function builtOptions(file: string): Lookup {
  const lines = readFileSync(file, "utf8").matchAll(/^(CONFIG_\w+)=(.*)$/gm);
  const values = new Map([...lines].map(([, name = "", value = ""]) => [name, value]));
  return (name) => values.get(name);
}

/** Holds facts against rules. */
export function departures({ rules, deviations }: RuleSet, lookup: Lookup): Departures {
  const broken = Object.entries(rules).flatMap(([group, texts]) =>
    texts.map(alternatives).flatMap((rule, index) => {
      if (rule.some((demands) => demands.every((demand) => holds(demand, lookup)))) return [];
      const failing = rule.flat().filter((demand) => !holds(demand, lookup));
      return [{ name: `${group}: ${texts[index]}`, failing }];
    }),
  );
  const explains = (demand: string) => Object.hasOwn(deviations, demand);
  const needed = new Set(broken.flatMap(({ failing }) => failing));
  return {
    unexplained: broken.filter(({ failing }) => !failing.some(explains)).map(({ name }) => name),
    needless: Object.keys(deviations).filter((demand) => !needed.has(demand)),
  };
}

function alternatives(rule: string): readonly (readonly string[])[] {
  return rule.split(" | ").map((alternative) => alternative.split(" & "));
}

function holds(demand: string, lookup: Lookup): boolean {
  const [, name = "", mark, wanted = ""] = /^([^=!]+)(!?=)(.*)$/.exec(demand) ?? [];
  const value = lookup(name);
  if (mark === "!=") return value !== wanted;
  if (wanted === "present") return value !== undefined;
  if (wanted === "n") return value === undefined || value === "n";
  // One of a list, such as that of the security modules.
  const [, member] = /^\*(.*)\*$/.exec(wanted) ?? [];
  return member === undefined ? value === wanted : (value ?? "").includes(member);
}
