// The WireGuard device, by way of iproute2 and wireguard-tools.
import { chown, mkdir, rm, writeFile } from "node:fs/promises";
import { run } from "../../base/process/process.ts";
import { accounts } from "../../image/image.ts";
import type { PeerTools } from "./apply-peers.ts";
import type { MeshKey } from "./mesh-key.ts";
import { deviceConfiguration, type EndpointOf, freshHandshakes, peerArguments } from "./peers.ts";

const DEVICE = "clusternet";
/** All that wg sees of ours. It stays: a file alone could vanish while a program of wg starts. */
export const FOLDER = "/run/metropolis/clusternet";
const CONFIGURATION = `${FOLDER}/device.conf`;

/** By these numbers others tell our device and routes from theirs. */
const LINK_GROUP = "9";
const ROUTE_PROTOCOL = "129";

/** An Ethernet frame less IPv6, UDP and WireGuard's own headers. */
const MTU = "1420";

/** Makes the device anew, with no peers, and leads networks through it; the one of before is gone. */
export async function createDevice(
  { privateKey }: MeshKey,
  networks: readonly string[],
): Promise<void> {
  await mkdir(FOLDER, { recursive: true, mode: 0o700 });
  await chown(FOLDER, accounts.network, accounts.network);
  await run(["ip", "link", "delete", "dev", DEVICE]).catch(() => {
    // There was none.
  });
  const link = ["ip", "link", "add", "dev", DEVICE, "mtu", MTU, "group", LINK_GROUP];
  await run([...link, "type", "wireguard"]);
  await synchronize(deviceConfiguration(privateKey, [], () => undefined));
  await run(["ip", "link", "set", "dev", DEVICE, "up"]);
  for (const network of networks) {
    const route = ["ip", "route", "replace", network, "dev", DEVICE];
    await run([...route, "protocol", ROUTE_PROTOCOL]);
  }
}

/** What changes the device's peers. */
export function peerTools({ privateKey }: MeshKey, endpointOf: EndpointOf): PeerTools {
  return {
    replaceAll: (peers) => synchronize(deviceConfiguration(privateKey, peers, endpointOf)),
    set: async (peer) =>
      void (await run(["wg", "set", DEVICE, ...peerArguments(peer, endpointOf)])),
    remove: async (key) => void (await run(["wg", "set", DEVICE, "peer", key, "remove"])),
    present: async () => {
      const { text } = await run(["wg", "show", DEVICE, "peers"]);
      return text.split("\n").filter((key) => key !== "");
    },
  };
}

/**
 * The key goes in by a file in memory that only we and wg can read, for as long as it takes:
 * arguments are for everyone to see, and wg cannot open a standard input that is a socket.
 */
async function synchronize(configuration: string): Promise<void> {
  await writeFile(CONFIGURATION, configuration, { mode: 0o600 });
  // Of the one who reads it: no program but us may open what is another's.
  await chown(CONFIGURATION, accounts.network, accounts.network);
  try {
    await run(["wg", "syncconf", DEVICE, CONFIGURATION]);
  } finally {
    await rm(CONFIGURATION, { force: true });
  }
}

/** The public keys of the peers that have answered lately. */
export async function handshakes(now = Date.now()): Promise<ReadonlySet<string>> {
  const { text } = await run(["wg", "show", DEVICE, "latest-handshakes"]);
  return freshHandshakes(text, now / 1_000);
}
