// Boot entries byte by byte, and those of firmware and of strangers.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  bootEntryName,
  bootEntryNumber,
  decodeBootEntry,
  decodeBootOrder,
  type EfiFile,
  encodeBootEntry,
  encodeBootOrder,
} from "./efi-variable.ts";
import { FormatError } from "./format.ts";

const file: EfiFile = {
  partitionNumber: 1,
  partitionOffset: 2048 * 512,
  partitionSize: 1048576 * 512,
  sectorSize: 512,
  partitionId: "00112233-4455-6677-8899-aabbccddeeff",
  path: "EFI/BOOT/BOOTX64.EFI",
};

/** An entry as firmware makes it for itself: a file in its own flash, not on a disk. */
const FIRMWARE_ENTRY = [
  "01000000 2c00 550069004100700070000000",
  "04071400 c9bdb87cebf8344faaea3ee4af6516a1",
  "04061400 21aa2c4614760345836e8ab6f4662331",
  "7fff0400",
].join("");

function fromHex(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replaceAll(" ", ""));
}

describe("encodeBootEntry", () => {
  test("writes the bytes that the UEFI specification lays out", () => {
    const bytes = encodeBootEntry("M", file);
    expect(bytes.toHex()).toBe(
      [
        "01000000", // active
        "5e00", // length of the path
        "4d000000", // "M"
        "04012a00 01000000 0008000000000000 0000100000000000",
        "33221100554477668899aabbccddeeff 0202",
        "04043000 5c004500460049005c0042004f004f0054005c00",
        "42004f004f0054005800360034002e004500460049000000",
        "7fff0400",
      ]
        .join("")
        .replaceAll(" ", ""),
    );
  });

  test("is read back by decodeBootEntry", () => {
    expect(decodeBootEntry(encodeBootEntry("Metropolis", file))).toEqual({
      description: "Metropolis",
      isActive: true,
      file: {
        partitionNumber: 1,
        partitionId: file.partitionId,
        path: "EFI/BOOT/BOOTX64.EFI",
      },
    });
  });
});

describe("decodeBootEntry", () => {
  test("keeps entries whose path it does not understand apart", () => {
    expect(decodeBootEntry(fromHex(FIRMWARE_ENTRY))).toEqual({
      description: "UiApp",
      isActive: true,
    });
  });

  test("tells an entry that is switched off", () => {
    const bytes = encodeBootEntry("M", file);
    bytes[0] = 0;
    expect(decodeBootEntry(bytes).isActive).toBeFalse();
  });

  test.each([
    ["", "too short"],
    ["01000000 0400 4d004d00", "no end"],
    ["01000000 ff00 4d000000 7fff0400", "cut short"],
    ["01000000 0400 4d000000 04010000", "damaged"],
    ["01000000 0400 4d000000 0401ff00", "damaged"],
  ])("refuses %p", (hex, reason) => {
    expect(() => decodeBootEntry(fromHex(hex))).toThrow(reason);
  });

  test("gives an entry or a FormatError for any bytes", () => {
    const sound = encodeBootEntry("Metropolis", file);
    const damage = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(damage, fc.nat(sound.length), (changes, length) => {
        const bytes = sound.slice(0, length);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          decodeBootEntry(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
    );
  });
});

test("encodeBootOrder and decodeBootOrder agree", () => {
  expect(encodeBootOrder([1, 0xabcd]).toHex()).toBe("0100cdab");
  expect(decodeBootOrder(encodeBootOrder([1, 0xabcd]))).toEqual([1, 0xabcd]);
  expect(decodeBootOrder(new Uint8Array())).toEqual([]);
});

test("decodeBootOrder refuses half a number", () => {
  expect(() => decodeBootOrder(new Uint8Array(3))).toThrow(FormatError);
});

test("bootEntryName and bootEntryNumber agree", () => {
  expect(bootEntryName(0x1a)).toBe("Boot001A");
  expect(bootEntryNumber("Boot001A")).toBe(0x1a);
  expect(bootEntryNumber("BootOrder")).toBeUndefined();
  expect(bootEntryNumber("Boot1")).toBeUndefined();
});
