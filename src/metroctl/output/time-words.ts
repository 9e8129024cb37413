// Times as people read them.

const units = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

/** `3 minutes ago`, in the greatest unit that fits. */
export function ago(seconds: number): string {
  const [name, length] = units.find((unit) => seconds >= unit[1]) ?? ["second", 1];
  const count = Math.max(0, Math.floor(seconds / length));
  return `${count} ${name}${count === 1 ? "" : "s"} ago`;
}

/** `2026-11-23 09:58:20 UTC`. */
export function utcText(time: Date): string {
  const [day = "", clock = ""] = time.toISOString().split("T");
  return `${day} ${clock.slice(0, 8)} UTC`;
}
