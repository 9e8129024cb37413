// Tests of the way that answers take: what is decided, and what a kernel does with it, in
// namespaces with a router that drops what looks forged.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Value } from "../../base/event/event.ts";
import { type Child, ExitError, environment, run, startChild } from "../../base/process/process.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { networkSettings } from "./network.ts";
import { leadBySource, type Route, sourceRoutes } from "./source-routes.ts";
import { type NetworkStatus, noNetwork } from "./status.ts";

function card(number: number): readonly Route[] {
  const dev = `eth${number - 1}`;
  return [
    { dst: "default", gateway: `10.${number}.0.1`, dev },
    { dst: `10.${number}.0.0/24`, dev, scope: "link", prefsrc: `10.${number}.0.2` },
  ];
}

test("sourceRoutes are none where one interface alone has addresses, and none for what is no card", () => {
  expect(sourceRoutes([])).toEqual([]);
  expect(sourceRoutes(card(1))).toEqual([]);
  const bridge = { dst: "10.192.0.0/24", dev: "cni0", scope: "link", prefsrc: "10.192.0.1" };
  const mesh = { dst: "10.192.0.0/11", dev: "clusternet", scope: "link" };
  expect(sourceRoutes([...card(1), bridge, mesh])).toEqual([]);
});

test("sourceRoutes leave to main where an interface without a router does not lead", () => {
  const lines = sourceRoutes([...card(1), ...card(2).slice(1)]);
  expect(lines.filter((line) => line.includes("default"))).toEqual([
    "route replace default via 10.1.0.1 dev eth0 table 1290",
  ]);
});

test("sourceRoutes lead what comes from each address by its own interface, except to pods", () => {
  expect(sourceRoutes([...card(2), ...card(1)])).toEqual([
    "route replace 10.1.0.0/24 dev eth0 scope link table 1290",
    "route replace default via 10.1.0.1 dev eth0 table 1290",
    "route replace throw 10.192.0.0/11 table 1290",
    "rule add from 10.1.0.2 lookup 1290 priority 1000 protocol 129",
    "route replace 10.2.0.0/24 dev eth1 scope link table 1291",
    "route replace default via 10.2.0.1 dev eth1 table 1291",
    "route replace throw 10.192.0.0/11 table 1291",
    "rule add from 10.2.0.2 lookup 1291 priority 1000 protocol 129",
  ]);
});

test("sourceRoutes take routes of an interface that a server has named", () => {
  const named = { dst: "10.9.0.0/16", gateway: "10.2.0.7", dev: "eth1", flags: ["onlink"] };
  expect(sourceRoutes([...card(1), ...card(2), named])).toContain(
    "route replace 10.9.0.0/16 via 10.2.0.7 dev eth1 onlink table 1291",
  );
});

/** What a node tells its kernel. */
const SETTINGS = Object.entries(networkSettings)
  .filter(([name]) => name.startsWith("net.ipv4."))
  .map(([name, value]) => `echo ${value} > /proc/sys/${name.replaceAll(".", "/")}`)
  .join("; ");

/**
 * A node with two cards on one link and one on another, a router on each link that takes only what
 * belongs there, as the kernel of a node does too, and a client beyond.
 */
const WORLD = `set -e
mount -t tmpfs none /run
for name in node one two client; do ip netns add $name; ip -n $name link set lo up; done
cable() { ip link add $2 netns $1 type veth peer name $4 netns $3; }
address() { ip -n $1 address add $3 dev $2; ip -n $1 link set $2 up; }
ip -n one link add left type bridge
cable node eth0 one port0; cable node eth2 one port2; cable node eth1 two left
for port in port0 port2; do ip -n one link set $port master left up; done
cable client c1 one right; cable client c2 two right
for name in one two node; do ip netns exec $name sh -c '${SETTINGS}'; done
for name in one two; do ip netns exec $name sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'; done
address node eth0 10.1.0.2/24; address one left 10.1.0.1/24
address node eth2 10.1.0.3/24
address node eth1 10.2.0.2/24; address two left 10.2.0.1/24
address client c1 10.8.0.2/24; address one right 10.8.0.1/24
address client c2 10.9.0.2/24; address two right 10.9.0.1/24
ip -n node route add default via 10.1.0.1 metric 1002
ip -n node route add default via 10.2.0.1 metric 1003
ip -n node route add default via 10.1.0.1 dev eth2 metric 1004
ip -n client route add 10.1.0.0/24 via 10.8.0.1
ip -n client route add 10.2.0.0/24 via 10.9.0.1
exec sleep 600
`;

describe("in namespaces", () => {
  let world: Child;

  beforeAll(async () => {
    const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
    const argv = ["unshare", ...user, "--net", "--mount", "sh", "-c", WORLD];
    world = startChild(argv, { env: environment() });
    const isMade = async () => {
      if (!world.isAlive()) throw new TypeError(`${argv[0]} cannot make namespaces here`);
      const routes = await run(inside("client", "ip", "route")).catch(() => undefined);
      return routes?.text.includes("10.2.0.0/24") === true;
    };
    while (!(await isMade())) await Bun.sleep(20);
  }, 30_000);
  afterAll(() => world?.kill("SIGKILL"));

  /** A command in a namespace of that world. */
  function inside(name: string, ...words: readonly string[]): readonly string[] {
    const user = process.getuid?.() === 0 ? [] : ["--user", "--preserve-credentials"];
    const enter = ["nsenter", "--target", String(world.pid), ...user, "--net", "--mount"];
    return [...enter, "ip", "netns", "exec", name, ...words];
  }

  /** Whether the client hears an answer of the node at an address; a refusal is one. */
  async function isAnswered(address: string): Promise<boolean> {
    const dial = ["bash", "-c", `< /dev/tcp/${address}/9`];
    const failure = await run(inside("client", "timeout", "1", ...dial)).catch((error) => error);
    return failure instanceof ExitError && failure.stderr.includes("refused");
  }

  test("each address of the node answers, whoever asks from beyond its router", async () => {
    const answered = () => Promise.all(["10.1.0.2", "10.2.0.2", "10.1.0.3"].map(isAnswered));
    expect(await answered()).toEqual([true, false, false]);
    const status = new Value<NetworkStatus>(noNetwork);
    await using _ = testSupervisor(leadBySource(status, inside("node", "ip")));
    while (!(await isAnswered("10.2.0.2"))) await Bun.sleep(50);
    expect(await answered()).toEqual([true, true, true]);
    // They are gone: all is as if there had never been more than one.
    for (const name of ["eth1", "eth2"]) await run(inside("node", "ip", "link", "delete", name));
    status.set(noNetwork);
    const rules = async () => (await run(inside("node", "ip", "rule"))).text;
    while ((await rules()).includes("129")) await Bun.sleep(50);
    expect(await isAnswered("10.1.0.2")).toBe(true);
  }, 30_000);
});
