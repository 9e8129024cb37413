// Waiting for the time.
import { expect, test } from "bun:test";
import { Value } from "../../base/event/event.ts";
import { LogTree } from "../../base/logtree/logtree.ts";
import { awaitTime } from "./await-time.ts";

function waiting(isKept?: boolean) {
  const tree = new LogTree();
  const end = new AbortController();
  const isClockKept = new Value<boolean>(isKept);
  const all = { isClockKept, log: tree.logger("root.enrolment"), signal: end.signal };
  const lines = () =>
    tree
      .read({ dn: "root.enrolment", backlog: "all" })
      .backlog.map((entry) => (entry.kind === "leveled" ? entry.messages.join() : ""));
  return { all, lines, end };
}

const year = new Date().getUTCFullYear();

test("a clock that is kept is not waited for", async () => {
  const { all, lines } = waiting(true);
  await awaitTime(all);
  expect(lines()).toEqual([]);
});

test("the wait ends with the first answer, and names the clock", async () => {
  const { all, lines } = waiting();
  const waited = awaitTime(all);
  all.isClockKept.set(false);
  all.isClockKept.set(true);
  await waited;
  expect(lines()[0]).toStartWith(
    `Waiting for a time server before certificates are issued; the clock here says ${year}-`,
  );
  expect(lines()[1]).toStartWith(`A time server has answered; the clock here says ${year}-`);
});

test("a network without time servers is no reason not to start", async () => {
  const { all, lines } = waiting();
  await awaitTime(all, 20);
  expect(lines()[1]).toStartWith(`No time server has answered; certificates are issued although`);
});

test("the wait ends with the node", async () => {
  const { all, end } = waiting();
  setTimeout(() => end.abort(new RangeError("over")), 10);
  await expect(awaitTime(all)).rejects.toThrow("over");
});
