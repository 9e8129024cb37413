// WireGuard's public keys, as base64.

const KEY_BYTES = 32;

/** Whether a text is a public key in its one spelling. */
export function isWireguardKey(text: string): boolean {
  const bytes = Buffer.from(text, "base64");
  // Buffer forgives much in base64; a second spelling would be a second key.
  if (bytes.length !== KEY_BYTES || bytes.toString("base64") !== text) return false;
  // Every handshake with it fails.
  return bytes.some((byte) => byte !== 0);
}
