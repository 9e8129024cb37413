// Tests of the command that makes a process a machine.
import { expect, test } from "bun:test";
import { run } from "../base/process/process.ts";
import { machinePaths, pathsOf } from "./paths.ts";
import { nodeCommand } from "./process-script.ts";

const paths = machinePaths(pathsOf("/clusters/demo"), 7);

test("nodeCommand tells the node where it lives, by a short path", () => {
  const { argv } = nodeCommand(7, paths, "/programs");
  expect(argv.slice(-4)).toEqual(["--folder", "/run/node", "--programs", "/programs"]);
});

test("nodeCommand gives the machine its place in the network", () => {
  const { env } = nodeCommand(7, paths, "/programs");
  expect(env).toMatchObject({
    FOLDER: "/clusters/demo/machines/7",
    ADDRESS: "10.1.0.8",
    MAC: "52:54:00:4d:00:07",
    CABLE: "m7",
  });
});

test("nodeCommand starts from source by the variable that names the role", () => {
  const { env } = nodeCommand(7, paths, "/programs");
  expect(env).toMatchObject({ METROPOLIS_ROLE: "node", ROLE_LINK: "" });
});

test("the scripts of nodeCommand are what a shell understands", async () => {
  const { argv, env } = nodeCommand(7, paths, "/programs");
  const [, , outside = ""] = argv;
  for (const script of [outside, env.INSIDE ?? ""]) {
    await run(["sh", "-n", "-c", script]);
  }
});
