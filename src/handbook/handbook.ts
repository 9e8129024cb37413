// The handbook, chapter by chapter, embedded in the executable: what
// `metroctl handbook` prints. The chapters are the Markdown files beside this.
import cluster from "./cluster.md" with { type: "text" };
import clusterApi from "./cluster-api.md" with { type: "text" };
import architecture from "./cluster-architecture.md" with { type: "text" };
import policy from "./cluster-policy.md" with { type: "text" };
import coldStart from "./cold-start.md" with { type: "text" };
import demo from "./demo-cluster.md" with { type: "text" };
import developing from "./developing.md" with { type: "text" };
import identity from "./identity-and-authentication.md" with { type: "text" };
import introduction from "./introduction.md" with { type: "text" };
import metroctl from "./metroctl.md" with { type: "text" };
import node from "./node.md" with { type: "text" };
import security from "./security.md" with { type: "text" };
import troubleshooting from "./troubleshooting.md" with { type: "text" };

/** A chapter of the handbook. */
export interface Chapter {
  readonly title: string;
  /** Markdown. */
  readonly text: string;
}

/** All chapters, in reading order. */
export const chapters: readonly Chapter[] = [
  { title: "Introduction", text: introduction },
  { title: "Demo Cluster", text: demo },
  { title: "Cluster Architecture", text: architecture },
  { title: "Node", text: node },
  { title: "Cluster", text: cluster },
  { title: "Cold start and recovery", text: coldStart },
  { title: "Identity and Authentication", text: identity },
  { title: "Cluster Policy", text: policy },
  { title: "Security", text: security },
  { title: "Cluster API", text: clusterApi },
  { title: "The metroctl tool", text: metroctl },
  { title: "Troubleshooting", text: troubleshooting },
  { title: "Developing Metropolis", text: developing },
];
