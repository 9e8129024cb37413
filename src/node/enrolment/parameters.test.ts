// Tests of the node parameters.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { NodeParametersSchema } from "../../gen/metropolis/proto/api/configuration_pb.ts";
import { EnrolmentError } from "./enrolment-error.ts";
import { readParameters } from "./parameters.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "node-parameters-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, ownerKeyByte: number): string {
  const ownerPublicKey = new Uint8Array(32).fill(ownerKeyByte);
  const message = create(NodeParametersSchema, {
    cluster: { case: "clusterBootstrap", value: { ownerPublicKey } },
  });
  const path = join(folder, name);
  writeFileSync(path, toBinary(NodeParametersSchema, message));
  return path;
}

test("readParameters prefers the first file there is", async () => {
  const absent = join(folder, "absent");
  const paths = [absent, write("firmware", 1), write("esp", 2)];
  const parameters = await readParameters(paths);
  expect(parameters?.cluster.case).toBe("clusterBootstrap");
  expect(parameters?.cluster.value).toMatchObject({ ownerPublicKey: new Uint8Array(32).fill(1) });
  expect(await readParameters([absent])).toBeUndefined();
});

test("readParameters says where damaged ones lie", async () => {
  const path = join(folder, "damaged");
  writeFileSync(path, Uint8Array.of(0x0a, 0xff));
  await expect(readParameters([path])).rejects.toThrow(EnrolmentError);
});
