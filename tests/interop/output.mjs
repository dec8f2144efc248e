// What the scripts of node say to who waits for them.

import { writeSync } from "node:fs";

/** One line; it is written when this returns. */
export function print(value) {
  writeSync(1, JSON.stringify(value) + "\n");
}

export function fail(error) {
  writeSync(2, `${error.stack ?? error}\n`);
  process.exit(1);
}

// Who waits for us never waits for ever.
setTimeout(() => fail("this took more than two minutes"), 120_000).unref();
