// What a context remembers of the members, and that no command fails where it cannot.
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { ClusterDirectorySchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import { UserError } from "../output/user-error.ts";
import { ContextFolder } from "./context.ts";
import { Members } from "./members.ts";

let context: ContextFolder;
beforeEach(() => {
  context = new ContextFolder(mkdtempSync(join(tmpdir(), "members-")), "default");
  context.saveReach({ endpoints: ["10.1.0.2"] });
});
afterEach(() => rmSync(context.path, { recursive: true }));

const id = `metropolis-${"a".repeat(32)}`;
const directory = create(ClusterDirectorySchema, {
  nodes: [{ id, addresses: [{ host: "10.1.0.3" }], consensusMember: true }],
});

test("Members remembers whom it is told of", () => {
  new Members(context, context.reach()).learn(directory);
  expect(context.reach().members?.map((member) => member.id)).toEqual([id]);
});

test("Members goes on where the context has no room, and says so", () => {
  spyOn(context, "saveReach").mockImplementation(() => {
    throw new UserError("write context.json");
  });
  let said = "";
  using _ = spyOn(process.stderr, "write").mockImplementation((text) => {
    said += text;
    return true;
  });
  const members = new Members(context, context.reach());
  members.learn(directory);
  expect(members.reach.members?.map((member) => member.id)).toEqual([id]);
  expect(context.reach().members).toBeUndefined();
  expect(said).toContain("Warning: who the members are is not remembered: write ");
});
