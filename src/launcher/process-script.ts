// How a node that is a plain process gets a machine's surroundings: a network of its
// own with one cable, files in /etc of its own, and a process number space in which
// all that it ever starts ends with it. A shell script, because all of it is programs.
//
//   keeper ── stdin: pause, resume, end, kill ──► sh, process 1 ── node agent ── etcd, curator
//      br0 ═ m1 ════════ veth ════════ eth0 ─────────────┘
import { isCompiled, roleCommand } from "../base/process/process.ts";
import { BRIDGE } from "./network.ts";
import { programPath } from "./packages.ts";
import type { MachinePaths } from "./paths.ts";
import {
  ip6Address,
  ipAddress,
  type MachineSettings,
  macAddress,
  network,
  sideNetwork,
} from "./settings.ts";

/** Descriptor 9 is the keeper's network, to which the other end of the cable goes. */
const OUTSIDE = `exec 9</proc/self/ns/net
exec unshare --mount --net --pid --fork --kill-child --mount-proc -- sh -c "$INSIDE" sh "$@"
`;

/** The folder has a short path in here: sockets below it could have none otherwise. */
const FOLDER = "/run/node";

const INSIDE = `set -e
mount -t tmpfs -o mode=755 node /run
mkdir /run/etc /run/bin ${FOLDER}
mount --rbind /etc /run/etc
mount --bind "$FOLDER" ${FOLDER}
mount -t tmpfs -o mode=755 node /etc
for file in /run/etc/*; do ln -s "$file" /etc/; done
ln -sfn ${FOLDER}/ephemeral/names/hosts /etc/hosts
rm -f /etc/resolv.conf
: > /etc/resolv.conf

ip link set lo up
ip link add eth0 address "$MAC" type veth peer name "$CABLE" netns /proc/self/fd/9
nsenter --net=/proc/self/fd/9 ip link set "$CABLE" master ${BRIDGE} addrgenmode none up
for address in $ADDRESSES; do
  case $address in
    *:*) ip addr add "$address" dev eth0 nodad ;;
    *) ip addr add "$address" dev eth0 ;;
  esac
done
ip link set eth0 up
for router in $ROUTERS; do ip route add default via "$router"; done
if [ -n "$SIDE_ADDRESS" ]; then
  ip link add eth-side type veth peer name nowhere
  ip addr add "$SIDE_ADDRESS" dev eth-side
  ip link set nowhere up
  ip link set eth-side up
fi

if [ -n "$ROLE_LINK" ]; then
  ln -s "$1" "$ROLE_LINK"
  shift
  set -- "$ROLE_LINK" "$@"
fi
unset INSIDE
exec 3<&0
"$@" 3<&- 9<&- </dev/null &
node=$!
while read -r order; do
  case $order in
    pause) kill -STOP -1 ;;
    resume) kill -CONT -1 ;;
    end) kill -TERM "$node" ;;
    kill) kill -KILL -1 ;;
  esac
done <&3 3<&- 9<&- &
wait "$node"
`;

/** What starts one node. */
export interface NodeCommand {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The command that runs a machine as a process; `programs` is where etcd is. */
export function nodeCommand(
  machine: MachineSettings,
  { directory }: MachinePaths,
  programs: string,
): NodeCommand {
  const { number } = machine;
  const { argv, env } = roleCommand("node", ["--folder", FOLDER, "--programs", programs]);
  return {
    argv: ["sh", "-c", OUTSIDE, "sh", ...argv],
    env: {
      ...env,
      PATH: programPath,
      LANG: "C.UTF-8",
      INSIDE,
      FOLDER: directory,
      MAC: macAddress(number),
      CABLE: `m${number}`,
      ...placeOf(machine),
      // The executable finds its role in the name that it is started under.
      ROLE_LINK: isCompiled ? "/run/bin/node" : "",
    },
  };
}

/** Its addresses, and by whom it reaches others. */
function placeOf({ number, network: plugged }: MachineSettings): Readonly<Record<string, string>> {
  const { hasIpv4 = true, hasIpv6 = false, hasSideCard = false } = plugged ?? {};
  const four = { address: `${ipAddress(number)}/24`, router: network.gateway };
  const six = { address: `${ip6Address(number)}/64`, router: network.gateway6 };
  const all = [...(hasIpv4 ? [four] : []), ...(hasIpv6 ? [six] : [])];
  return {
    ADDRESSES: all.map(({ address }) => address).join(" "),
    ROUTERS: all.map(({ router }) => router).join(" "),
    SIDE_ADDRESS: hasSideCard ? `${sideNetwork.prefix}.${number + 1}/24` : "",
  };
}
