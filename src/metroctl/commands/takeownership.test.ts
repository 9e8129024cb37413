// From a medium to an owned cluster, and what remains of it on the operator's disk, as a
// person runs it: the real program, a small true bundle, a real server.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { certificatePem } from "../../base/pki/keys.ts";
import { testBundle } from "../../image/test-bundle.ts";
import { contextFiles } from "../session/context.ts";
import { ensureRecoveryKey, recoveryKey } from "../session/recovery-key.ts";
import { TestControlPlane } from "../test-control-plane.ts";

let plane: TestControlPlane;
let bundle = "";
let image = "";
beforeEach(async () => {
  plane = await new TestControlPlane().start();
  bundle = join(plane.home, "bundle.zip");
  image = join(plane.home, "installer.img");
  writeFileSync(bundle, await testBundle());
});
afterEach(() => plane[Symbol.asyncDispose]());

const stamp = String.raw`\d{4}/\d\d/\d\d \d\d:\d\d:\d\d`;
const file = (name: string) => join(plane.context.path, name);
const kubeconfig = () => join(plane.home, ".kube", "config");
const genusb = (...words: readonly string[]) =>
  plane.metroctl("install", "genusb", image, `--bundle=${bundle}`, ...words);

/** Three messages, each behind the time. */
const success = new RegExp(
  `^${stamp} Successfully retrieved owner credentials! You now own this cluster. Setting up kubeconfig now...\n` +
    `${stamp} Success! kubeconfig is set up. You can now run kubectl --context=metropolis ... to access the Kubernetes cluster.\n` +
    `${stamp} Kubernetes comes with a later release; this one goes on with: metroctl --context default node describe\n$`,
);

test("genusb and takeownership say what the handbook prints, and ask nothing", async () => {
  const written = await genusb("--bootstrap");
  const line = `${stamp} Generating installer image \\(this can take a while, see issues/92\\)\\.\n`;
  const next = `${stamp} ${image} is written and checked. Boot the machine from it, then: metroctl takeownership <address>\n`;
  expect(written.stderr).toMatch(new RegExp(`^${line}${next}$`));
  expect(written).toMatchObject({ stdout: "", exitCode: 0 });
  const taken = await plane.metroctl("takeownership", plane.endpoint);
  expect(taken.stderr).toMatch(success);
  expect(taken).toMatchObject({ stdout: "", exitCode: 0 });
});

test("genusb puts the owner's public key on the medium, and keeps the private one", async () => {
  await genusb("--bootstrap");
  const medium = readFileSync(image);
  const [, base64 = ""] =
    /KEY-----\s+([\s\S]+?)-----END/.exec(readFileSync(file(contextFiles.ownerKey), "utf8")) ?? [];
  const key = Buffer.from(base64, "base64");
  expect(key).toHaveLength(64);
  expect(medium.includes(key.subarray(32))).toBe(true);
  expect(medium.includes(key.subarray(0, 32))).toBe(false);
  expect(statSync(file(contextFiles.ownerKey)).mode & 0o777).toBe(0o600);
  expect(statSync(file(contextFiles.secret)).mode & 0o777).toBe(0o600);
});

test("genusb puts the public half of the recovery key on the medium, and keeps the other", async () => {
  await genusb("--bootstrap", "--label", "rack=a1", "--label=zone=east");
  const medium = readFileSync(image);
  const { publicKey, privateKey } = recoveryKey(plane.context);
  expect(medium.includes(publicKey)).toBe(true);
  expect(medium.includes(privateKey)).toBe(false);
  expect(statSync(file(contextFiles.recoveryKey)).mode & 0o777).toBe(0o600);
  for (const text of ["rack", "a1", "zone", "east"]) expect(medium.includes(text)).toBe(true);
});

test("genusb --restore is for owners of a cluster, with their recovery key", async () => {
  await plane.own();
  const refused = await genusb("--bootstrap", "--restore");
  expect(refused.stderr).toContain("has no recovery-key.txt: use the machine and context");
  expect([refused.exitCode, existsSync(image)]).toEqual([1, false]);
  const { publicKey } = ensureRecoveryKey(plane.context);
  const { stderr, exitCode } = await genusb("--bootstrap", "--restore");
  expect(stderr).toContain("then: metroctl cluster restore <address> <file>\n");
  expect(exitCode).toBe(0);
  expect(readFileSync(image).includes(publicKey)).toBe(true);
  const secret = Buffer.from(readFileSync(file(contextFiles.secret), "utf8").trim(), "hex");
  expect(readFileSync(image).includes(secret)).toBe(true);
});

test("genusb without --bootstrap refuses a cluster that nobody could find again", async () => {
  await plane.own();
  plane.directory = [{ id: plane.id, addresses: [] }];
  const { stderr, exitCode } = await genusb();
  expect(stderr).toContain("no member of the cluster has told its address yet: try again");
  expect([exitCode, existsSync(image)]).toEqual([1, false]);
});

