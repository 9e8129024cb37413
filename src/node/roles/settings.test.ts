// Tests of what the curator is told.
import { expect, test } from "bun:test";
import { ETCD_PORTS } from "../consensus/config.ts";
import { paths } from "../storage/paths.ts";
import { addressLine, curatorSettings, settingsLine } from "./settings.ts";

const where = paths();
const socket = where.ephemeral.etcdSocket;
const member = { nodeId: "metropolis-1", data: where.data, ports: ETCD_PORTS, socket };
const settings = curatorSettings(member, where);

test("curatorSettings name ports and files, and no secret", () => {
  expect(settings.etcdSocket).toBe("/run/metropolis/etcd/etcd.sock");
  expect(settings.listen).toEqual({ host: "::", port: 7835 });
  expect(settings.socket).toBe("/run/metropolis/curator/curator.sock");
  expect(settings.credentials.key).toBe("/data/node/credentials/cert-key.pem");
});

test("settingsLine and addressLine are one line of JSON each", () => {
  const line = settingsLine(settings, { dn: "root.curator", addresses: [] });
  expect(line.indexOf("\n")).toBe(line.length - 1);
  expect(JSON.parse(line)).toMatchObject({
    nodeId: "metropolis-1",
    dn: "root.curator",
    open: false,
  });
  expect(addressLine(["10.1.0.2", "fd00::2"])).toBe('{"addresses":["10.1.0.2","fd00::2"]}\n');
});
