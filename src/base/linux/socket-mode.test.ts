// Tests of who may connect to a socket.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SocketModeError, setSocketMode } from "./socket-mode.ts";

let folder: string;
let server: Server;
const at = (name: string) => join(folder, name);
const modeOf = (name: string) => statSync(at(name)).mode & 0o777;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "socket-mode-"));
  server = createServer();
  await new Promise<void>((resolve) => server.listen(at("socket"), resolve));
  writeFileSync(at("key"), "key", { mode: 0o600 });
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

test("setSocketMode sets the mode of a socket", () => {
  for (const mode of [0o600, 0o660]) {
    setSocketMode(at("socket"), mode);
    expect(modeOf("socket")).toBe(mode);
  }
});

test("setSocketMode follows no link, to a file nor to a socket, and takes no other file", () => {
  symlinkSync(at("key"), at("to-key"));
  setSocketMode(at("socket"), 0o600);
  symlinkSync(at("socket"), at("to-socket"));
  for (const name of ["to-key", "to-socket", "key"]) {
    expect(() => setSocketMode(at(name), 0o660)).toThrow(SocketModeError);
  }
  expect([modeOf("key"), modeOf("socket")]).toEqual([0o600, 0o600]);
});

test("setSocketMode says where there is none", () => {
  expect(() => setSocketMode(at("none"), 0o660)).toThrow("ENOENT");
});
