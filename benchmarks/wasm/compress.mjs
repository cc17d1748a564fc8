/** `node compress.mjs SOURCE TARGET QUALITY ...`: brotli, as a host does it for static files. */
import { readFileSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";

const compress = promisify(brotliCompress);
const words = process.argv.slice(2);
const jobs = [];
for (let at = 0; at < words.length; at += 3) {
  const [source, target, quality] = words.slice(at, at + 3);
  const content = readFileSync(source);
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: Number(quality),
    [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
  };
  jobs.push(compress(content, { params }).then((small) => writeFileSync(target, small)));
}
await Promise.all(jobs);
