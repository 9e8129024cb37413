// What tools learn from reflection, by both versions of the protocol.
import { expect, test } from "bun:test";
import { createFileRegistry, fromBinary, getOption } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { KV } from "../../gen/etcd/rpc_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as Alpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { Management } from "../../gen/metropolis/proto/api/management_pb.ts";
import { authorization, Permission } from "../../gen/metropolis/proto/ext/authorization_pb.ts";
import { Code, connect, RpcError, type ServeOptions, serve, service } from "./rpc.ts";
import { failure } from "./test-pair.ts";

async function described(options: Partial<ServeOptions> = {}) {
  const server = await serve({
    services: [service(KV, {}), service(Management, {})],
    authorize: () => {},
    listen: { host: "127.0.0.1", port: 0 },
    ...options,
  });
  const channel = connect({ target: `127.0.0.1:${server.port}`, credentials: "plain" });
  const end = async () => {
    channel.close();
    await server.close(0);
  };
  return { channel, [Symbol.asyncDispose]: end };
}

type Question = { case: "fileContainingSymbol" | "fileByFilename"; value: string };

/** The names of the files that answer a question. */
async function files(question: Question) {
  await using server = await described();
  const client = server.channel.client(ServerReflection);
  for await (const { messageResponse } of client.serverReflectionInfo([
    { messageRequest: question },
  ])) {
    if (messageResponse.case !== "fileDescriptorResponse") return messageResponse;
    return messageResponse.value.fileDescriptorProto.map(
      (bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name,
    );
  }
  return [];
}

const services = [
  "etcdserverpb.KV",
  "metropolis.proto.api.Management",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
].map((name) => expect.objectContaining({ name }));

const listServices = [{ messageRequest: { case: "listServices" as const, value: "" } }];

test("v1 lists all services, itself included", async () => {
  await using server = await described();
  const answers = server.channel.client(ServerReflection).serverReflectionInfo(listServices);
  const [answer] = await Array.fromAsync(answers);
  expect(answer?.messageResponse.value).toMatchObject({ service: services });
  expect(answer?.originalRequest?.messageRequest.case).toBe("listServices");
});

test("v1alpha answers the same", async () => {
  await using server = await described();
  const answers = server.channel.client(Alpha).serverReflectionInfo(listServices);
  const [answer] = await Array.fromAsync(answers);
  expect(answer?.messageResponse.value).toMatchObject({ service: services });
});

test.each([
  "etcdserverpb.KV",
  "etcdserverpb.KV.Range",
  "etcdserverpb.RangeRequest",
  "etcdserverpb.Compare.CompareTarget",
])("the file of %s comes with what it imports", async (value) => {
  expect(await files({ case: "fileContainingSymbol", value })).toEqual([
    "etcd/rpc.proto",
    "etcd/kv.proto",
  ]);
});

test("files are found by their names", async () => {
  const found = await files({ case: "fileByFilename", value: "etcd/kv.proto" });
  expect(found).toEqual(["etcd/kv.proto"]);
});

test.each([
  { case: "fileContainingSymbol" as const, value: "nothing.like.This" },
  { case: "fileByFilename" as const, value: "nothing.proto" },
])("unknown things are not found: %p", async (question) => {
  expect(await files(question)).toMatchObject({
    case: "errorResponse",
    value: { errorCode: Code.notFound },
  });
});

test("a client can rebuild every descriptor from the answers", async () => {
  await using server = await described();
  const question = { case: "fileContainingSymbol" as const, value: Management.typeName };
  const client = server.channel.client(ServerReflection);
  const [answer] = await Array.fromAsync(
    client.serverReflectionInfo([{ messageRequest: question }]),
  );
  const response = answer?.messageResponse;
  const bytes =
    response?.case === "fileDescriptorResponse" ? response.value.fileDescriptorProto : [];
  // The file asked for comes first, each before what it imports.
  const file = bytes.map((each) => fromBinary(FileDescriptorProtoSchema, each)).reverse();
  const registry = createFileRegistry({ $typeName: FileDescriptorSetSchema.typeName, file });
  const rebuilt = registry.getService(Management.typeName);
  expect(rebuilt?.methods.map(({ name }) => name)).toEqual(
    Management.methods.map(({ name }) => name),
  );
});

test("extensions are found by the message they extend, and listed", async () => {
  await using server = await described();
  const containingType = "google.protobuf.MethodOptions";
  const client = server.channel.client(ServerReflection);
  const [numbers, file, none] = await Array.fromAsync(
    client.serverReflectionInfo([
      { messageRequest: { case: "allExtensionNumbersOfType", value: containingType } },
      {
        messageRequest: {
          case: "fileContainingExtension",
          value: { containingType, extensionNumber: 1000 },
        },
      },
      { messageRequest: { case: "allExtensionNumbersOfType", value: "no.Such" } },
    ]),
  );
  expect(numbers?.messageResponse.value).toMatchObject({ extensionNumber: [1000] });
  expect(file?.messageResponse.case).toBe("fileDescriptorResponse");
  expect(file?.originalRequest?.messageRequest.value).toMatchObject({ containingType });
  expect(none?.messageResponse.case).toBe("errorResponse");
});

test("reflection can be switched off", async () => {
  await using server = await described({ withReflection: false });
  const asked = Array.fromAsync(server.channel.client(ServerReflection).serverReflectionInfo([{}]));
  expect(await failure(asked)).toMatchObject({ code: Code.unimplemented });
});

test("reflection answers nobody but those who are admitted", async () => {
  const refuse = () => {
    throw new RpcError(Code.unauthenticated, "not you");
  };
  await using server = await described({ authorize: refuse });
  const { channel } = server;
  for (const answers of [
    channel.client(ServerReflection).serverReflectionInfo(listServices),
    channel.client(Alpha).serverReflectionInfo(listServices),
  ]) {
    const first = answers[Symbol.asyncIterator]().next();
    expect(await failure(first)).toMatchObject({ code: Code.unauthenticated });
  }
});

test.each([ServerReflection, Alpha])("$typeName wants a permission that no node has", (each) => {
  const { need } = getOption(each.method.serverReflectionInfo, authorization);
  expect(need).toEqual([Permission.DESCRIBE_API]);
});
