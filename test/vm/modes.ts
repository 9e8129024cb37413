// Clusters of other policies than the strictest: what the policy says is what lies on the disk, the
// cluster and the node say the same, and the machine comes back by itself. Pairwise over TPM mode,
// storage security, machines with and without a TPM, and Secure Boot on and off. Three machines at
// once, each its own cluster: none takes notice of the others on its link.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { run } from "../../src/base/process/process.ts";
import {
  ExtendedSealedBytesSchema,
  ExtendedSealedBytes_Guard as Guard,
} from "../../src/gen/metropolis/proto/private/private_pb.ts";
import { ESP_PATHS } from "../../src/image/image.ts";
import { type Cluster, createCluster, type Machine } from "../../src/launcher/launcher.ts";
import { bytesAt, findBytes, partitionOf } from "./disk-image.ts";
import { clear, outputs, patience, powerOff, scratch, untilServing } from "./golden.ts";
import { Operator } from "./operator.ts";
import { spellings } from "./secrets.ts";

const INSTALL_MS = 120_000;
const NAME = "modes";
/** The header of LUKS2, all of its metadata included. */
const HEADER_BYTES = 16 * 2 ** 20;

/** A cluster's policy, the machine that becomes its first node, and what is to be seen of it. */
interface Mode {
  readonly tpmMode: string;
  readonly storageSecurity: string;
  readonly hasTpm: boolean;
  readonly isSecureBoot: boolean;
  /** What `node describe` says of the TPM. */
  readonly tpmWord: string;
  /** How LUKS2 writes the cipher; without one the file system lies there as it is. */
  readonly cipher?: { readonly encryption: string; readonly hasIntegrity: boolean };
}

const AES_XTS = { encryption: "aes-xts-plain64", hasIntegrity: false };
const AES_GCM = { encryption: "aes-gcm-random", hasIntegrity: true };

const modes: readonly Mode[] = [
  {
    ...{ tpmMode: "disabled", storageSecurity: "needs-insecure" },
    ...{ hasTpm: false, isSecureBoot: false, tpmWord: "no" },
  },
  {
    ...{ tpmMode: "best-effort", storageSecurity: "needs-encryption" },
    ...{ hasTpm: false, isSecureBoot: true, tpmWord: "no", cipher: AES_XTS },
  },
  {
    ...{ tpmMode: "disabled", storageSecurity: "permissive" },
    ...{ hasTpm: true, isSecureBoot: false, tpmWord: "unused", cipher: AES_GCM },
  },
];

/** One of the machines, and its owner. */
interface Single {
  readonly mode: Mode;
  readonly machine: Machine;
  readonly owner: Operator;
}

/** Registers the tests; they share the machines, and go on from each other. */
export function otherModes(): void {
  let cluster: Cluster;
  let singles: readonly Single[];

  beforeAll(async () => {
    await clear(NAME);
    const machines = modes.map(({ hasTpm, isSecureBoot }) => ({
      ...{ disk: "4G", tpm: hasTpm, secureBoot: isSecureBoot },
    }));
    cluster = await createCluster({ name: NAME, machines, out: outputs, isBound: true });
    const folder = scratch(NAME);
    singles = modes.map((mode, index) => ({
      mode,
      machine: cluster.machine(index + 1),
      owner: new Operator(join(folder, `owner-${index + 1}`), outputs),
    }));
  });

  afterAll(async () => cluster?.destroy());

  const each = (work: (single: Single) => Promise<void>) => Promise.all(singles.map(work));

  test("each becomes the first node of a cluster, which says its policy", () =>
    each(async (single) => {
      await install(cluster, single);
      await single.machine.powerOn();
      await untilServing(cluster, single.machine);
      // Three machines share two processors: a handshake may take longer than metroctl waits.
      await single.owner.persist(
        ...["--proxy", cluster.proxy, "takeownership", single.machine.address],
      );
      await expectSaid(cluster, single);
      await powerOff(cluster, single.machine);
    }));

  test.each(modes.map((mode, index) => [mode.storageSecurity, index] as const))(
    "%s is what the disk shows",
    async (_, index) => {
      const { mode, machine, owner } = singles[index] ?? none();
      await expectOnDisk(machine.files.disk, mode, owner);
    },
  );

  test("each comes back by itself, and says the same", () =>
    each(async (single) => {
      await single.machine.powerOn();
      await untilServing(cluster, single.machine);
      await expectSaid(cluster, single);
      await single.machine.kill();
    }));
}

