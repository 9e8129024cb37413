// Tests of the curator as a process of its own, beside a real etcd.
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { decodeEntry, type Entry } from "../base/logtree/logtree.ts";
import { certificatePem, generateKeyPair, type KeyPair, privateKeyPem } from "../base/pki/keys.ts";
import { nodeId } from "../base/pki/node-id.ts";
import { verifyNode } from "../base/pki/verify.ts";
import { roleCommand, startChild, startDialog } from "../base/process/process.ts";
import { connect } from "../base/rpc/rpc.ts";
import { Curator } from "../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { CuratorBootstrap } from "../gen/metropolis/node/core/curator/proto/local/bootstrap_pb.ts";
import type { CredentialFiles, Settings } from "./settings.ts";

const { METROPOLIS_CACHE, XDG_CACHE_HOME } = process.env;
const cache = METROPOLIS_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "metropolis");

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}

function files(folder: string): CredentialFiles {
  mkdirSync(folder, { recursive: true });
  const path = (name: string) => join(folder, name);
  return { ca: path("ca.pem"), certificate: path("cert.pem"), key: path("cert-key.pem") };
}

function write(to: CredentialFiles, key: KeyPair, certificate: Uint8Array, ca: Uint8Array) {
  writeFileSync(to.ca, certificatePem(ca));
  writeFileSync(to.certificate, certificatePem(certificate));
  writeFileSync(to.key, privateKeyPem(key));
}

/** A lonely member that serves its curator only. */
function startEtcd(folder: string, id: string, socket: string) {
  const nowhere = "http://127.0.0.1:1";
  const flags = [
    `--name=${id}`,
    `--data-dir=${join(folder, "data")}`,
    `--listen-peer-urls=unix://${join(folder, "peer.sock")}`,
    `--initial-advertise-peer-urls=${nowhere}`,
    `--initial-cluster=${id}=${nowhere}`,
    `--listen-client-urls=unix://${socket}`,
    `--advertise-client-urls=${nowhere}`,
    "--unsafe-no-fsync",
    "--log-level=error",
  ];
  return startChild([join(cache, "out/etcd"), ...flags], {
    env: {},
    log: join(folder, "etcd.log"),
  });
}

test("the curator makes a cluster in etcd, serves it, and ends in order", async () => {
  const folder = mkdtempSync(join(tmpdir(), "curator-"));
  const nodeKey = generateKeyPair();
  const id = nodeId(nodeKey.publicKey);
  const [etcdSocket, port] = [join(folder, "etcd.sock"), await freePort()];
  const etcd = startEtcd(folder, id, etcdSocket);
  const settings: Settings = {
    nodeId: id,
    dn: "root.roles.curator",
    etcdSocket,
    socket: join(folder, "curator.sock"),
    credentials: files(join(folder, "node")),
    listen: { host: "127.0.0.1", port },
    addresses: ["127.0.0.1"],
    open: false,
  };
  const entries: Entry[] = [];
  const errors: string[] = [];
  const curator = startDialog({
    ...roleCommand("curator"),
    onStdout: (line) => {
      const entry = decodeEntry(line);
      if (entry !== undefined) entries.push(entry);
    },
    onStderr: (line) => errors.push(line),
  });
  try {
    curator.send(JSON.stringify(settings));
    const started = () => entries.some(({ dn }) => dn === "root.roles.curator.election");
    for (let i = 0; !started() && i < 500; i++) await Bun.sleep(20);
    using local = connect({ target: `unix:${settings.socket}`, credentials: "plain" });
    const made = await local.client(CuratorBootstrap).bootstrap({
      nodePublicKey: nodeKey.publicKey,
      joinPublicKey: generateKeyPair().publicKey,
      clusterUnlockKey: new Uint8Array(32),
      sharePublicKey: new Uint8Array(32).fill(3),
      tpmUsage: 3,
      storageSecurity: 3,
      ownerPublicKey: generateKeyPair().publicKey,
    });
    write(settings.credentials, nodeKey, made.nodeCertificate, made.caCertificate);
    await local.client(CuratorBootstrap).open({});

    using channel = connect({
      target: `127.0.0.1:${port}`,
      credentials: {
        keyPem: privateKeyPem(nodeKey),
        certificatePem: certificatePem(made.nodeCertificate),
        verify: (der) => void verifyNode(der, made.caCertificate),
      },
    });
    const { etcdMember } = await channel.client(Curator).getConsensusStatus({});
    expect(etcdMember).toMatchObject([{ id, status: 2 }]);

    // SIGTERM is the orderly end: the leadership is given back.
    curator.kill("SIGTERM");
    expect(await curator.ended).toMatchObject({ exitCode: 0 });
    expect(errors).toEqual([]);
  } finally {
    curator.kill("SIGKILL");
    etcd.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
});
