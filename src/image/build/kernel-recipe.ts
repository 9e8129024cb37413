// What decides the bytes of the kernel, beside its source, our configuration and the compiler: it is
// all of our code that is part of the kernel's key, so that no other change costs eleven minutes.

/** Nothing of the builder shows in the image: same source, same compiler, same bytes. */
export const ENVIRONMENT = {
  KBUILD_BUILD_TIMESTAMP: "1970-01-01 00:00:00 UTC",
  KBUILD_BUILD_USER: "metropolis",
  KBUILD_BUILD_HOST: "metropolis",
  KBUILD_BUILD_VERSION: "1",
  SOURCE_DATE_EPOCH: "0",
};

/** Goals of `make`: our lines are appended to what the first one writes; the last word counts. */
export const GOALS = {
  defaults: "x86_64_defconfig",
  complete: "olddefconfig",
  image: "bzImage",
} as const;

/** What is kept, in the source's folder, by the name that it gets. */
export const RESULTS = { bzImage: "arch/x86/boot/bzImage", config: ".config" } as const;
