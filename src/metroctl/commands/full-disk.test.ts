// Commands that write files where there is no room: a small file system of our own, which takes
// a user namespace from those who are not root.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { encryptStream } from "../../base/pki/age.ts";
import { signedBackup } from "../../base/pki/signed-backup.ts";
import { testBundle } from "../../image/test-bundle.ts";
import { ensureRecoveryKey } from "../session/recovery-key.ts";
import { TestControlPlane } from "../test-control-plane.ts";

let plane: TestControlPlane;
beforeEach(async () => {
  plane = await (await new TestControlPlane().start()).own();
});
afterEach(() => plane[Symbol.asyncDispose]());

const TIMEOUT_MS = 60_000;

/** Runs a line of shell with a file system of 64 KiB at `$small`; tells what is left on it. */
async function cramped(line: string) {
  const small = join(plane.home, "small");
  mkdirSync(small);
  const mounted = `mount -t tmpfs -o size=64k none ${small} && export small=${small}`;
  const inside = `${mounted}; ${line}; code=$?; echo left: $(ls -A ${small}) >&2; exit $code`;
  return plane.shell(`export -f metroctl; unshare -Urm bash -c '${inside}' "$0"`);
}

/** Puts the context there, in `$small`, and leaves no room beside it. */
const contextThere = () =>
  `cp ${plane.context.path}/*.* "$small"; head -c 1M /dev/zero >"$small/full" 2>/dev/null`;

/** A good backup, as the cluster gives it. */
function goodBackup(): AsyncIterable<Uint8Array> {
  const { publicKey } = ensureRecoveryKey(plane.context);
  const facts = { cluster: "ours", time: new Date(), revision: 500n };
  const snapshot = new Uint8Array(10_000);
  async function* content() {
    yield snapshot;
  }
  const signed = signedBackup(plane.issuer, facts, { bytes: snapshot.length, parts: content() });
  return encryptStream(publicKey, signed);
}

async function* parts() {
  for (let at = 0; at < 40; at++) yield new Uint8Array(10_000);
}

const NO_ROOM = "ENOSPC: no space left on device";
/** What to do, and that nothing half-written stays. */
const HINT = "make room there, or name another place\nleft:\n";

test(
  "cluster backup on a full disk names the file, and leaves nothing",
  async () => {
    plane.backup = parts();
    const { stderr, exitCode } = await cramped('metroctl cluster backup "$small/b"');
    expect(stderr).toStartWith(`Error: write ${plane.home}/small/b: ${NO_ROOM}`);
    expect(stderr).toEndWith(HINT);
    expect(exitCode).toBe(1);
  },
  TIMEOUT_MS,
);

test(
  "install genusb on a full disk names the file, and leaves nothing",
  async () => {
    const bundle = join(plane.home, "bundle.zip");
    await Bun.write(bundle, await testBundle());
    const { stderr, exitCode } = await cramped(
      `metroctl --context new install genusb --bootstrap --bundle ${bundle} "$small/a.img"`,
    );
    expect(stderr).toContain(`\nError: write ${plane.home}/small/a.img: ${NO_ROOM}`);
    expect(stderr).toEndWith(HINT);
    expect(exitCode).toBe(1);
  },
  TIMEOUT_MS,
);

test(
  "a context on a full disk is named, and keeps what it had",
  async () => {
    const fill = 'head -c 1M /dev/zero >"$small/full" 2>/dev/null';
    const own = `metroctl --config "$small" takeownership ${plane.endpoint}`;
    const key = `cp ${plane.context.path}/owner-key.pem ${plane.context.path}/ca.pem "$small"`;
    const { stderr, exitCode } = await cramped(`${key}; ${fill}; ${own}`);
    expect(stderr).toStartWith(`Error: write ${plane.home}/small/ca.pem: ${NO_ROOM}`);
    expect(stderr).toEndWith("left: ca.pem full owner-key.pem\n");
    expect(exitCode).toBe(1);
  },
  TIMEOUT_MS,
);

test(
  "cluster backup saves a good one where there is room, though the context has none",
  async () => {
    plane.backup = goodBackup();
    const { stdout, stderr, exitCode } = await cramped(
      `${contextThere()}; metroctl --config "$small" cluster backup ${plane.home}/b`,
    );
    expect(stdout).toMatch(/^Saved \d+ bytes to .*, checked: cluster ours/);
    expect(stderr).toContain("this backup is not remembered as the newest: write ");
    expect(exitCode).toBe(0);
    expect(readdirSync(plane.home).filter((name) => name.startsWith("b"))).toEqual(["b"]);
  },
  TIMEOUT_MS,
);
