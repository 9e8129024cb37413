// QMP against a QEMU that has no machine to run, and against a line by line copy of it.
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild } from "../base/process/process.ts";
import { programPath } from "./packages.ts";
import { Qmp, type QmpEvent } from "./qmp.ts";

function newSocket(): string {
  return join(mkdtempSync(join(tmpdir(), "qmp-")), "qmp");
}

/** Says `greeting`, then answers each line with the next of `answers`. */
async function peer(path: string, answers: readonly string[]): Promise<Server> {
  const left = [...answers];
  const server = createServer((socket) => {
    socket.write('{"QMP": {"version": {}}}\r\n');
    socket.on("data", () => {
      const answer = left.shift();
      if (answer === undefined) socket.destroy();
      else socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

test("Qmp speaks with a real QEMU", async () => {
  const path = newSocket();
  const listen = `unix:${path},server=on,wait=off`;
  const command = ["qemu-system-x86_64", "-M", "none", "-display", "none", "-qmp", listen];
  const qemu = startChild(command, { env: { PATH: programPath } });
  while (!existsSync(path)) await Bun.sleep(20);
  const qmp = await Qmp.connect(path);
  expect(await qmp.execute("query-status")).toMatchObject({ running: true });
  await expect(qmp.execute("device_del", { id: "nothing" })).rejects.toThrow("not found");
  await qmp.execute("quit");
  expect(await qemu.exited).toEqual({ exitCode: 0, signal: null });
});

test("Qmp tells events from answers", async () => {
  const path = newSocket();
  const event = '{"event": "RESET", "data": {"guest": true}}\r\n{"return": {}}\r\n';
  const server = await peer(path, ['{"return": {}}\r\n', event]);
  const events: QmpEvent[] = [];
  const qmp = await Qmp.connect(path, (happened) => events.push(happened));
  await qmp.execute("system_reset");
  expect(events).toEqual([{ name: "RESET", data: { guest: true } }]);
  qmp.close();
  server.close();
});

test("Qmp puts lines together that come in pieces", async () => {
  const path = newSocket();
  const server = await peer(path, ['{"return": {}}\r\n', '{"ret', 'urn": 7}\r\n']);
  const qmp = await Qmp.connect(path);
  const [seven] = [qmp.execute("first"), await Bun.sleep(50)];
  const second = qmp.execute("second").catch(() => "ended");
  expect(await seven).toBe(7);
  qmp.close();
  expect(await second).toBe("ended");
  server.close();
});

test("Qmp rejects what is left when QEMU goes", async () => {
  const path = newSocket();
  const server = await peer(path, ['{"return": {}}\r\n']);
  const qmp = await Qmp.connect(path);
  await expect(qmp.execute("quit")).rejects.toThrow("connection has ended");
  server.close();
});

test("Qmp.connect rejects where nobody listens", async () => {
  await expect(Qmp.connect(newSocket())).rejects.toThrow("connection has ended");
});
