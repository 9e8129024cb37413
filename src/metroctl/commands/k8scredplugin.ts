// `metroctl k8scredplugin`: what kubectl runs to get the owner's credentials
// (client.authentication.k8s.io/v1). Not for people.
import { defineCommand } from "citty";
import { answer } from "../output/message.ts";
import { chosenContext } from "../session/context.ts";
import { ownerCredentials } from "../session/owner.ts";

export default defineCommand({
  meta: { name: "k8scredplugin", description: "Credentials for kubectl", hidden: true },
  args: {
    config: { type: "string", description: "Configuration folder" },
    context: { type: "string", description: "Context to use" },
  },
  run({ args }) {
    const { keyPem, certificatePem } = ownerCredentials(chosenContext(args));
    const status = { clientCertificateData: certificatePem, clientKeyData: keyPem };
    answer(
      JSON.stringify({
        apiVersion: "client.authentication.k8s.io/v1",
        kind: "ExecCredential",
        status,
      }),
    );
  },
});
