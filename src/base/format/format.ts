// The formats room: what disks, file systems and archives look like, byte by byte.
//
// Every file here is one format and may be imported by itself. None needs Linux, because the
// workstation's side of Metropolis writes the same media on other systems. All of them read input
// that a stranger may have made: whatever the bytes are, the answer is a value or a FormatError.
//
//   block-device  byte-source          where bytes are read and written
//   gpt  fat32  zip                    containers, built on those two
//   guid  crc32  verity  efi-variable  size      values
//   pe  authenticode  der              programs of UEFI and their signatures
//   variable-store                     what OVMF keeps of UEFI's variables
//   ip-address  ip-prefix  host-address  wireguard-key   what names a place in a network
//   cpio  verity-tree  elf             the initramfs, the proof of an image, programs of Linux
//   tar  bolt                          what is inside a backup, and etcd's database

/** Bytes or text that are not what their format demands; the message says what and where. */
export class FormatError extends Error {
  override readonly name = "FormatError";
}
