// Answers leave by the interface that was asked. With several interfaces, the kernel sends all by
// the one that it likes best, whichever of the node's addresses they come from: then a router drops
// them as forged, and the kernel itself drops the questions (rp_filter), as it would answer
// elsewhere. So what comes from an address is led by a table of its own:
//
//   from 10.1.0.2 ──► table 1290 ── what main has of eth0: its network, its routers
//   from 10.2.0.2 ──► table 1291 ── the same of eth1
//   all else, and what is for pods ──► main: the mesh leads those
//
// IPv4 alone: the node's kernel has no such tables for IPv6, and drops nothing there.
import { sleep, type Value } from "../../base/event/event.ts";
import { formatPrefix } from "../../base/format/ip-prefix.ts";
import { errorText } from "../../base/logtree/logtree.ts";
import { run } from "../../base/process/process.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { POD_NETWORK } from "../../image/image.ts";
import type { NetworkStatus } from "./status.ts";

/** Our tables, one an interface. */
const FIRST_TABLE = 1290;
const MOST_TABLES = 8;
/** Before main, whose number is 32766. */
const PRIORITY = 1_000;
/** By this number others tell our rules from theirs; the mesh has the same for its routes. */
const PROTOCOL = 129;
/** Cards; not the mesh, nor what leads to pods. */
const CARD = /^e(n|th)/;
/** dhcpcd changes several routes one after the other. */
const SETTLE_MS = 200;

/** A route, as `ip -json route` tells it. */
export interface Route {
  /** A network, or `default`. */
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly scope?: string;
  /** The address of this node that goes with it. */
  readonly prefsrc?: string;
  readonly flags?: readonly string[];
}

/**
 * The lines for `ip -batch` that lead what comes from each address by its own interface; none
 * where one interface alone has any. `main` is the table of that name.
 */
export function sourceRoutes(main: readonly Route[]): readonly string[] {
  const cards = main.filter(({ dev = "", prefsrc }) => prefsrc !== undefined && CARD.test(dev));
  const interfaces = [...new Set(cards.flatMap(({ dev }) => dev ?? []))].toSorted();
  if (interfaces.length < 2) return [];
  return interfaces.slice(0, MOST_TABLES).flatMap((name, index) => {
    const own = main.filter(({ dev }) => dev === name);
    return tableOf(own, FIRST_TABLE + index);
  });
}

function tableOf(own: readonly Route[], table: number): readonly string[] {
  const isDirect = ({ gateway }: Route) => gateway === undefined;
  // Routers are reached by what stands before them.
  const ordered = [...own.filter(isDirect), ...own.filter((route) => !isDirect(route))];
  const addresses = new Set(own.filter(isDirect).flatMap(({ prefsrc }) => prefsrc ?? []));
  return [
    ...new Set(ordered.map((route) => `route replace ${wordsOf(route)} table ${table}`)),
    `route replace throw ${formatPrefix(POD_NETWORK)} table ${table}`,
    ...[...addresses].map(
      (from) => `rule add from ${from} lookup ${table} priority ${PRIORITY} protocol ${PROTOCOL}`,
    ),
  ];
}

function wordsOf({ dst, dev = "", gateway, scope, flags = [] }: Route): string {
  const words = [
    ...[dst, ...(gateway === undefined ? [] : ["via", gateway]), "dev", dev],
    ...(scope === undefined ? [] : ["scope", scope]),
    ...(flags.includes("onlink") ? ["onlink"] : []),
  ];
  return words.join(" ");
}

/** Keeps rules and tables as the routes of main are; `ip` is that program. */
export function leadBySource(
  status: Value<NetworkStatus>,
  ip: readonly string[] = ["/usr/sbin/ip"],
): Runnable {
  return async ({ signal, log, healthy }) => {
    healthy();
    let known: string | undefined;
    for await (const _ of status.watch(signal)) {
      await sleep(SETTLE_MS, signal);
      try {
        const lines = sourceRoutes(await mainRoutes(ip));
        const text = lines.join("\n");
        if (text === (known ?? "")) continue;
        await replace(ip, lines);
        known = text;
        log.info(sentence(lines));
      } catch (error) {
        // The addresses of the interface that the kernel likes best work all the same.
        log.warning(`Answers may leave by another interface: ${errorText(error)}`);
      }
    }
  };
}

function sentence(lines: readonly string[]): string {
  const from = lines.flatMap((line) => /^rule add from (\S+)/.exec(line)?.[1] ?? []);
  return from.length === 0
    ? "One interface alone has addresses"
    : `Answers leave by the interface that was asked: ${from.join(", ")}`;
}

async function mainRoutes(ip: readonly string[]): Promise<readonly Route[]> {
  const { text } = await run([...ip, "-4", "-json", "route", "show", "table", "main"]);
  // What our own program of a verified system prints.
  return JSON.parse(text === "" ? "[]" : text) as readonly Route[];
}

/** What was there before goes, whoever of us made it. */
async function replace(ip: readonly string[], lines: readonly string[]): Promise<void> {
  await run([...ip, "-4", "rule", "flush", "protocol", String(PROTOCOL)]);
  for (let table = FIRST_TABLE; table < FIRST_TABLE + MOST_TABLES; table++) {
    await run([...ip, "-4", "route", "flush", "table", String(table)]).catch(() => {
      // There was none.
    });
  }
  if (lines.length > 0) await run([...ip, "-4", "-batch", "-"], { input: `${lines.join("\n")}\n` });
}
