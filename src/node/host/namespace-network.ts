// The network of a node that is a plain process: whoever made its namespace has set it
// up; what is left is to see which address that is, now and when it changes.
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { sleep, type Value } from "../../base/event/event.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { type NetworkStatus, noNetwork } from "../network/status.ts";

const POLL_MS = 200;

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** The address of the first interface that leads anywhere; IPv4 comes first. */
export function addressOf(interfaces: Interfaces): string {
  const all = Object.entries(interfaces)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
  return (all.find(({ family }) => family === "IPv4") ?? all[0])?.address ?? "";
}

/** Sets `status` to the namespace's own address. */
export function namespaceNetwork(
  status: Value<NetworkStatus>,
  look: () => Interfaces = networkInterfaces,
): Runnable {
  return async ({ log, signal, healthy }) => {
    healthy();
    for (let known = ""; ; await sleep(POLL_MS, signal)) {
      const address = addressOf(look());
      if (address === known) continue;
      known = address;
      log.info(address === "" ? "No address any more" : `Address is ${address}`);
      status.set({ ...noNetwork, address });
    }
  };
}
