// Loaded before every test (bunfig.toml), so that a file run alone has the limit that it has in its
// tier.
import { setDefaultTimeout } from "bun:test";
import { limitMs } from "./limits.ts";

setDefaultTimeout(limitMs(Bun.main));