test("genusb for a device that is absent says so, and makes no keys", async () => {
  const words = ["install", "genusb", "/dev/sdzz", "--bootstrap", "--bundle", bundle];
  const { stderr, exitCode } = await plane.metroctl(...words);
  expect(stderr).toStartWith("Error: there is no device /dev/sdzz: is it plugged in?");
  expect([exitCode, existsSync("/dev/sdzz")]).toEqual([1, false]);
  expect(existsSync(file(contextFiles.ownerKey))).toBe(false);
});

test("genusb makes media of one cluster with one owner key", async () => {
  await genusb("--bootstrap");
  const first = readFileSync(file(contextFiles.ownerKey), "utf8");
  expect((await genusb("--bootstrap")).exitCode).toBe(0);
  expect(readFileSync(file(contextFiles.ownerKey), "utf8")).toBe(first);
});

test("genusb without --bootstrap asks the running cluster for a ticket", async () => {
  await plane.own();
  const written = await genusb();
  expect(written).toMatchObject({ stdout: "", exitCode: 0 });
  expect(written.stderr).toContain("then: metroctl approve\n");
  const medium = readFileSync(image);
  expect(medium.includes("the ticket")).toBe(true);
  expect(medium.includes(plane.ca)).toBe(true);
});

test("genusb without --bootstrap wants a cluster, and writes nothing before", async () => {
  const { stderr, exitCode } = await genusb();
  expect(stderr).toBe(
    "Error: context default owns no cluster: run metroctl takeownership <address> first\n",
  );
  expect([exitCode, existsSync(image)]).toEqual([1, false]);
});

test.each([
  [
    ["install", "genusb", "x.img", "--bootstrap"],
    2,
    "--bundle=<installation-bundle-path> is missing",
  ],
  [["install", "genusb", "--bootstrap", "-b", "x"], 2, "Missing required positional argument"],
  [["install", "genusb", "x", "--bootstrap", "-b", "/none.zip"], 1, "there is no bundle /none.zip"],
  [
    ["install", "genusb", "x", "--bootstrap", "-b", "x", "--bootstrap-tpm-mode=off"],
    2,
    "=off: there",
  ],
  [["install", "genusb", "x", "--bootstrap", "-b", "x", "--cluster=-"], 2, "--cluster=-: want"],
  [["install", "genusb", "x", "-b", "x", "--restore"], 2, "give --bootstrap too"],
  [
    ["install", "genusb", "x", "-b", "x", "--bootstrap", "--restore", "--label=a=b"],
    2,
    "restored nodes keep the labels of the backup",
  ],
  [["install", "genusb", "x", "-b", "x", "--label=a"], 2, "--label=a: write key=value"],
  [["install", "genusb", "x", "-b", "x", "--label=a=1,a=2"], 2, "--label: a is given twice"],
  [["takeownership"], 2, "name one node: metroctl takeownership <bootstrap-node-address>"],
  [["takeownership", "--endpoints=a,b"], 2, "name one node"],
  [["takeownership", "a", "b"], 2, "metroctl takeownership: unexpected b"],
  [["takeownership", "127.0.0.1:1"], 1, "has no owner key: use the machine and context that ran"],
])("metroctl %p ends with %i: %s", async (words, exitCode, message) => {
  const outcome = await plane.metroctl(...words);
  expect(outcome.stderr).toContain(message);
  expect(outcome).toMatchObject({ stdout: "", exitCode });
});

test("genusb refuses a bundle that does not match its manifest, and keeps the old image", async () => {
  const bytes = readFileSync(bundle);
  const at = bytes.indexOf("the node's kernel");
  bytes[at] = 0x54;
  writeFileSync(bundle, bytes);
  writeFileSync(image, "the image of yesterday");
  const { stderr, exitCode } = await genusb("--bootstrap");
  expect(exitCode).toBe(1);
  expect(stderr).toContain("Error: ");
  expect(readFileSync(image, "utf8")).toBe("the image of yesterday");
});

test("takeownership leaves credentials that belong together, and no secret", async () => {
  await genusb("--bootstrap");
  await plane.metroctl("takeownership", plane.endpoint);
  const owner = new X509Certificate(readFileSync(file(contextFiles.ownerCertificate)));
  const ca = new X509Certificate(readFileSync(file(contextFiles.ca)));
  expect(owner.verify(ca.publicKey)).toBe(true);
  expect(readFileSync(file(contextFiles.ca), "utf8")).toBe(certificatePem(plane.ca));
  expect(existsSync(file(contextFiles.secret))).toBe(false);
  // From here on no flags are needed.
  expect((await plane.metroctl("node", "list")).stdout).toBe(`${plane.id}\n`);
});

test("takeownership may be repeated, and takes the address from --endpoints too", async () => {
  await genusb("--bootstrap");
  await plane.metroctl("takeownership", plane.endpoint);
  const again = await plane.metroctl("--endpoints", plane.endpoint, "cluster", "takeownership");
  expect(again.stderr).toMatch(success);
  expect(again.exitCode).toBe(0);
});

