// The bytes that files have when a server compresses them with Brotli at 9: paths as a JSON list on
// standard input, sizes in their order on standard output.

import { readFileSync } from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";

const QUALITY = 9;

/** @param {string} path */
function compressedSize(path) {
  const content = readFileSync(path);
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
  };
  return brotliCompressSync(content, { params }).length;
}

const paths = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(paths.map(compressedSize)));