function none(): never {
  throw new TypeError("there is no such machine");
}

async function install(cluster: Cluster, { mode, machine, owner }: Single): Promise<void> {
  const medium = join(owner.folder, "medium.img");
  await owner.metroctl(
    ...["install", "genusb", medium, "--bootstrap", `--bundle=${join(outputs, "bundle.zip")}`],
    `--bootstrap-tpm-mode=${mode.tpmMode}`,
    `--bootstrap-storage-security=${mode.storageSecurity}`,
  );
  await machine.installFrom(medium, patience(cluster, INSTALL_MS));
  await machine.kill();
}

/** What the cluster says of itself, and of its node. */
async function expectSaid(cluster: Cluster, { mode, machine, owner }: Single): Promise<void> {
  const reach = ["--endpoints", machine.address, "--proxy", cluster.proxy] as const;
  const shown = await owner.persist(...reach, "cluster", "show");
  expect(shown).toMatch(new RegExp(`^TPM mode +${mode.tpmMode}$`, "m"));
  expect(shown).toMatch(new RegExp(`^storage security +${mode.storageSecurity}$`, "m"));
  expect(shown).not.toContain("trouble");
  const described = await owner.persist(...reach, "node", "describe");
  expect(described).toMatch(new RegExp(` UP .* ConsensusMember\\S* +${mode.tpmWord} `));
}

/** What lies on the disk of a machine that is off. */
async function expectOnDisk(disk: string, { cipher }: Mode, owner: Operator): Promise<void> {
  const data = await partitionOf(disk, "data");
  const ca = new X509Certificate(readFileSync(fileBelow(owner.folder, "ca.pem")));
  const key = ca.publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const copies = findBytes(disk, spellings(key), data);
  if (cipher === undefined) {
    expect(bytesAt(disk, data.offset, 4).toString()).toBe("XFSB");
    expect(copies).not.toEqual([]);
  } else {
    const header = join(owner.folder, "header");
    writeFileSync(header, bytesAt(disk, data.offset, HEADER_BYTES));
    const { text } = await run([
      "/usr/sbin/cryptsetup",
      "luksDump",
      "--dump-json-metadata",
      header,
    ]);
    const [segment] = Object.values(JSON.parse(text).segments as Record<string, Segment>);
    expect(segment?.encryption).toBe(cipher.encryption);
    expect(segment?.integrity !== undefined).toBe(cipher.hasIntegrity);
    expect(copies).toEqual([]);
  }
  expect(await guardOn(disk)).toBe(Guard.NONE);
}

/** Of LUKS2's metadata, what says how the partition is read. */
interface Segment {
  readonly encryption: string;
  readonly integrity?: unknown;
}

/** What guards the node's keys on the ESP. */
async function guardOn(disk: string): Promise<Guard> {
  const { offset } = await partitionOf(disk, "esp");
  const image = `${disk}@@${offset}`;
  const { stdout } = await run(["mtype", "-i", image, `::/${ESP_PATHS.sealedConfiguration}`]);
  return fromBinary(ExtendedSealedBytesSchema, stdout).guard;
}

/** A file in a configuration folder, whatever context it is in. */
function fileBelow(folder: string, name: string): string {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return join(folder, names.find((path) => `/${path}`.endsWith(`/${name}`)) ?? name);
}
