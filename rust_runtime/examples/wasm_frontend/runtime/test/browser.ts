import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const TOOLS = fileURLToPath(new URL("../../node_modules/.bin/", import.meta.url));
const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** A Vite project in a folder of its own, with the package as `npm pack` makes it. */
export class Consumer {
  readonly folder = mkdtempSync(join(tmpdir(), "oxidizedvision-consumer-"));

  /** Pack the package, install it, check types, and build. */
  build(): void {
    const sources = fileURLToPath(new URL("./consumer/", import.meta.url));
    cpSync(sources, this.folder, { recursive: true });
    writeFileSync(join(this.folder, "package.json"), '{"private": true, "type": "module"}');
    this.#run("npm", ["pack", PACKAGE, "--silent", "--pack-destination", this.folder]);
    const [tarball = ""] = readdirSync(this.folder).filter((name) => name.endsWith(".tgz"));
    this.#run("npm", ["install", "--offline", "--no-audit", "--no-fund", `./${tarball}`]);
    this.#run(join(TOOLS, "tsc"), ["-p", "."]);
    this.#run(join(TOOLS, "vite"), ["build", "--logLevel", "error"]);
  }

  get dist(): string {
    return join(this.folder, "dist");
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #run(program: string, args: string[]): void {
    execFileSync(program, args, { cwd: this.folder, stdio: ["ignore", "inherit", "inherit"] });
  }
}

/** A static host of a folder; `isolated` sends the headers that threads need. */
export async function hosted(
  folder: string,
  isolated: boolean,
): Promise<{ address: string; server: Server }> {
  const headers: Record<string, string> = isolated
    ? {
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
      }
    : {};
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://here").pathname);
    const file = join(folder, path === "/" ? "index.html" : path);
    try {
      const content = await readFile(file);
      const type = TYPES[extname(file)] ?? "application/octet-stream";
      response.writeHead(200, { "content-type": type, ...headers }).end(content);
    } catch {
      response.writeHead(404, headers).end("nothing here");
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
}
