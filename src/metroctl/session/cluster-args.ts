// The flags that say which cluster a command speaks to; every such command
// spreads them, and they may also stand before the command.

/** Flags of all commands that have to do with a cluster. */
export const clusterArgs = {
  endpoints: {
    type: "string",
    description: "Nodes to connect to, separated by commas, repeatable; else those of the context",
    valueHint: "host,…",
  },
  proxy: {
    type: "string",
    description: "SOCKS5 proxy for every connection",
    valueHint: "host:port",
  },
  config: {
    type: "string",
    description: "Configuration folder; else $XDG_CONFIG_HOME/metroctl, ~/.config/metroctl",
    valueHint: "folder",
  },
  context: {
    type: "string",
    description: "Context to use, one per cluster; else that of metroctl context use",
    valueHint: "name",
  },
} as const;

/** What {@link clusterArgs} parse to. */
export interface ClusterArgs {
  readonly endpoints?: string | undefined;
  readonly proxy?: string | undefined;
  readonly config?: string | undefined;
  readonly context?: string | undefined;
}
