// The network of a node that is a plain process: whoever made its namespace has set it
// up; what is left is to see which addresses that gives, now and when they change.
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { sleep, type Value } from "../../base/event/event.ts";
import { hostAddressFault } from "../../base/format/host-address.ts";
import { type DefaultRoutes, defaultRoutes } from "../../base/linux/default-routes.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { Choice, type KeyedLease } from "../network/choice.ts";
import { type NetworkStatus, noNetwork } from "../network/status.ts";

const POLL_MS = 200;

/** What the kernel shows of a network. */
export interface Surroundings {
  readonly interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
  readonly routes: DefaultRoutes;
}

function look(): Surroundings {
  return { interfaces: networkInterfaces(), routes: defaultRoutes() };
}

/** What each interface has, as if a server had given it. */
function leases({ interfaces, routes }: Surroundings): readonly KeyedLease[] {
  const families = ["ipv4", "ipv6"] as const;
  return Object.entries(interfaces).flatMap(([name, infos = []]) =>
    families.map((family) => {
      const addresses = infos
        .filter((info) => !info.internal && info.family.toLowerCase() === family)
        .map(({ address }) => address)
        .filter((address) => hostAddressFault(address) === undefined);
      const hasRouter = routes[family].has(name);
      const lease = { interface: name, family, addresses, hasRouter };
      return { key: `${name} ${family}`, lease: { ...lease, nameservers: [], timeServers: [] } };
    }),
  );
}

/** The addresses at this moment, best first. */
export function addressesOf(surroundings: Surroundings, choice: Choice): readonly string[] {
  return choice.order(leases(surroundings)).flatMap(({ addresses }) => addresses);
}

/** Sets `status` to the namespace's own addresses. */
export function namespaceNetwork(
  status: Value<NetworkStatus>,
  see: () => Surroundings = look,
): Runnable {
  return async ({ log, signal, healthy }) => {
    const choice = new Choice(() => performance.now());
    healthy();
    for (let known = ""; ; await sleep(POLL_MS, signal)) {
      const addresses = addressesOf(see(), choice);
      if (addresses.join(", ") === known) continue;
      known = addresses.join(", ");
      log.info(known === "" ? "No address any more" : `Address is ${known}`);
      status.set({ ...noNetwork, addresses });
    }
  };
}
