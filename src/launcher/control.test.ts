// Commands to a keeper and its answers, over a real socket.
import { expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Request, sendControl, serveControl } from "./control.ts";

function newSocket(): string {
  return join(mkdtempSync(join(tmpdir(), "control-")), "control");
}

/** Sends a line as it is, and gives the answer. */
async function raw(path: string, line: string): Promise<string> {
  const socket = createConnection({ path });
  let text = "";
  socket.on("data", (chunk) => {
    text += String(chunk);
  });
  socket.write(line);
  await new Promise((resolve) => socket.once("close", resolve));
  return text;
}

test("sendControl brings a request over and the machines back", async () => {
  const path = newSocket();
  const seen: Request[] = [];
  const server = await serveControl(path, async (request) => {
    seen.push(request);
    return [{ number: 1, isOn: true, resets: 0 }];
  });
  const request = { operation: "powerOn", machine: 1, medium: "/m.img" } as const;
  expect(await sendControl(path, request)).toEqual([{ number: 1, isOn: true, resets: 0 }]);
  expect(seen).toEqual([request]);
  server.close();
});

test("sendControl throws the keeper's reason", async () => {
  const path = newSocket();
  const server = await serveControl(path, () => Promise.reject(new TypeError("no power")));
  await expect(sendControl(path, { operation: "status" })).rejects.toThrow("no power");
  server.close();
});

test("sendControl says so when no keeper runs", async () => {
  const asked = sendControl(newSocket(), { operation: "status" });
  await expect(asked).rejects.toThrow("it is not running");
});

test.each(['{"operation":"explode"}', '{"operation":"kill"}', "[]", "{", "7"])(
  "serveControl refuses %s",
  async (line) => {
    const path = newSocket();
    const server = await serveControl(path, async () => []);
    expect(await raw(path, `${line}\n`)).toContain('"error"');
    expect(await sendControl(path, { operation: "status" })).toEqual([]);
    server.close();
  },
);

test("serveControl outlives callers that hang up", async () => {
  const path = newSocket();
  const server = await serveControl(path, async () => []);
  for (let count = 0; count < 20; count += 1) createConnection({ path }).destroy();
  expect(await sendControl(path, { operation: "status" })).toEqual([]);
  server.close();
});
