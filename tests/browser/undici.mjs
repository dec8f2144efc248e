#!/usr/bin/env node
// undici.mjs SERVER TAP: runs the cases with the package `undici`, and prints what came of them.

import { createRequire } from "node:module";
import { writeSync } from "node:fs";

import { cases, run, tools } from "./cases.mjs";

const installed = new URL("../../target/interop/node/", import.meta.url);
const { WebSocket } = createRequire(installed)("undici");
const [server, tap] = process.argv.slice(2);
writeSync(1, (await run(cases, tools(WebSocket, undefined, server, tap))) + "\n");
process.exit(0);
