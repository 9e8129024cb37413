// Tests of what is believed of where nodes are.
import { expect, test } from "bun:test";
import { Whereabouts } from "./whereabouts.ts";

const told = new Map([
  ["a", ["10.1.0.2"]],
  ["b", ["10.1.0.3"]],
]);

const placesOf = ({ places }: Whereabouts) => Object.fromEntries(places.current ?? []);

test("Whereabouts has each node where it was told", () => {
  expect(placesOf(new Whereabouts(told))).toEqual({ a: ["10.1.0.2"], b: ["10.1.0.3"] });
});

test("Whereabouts looks where hints lead, and believes none of them", () => {
  const all = new Whereabouts(told);
  all.hint({ nodeId: "a", address: "10.1.0.52" });
  expect(all.candidates("a")).toEqual(["10.1.0.2", "10.1.0.52"]);
  expect(placesOf(all)).toEqual({ a: ["10.1.0.2"], b: ["10.1.0.3"] });
});

test("Whereabouts believes a proof, until the cluster says something new of that node", () => {
  const all = new Whereabouts(told);
  expect(all.prove("a", ["10.1.0.52"])).toBe(true);
  expect(all.prove("a", ["10.1.0.52"])).toBe(false);
  all.tell(told);
  expect(placesOf(all)).toMatchObject({ a: ["10.1.0.52"] });
  expect(all.met()).toEqual([{ nodeId: "a", address: "10.1.0.52" }]);
  all.tell(new Map([...told, ["a", ["10.1.0.99"]]]));
  expect(placesOf(all)).toMatchObject({ a: ["10.1.0.99"] });
  expect(all.met()).toEqual([]);
});

test("Whereabouts keeps few hints, the newest, and none of strangers or of what is no address", () => {
  const all = new Whereabouts(told);
  const hosts = Array.from({ length: 20 }, (_, at) => `10.1.0.${10 + at}`);
  for (const address of hosts) all.hint({ nodeId: "a", address });
  expect(all.candidates("a")).toEqual(["10.1.0.2", ...hosts.slice(4).toReversed()]);
  for (const address of ["", "127.0.0.1", "ff02::1", "evil.example"]) {
    all.hint({ nodeId: "b", address });
  }
  expect(all.candidates("b")).toEqual(["10.1.0.3"]);
  all.hint({ nodeId: "c", address: "10.1.0.4" });
  expect(all.candidates("c")).toEqual([]);
  all.expect(["c"]);
  all.hint({ nodeId: "c", address: "10.1.0.4" });
  expect(all.candidates("c")).toEqual(["10.1.0.4"]);
});

test("Whereabouts keeps a few strangers, for who looks whether there is another such cluster", () => {
  const all = new Whereabouts(told);
  for (const nodeId of ["c", "d", "c", "e", "f", "g"]) all.hint({ nodeId, address: "10.1.0.9" });
  all.hint({ nodeId: "a", address: "10.1.0.9" });
  expect(all.strangers.current?.map(({ nodeId }) => nodeId)).toEqual(["g", "f", "e", "c"]);
});

test("Whereabouts forgets hints of a node that is deleted", () => {
  const all = new Whereabouts(told);
  all.hint({ nodeId: "a", address: "10.1.0.52" });
  all.tell(new Map([["b", ["10.1.0.3"]]]));
  expect(all.candidates("a")).toEqual([]);
});

test("Whereabouts leaves a node of several addresses where it is, if one of them holds", () => {
  const all = new Whereabouts(new Map([["a", ["10.1.0.2", "fd00::2"]]]));
  expect(all.prove("a", ["fd00::2"])).toBe(false);
  expect(placesOf(all)).toEqual({ a: ["10.1.0.2", "fd00::2"] });
});
