// Tests of what a node tells of itself without a cluster.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Value } from "../../base/event/event.ts";
import { testCall } from "../../base/rpc/test-call.ts";
import { GetTroublesRequestSchema } from "../../gen/metropolis/proto/api/management_pb.ts";
import { getTroubles } from "./get-troubles.ts";

const request = create(GetTroublesRequestSchema);

test("getTroubles tells first why etcd cannot run, then what else is wrong", async () => {
  const failure = new Value<{ text: string } | null>({ text: "etcd does not start: no room" });
  const troubles = new Value<readonly string[]>(["the clock is not kept"]);
  const member = new Value<object | null>({});
  const ask = getTroubles({ troubles, failure, member });
  expect(await ask(request, testCall())).toEqual({
    troubles: ["etcd does not start: no room", "the clock is not kept"],
    isConsensusFailing: true,
    isConsensusMember: true,
  });
  failure.set(null);
  member.set(null);
  expect(await ask(request, testCall())).toEqual({
    troubles: ["the clock is not kept"],
    isConsensusFailing: false,
    isConsensusMember: false,
  });
});
