import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { extname, join, normalize, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import type { Plugin } from "vite";

const MODULES = fileURLToPath(new URL("../runtime/modules", import.meta.url));
const TYPES: Record<string, string> = {
  ".js": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

const POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "connect-src 'self' blob: data:",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** The built page may ask nothing of any other host; the development server needs more freedom. */
export function contentSecurity(): Plugin {
  return {
    name: "content-security",
    apply: "build",
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: POLICY },
        injectTo: "head-prepend",
      },
    ],
  };
}

/** Tells the service worker which files the built page consists of. */
export function listForOffline(): Plugin {
  let folder = "dist";
  return {
    name: "list-for-offline",
    apply: "build",
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    closeBundle() {
      const worker = join(folder, "sw.js");
      const files = filesIn(folder)
        .filter((file) => file !== "sw.js")
        .sort();
      const digest = createHash("sha256");
      for (const file of files) digest.update(file).update(readFileSync(join(folder, file)));
      const source = readFileSync(worker, "utf8");
      const version = digest.update(source).digest("hex").slice(0, 12);
      const told = source
        .replace('"__VERSION__"', JSON.stringify(version))
        .replace("/* __FILES__ */", files.map((file) => JSON.stringify(file)).join(", "));
      writeFileSync(worker, told);
    },
  };
}

function filesIn(folder: string, under = ""): string[] {
  return readdirSync(join(folder, under), { withFileTypes: true }).flatMap((entry) => {
    const path = under ? `${under}/${entry.name}` : entry.name;
    return entry.isDirectory() ? filesIn(folder, path) : [path];
  });
}

/** `vite` serves the built modules where a finished page has them. */
export function modulesForDevelopment(): Plugin {
  return {
    name: "modules-for-development",
    apply: "serve",
    configureServer(server) {
      server.middlewares.use("/modules", (request, response) => {
        const path = normalize(join(MODULES, new URL(request.url ?? "/", "http://page").pathname));
        if (!path.startsWith(MODULES) || !existsSync(path) || !statSync(path).isFile()) {
          response.statusCode = 404;
          response.end();
          return;
        }
        response.setHeader("Content-Type", TYPES[extname(path)] ?? "application/octet-stream");
        createReadStream(path).pipe(response);
      });
    },
  };
}