test("takeownership asks about a CA without proof, and nobody can answer", async () => {
  await genusb("--bootstrap");
  plane.context.remove(contextFiles.secret);
  const { stderr, exitCode } = await plane.metroctl("takeownership", plane.endpoint);
  const fingerprint = new Bun.CryptoHasher("sha256").update(plane.ca).digest("hex");
  expect(stderr).toStartWith(
    `Error: The authenticity of the cluster at ${plane.endpoint} cannot be established`,
  );
  expect(stderr).toContain(`SHA256:${fingerprint}`);
  expect(stderr).toContain("nobody can answer: standard input is no terminal");
  expect(exitCode).toBe(1);
  expect([existsSync(file(contextFiles.ca)), existsSync(kubeconfig())]).toEqual([false, false]);
});

test("takeownership of somebody else's cluster changes nothing", async () => {
  await genusb("--bootstrap");
  plane.isForeign = true;
  const { stderr, exitCode } = await plane.metroctl("takeownership", plane.endpoint);
  expect(stderr).toStartWith(
    "Error: this cluster was made for another owner key: use the machine and context that ran",
  );
  expect(exitCode).toBe(1);
  for (const name of [contextFiles.ca, contextFiles.ownerCertificate, contextFiles.reach])
    expect(existsSync(file(name))).toBe(false);
  expect(existsSync(file(contextFiles.secret))).toBe(true);
});

test("takeownership of a node that is not there fails at once, with a hint", async () => {
  await genusb("--bootstrap");
  const { stderr, exitCode } = await plane.metroctl("takeownership", "127.0.0.1:1");
  expect(stderr).toStartWith("Error: ");
  expect(stderr).toEndWith("(unavailable): is the node up, and the address right?\n");
  expect(stderr.split("\n")).toHaveLength(2);
  expect(exitCode).toBe(1);
});

test("genusb --bootstrap spares the context of an owned cluster", async () => {
  await plane.own();
  const before = readFileSync(file(contextFiles.ownerKey), "utf8");
  const { stderr, exitCode } = await genusb("--bootstrap");
  expect(stderr).toStartWith("Error: context default already owns a cluster: name another");
  expect(exitCode).toBe(1);
  expect(readFileSync(file(contextFiles.ownerKey), "utf8")).toBe(before);
  expect((await genusb("--bootstrap", "--context=second")).exitCode).toBe(0);
});

test("takeownership puts the cluster beside what the kubeconfig holds already", async () => {
  mkdirSync(join(plane.home, ".kube"));
  writeFileSync(
    kubeconfig(),
    "apiVersion: v1\nkind: Config\n# mine\nclusters: [{name: old, cluster: {}}]\ncurrent-context: old\n",
  );
  await genusb("--bootstrap");
  await plane.metroctl("takeownership", plane.endpoint);
  const text = readFileSync(kubeconfig(), "utf8");
  expect(text).toContain("# mine");
  expect(Bun.YAML.parse(text)).toMatchObject({
    "current-context": "old",
    clusters: [{ name: "old" }, { name: "metropolis", cluster: { "tls-server-name": plane.id } }],
    contexts: [{ name: "metropolis" }],
  });
  expect(statSync(kubeconfig()).mode & 0o777).toBe(0o600);
});

test("takeownership owns the cluster also where the kubeconfig is damaged, and says how to go on", async () => {
  mkdirSync(join(plane.home, ".kube"));
  writeFileSync(kubeconfig(), "{ not: [yaml");
  await genusb("--bootstrap");
  const { stderr, exitCode } = await plane.metroctl("takeownership", plane.endpoint);
  expect(stderr).toContain("You now own this cluster");
  expect(stderr).toContain("mend or remove it, then run metroctl k8s configure");
  expect(exitCode).toBe(1);
  writeFileSync(kubeconfig(), "");
  expect((await plane.metroctl("k8s", "configure")).exitCode).toBe(0);
  expect(readFileSync(kubeconfig(), "utf8")).toContain(plane.id);
});

test("k8scredplugin gives kubectl the owner's key and certificate", async () => {
  await plane.own();
  const { stdout, stderr, exitCode } = await plane.metroctl("k8scredplugin");
  const { apiVersion, kind, status } = JSON.parse(stdout);
  expect([apiVersion, kind]).toEqual(["client.authentication.k8s.io/v1", "ExecCredential"]);
  const certificate = new X509Certificate(status.clientCertificateData);
  expect(certificate.subject).toContain("owner");
  expect(status.clientKeyData).toContain("BEGIN PRIVATE KEY");
  expect([stderr, exitCode]).toEqual(["", 0]);
});

test("a damaged owner key is named, and never replaced", async () => {
  await genusb("--bootstrap");
  plane.context.write(contextFiles.ownerKey, "garbage", 0o600);
  for (const attempt of [genusb("--bootstrap"), plane.metroctl("takeownership", plane.endpoint)]) {
    const { stderr, exitCode } = await attempt;
    expect(stderr).toContain("owner-key.pem is damaged: restore it from a copy");
    expect(exitCode).toBe(1);
  }
  expect(readFileSync(file(contextFiles.ownerKey), "utf8")).toBe("garbage");
});
