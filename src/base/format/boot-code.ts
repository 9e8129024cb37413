// What a legacy BIOS runs of a disk that only UEFI can start from: a few instructions that show a
// text. Without them the BIOS runs zeros, and the person before the screen sees nothing at all.
//
//   0  cld                     fc
//   1  call 4                  e8 00 00     the BIOS may have begun at 0:7c00 or at 7c0:0
//   4  pop si                  5e
//   5  push cs; pop ds         0e 1f
//   7  add si, text - 4        81 c6 1b 00
//   b  lodsb                   ac           the next letter
//   c  test al, al             84 c0
//   e  je 1b                   74 0b
//  10  mov ah, 0eh             b4 0e        "teletype", which is also what goes to serial consoles
//  12  mov bx, 7               bb 07 00
//  15  push si; int 10h; pop   56 cd 10 5e
//  19  jmp b                   eb f0
//  1b  sti; hlt; jmp 1b        fb f4 eb fc  Ctrl-Alt-Del goes on working
//  1f  text, zero

const CODE = Uint8Array.fromHex("fce800005e0e1f81c61b00ac84c0740bb40ebb070056cd105eebf0fbf4ebfc");

/** Boot code that shows lines of ASCII, and halts. */
export function bootMessage(lines: readonly string[]): Uint8Array {
  const text = ["", ...lines, ""].join("\r\n");
  return new Uint8Array([...CODE, ...new TextEncoder().encode(`${text}\0`)]);
}
