import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const PAGE = fileURLToPath(new URL("..", import.meta.url));
const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

/** The built page and the modules, where their builds put them. */
export const DIST = join(PAGE, "dist");
export const MODULES = join(PAGE, "..", "runtime", "modules");

export interface Host {
  /** Files by their address, before what is on the disk; null is not there. */
  own?: Record<string, string | Buffer | null>;
  /** How many milliseconds each 64 kB of a file take. */
  slow?: (path: string) => number;
  /** Where the page lies on the host. */
  folder?: string;
}

export interface Running {
  url: string;
  /** What was asked for. */
  asked: string[];
  stop: () => Promise<void>;
}

/** A static host of the finished page: it sends files, and no header beyond their type. */
export async function host({ own = {}, slow, folder = "/" }: Host = {}): Promise<Running> {
  requireBuilt();
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://host");
    const path = decodeURIComponent(pathname).replace(folder, "");
    asked.push(path);
    const name = path === "" || path.endsWith("/") ? `${path}index.html` : path;
    const content = contentOf(name, own);
    if (content === undefined) {
      response.writeHead(404).end();
      return;
    }
    const type = TYPES[extname(name)] ?? "application/octet-stream";
    response.writeHead(200, { "Content-Type": type, "Content-Length": content.length });
    const pause = slow?.(name) ?? 0;
    if (pause === 0) response.end(content);
    else await trickle(content, pause, (part) => response.write(part)).then(() => response.end());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return { url: `http://localhost:${port}${folder}`, asked, stop: () => stopped(server) };
}

function requireBuilt(): void {
  for (const [path, how] of [
    [join(DIST, "index.html"), "npm run build"],
    [join(MODULES, "rten", "build.json"), "make wasm ARGS='--everyday rten'"],
  ] as const) {
    if (!existsSync(path)) throw new Error(`${path} is not there; ${how} makes it`);
  }
}

function contentOf(name: string, own: Record<string, string | Buffer | null>): Buffer | undefined {
  const given = own[name];
  if (given === null) return undefined;
  if (given !== undefined) return Buffer.from(given);
  const root = name.startsWith("modules/") ? join(MODULES, "..") : DIST;
  const path = normalize(join(root, name));
  if (!path.startsWith(root) || !existsSync(path) || !statSync(path).isFile()) return undefined;
  return readFileSync(path);
}

async function trickle(
  content: Buffer,
  pause: number,
  send: (part: Buffer) => void,
): Promise<void> {
  const size = 65_536;
  for (let at = 0; at < content.length; at += size) {
    send(content.subarray(at, at + size));
    await new Promise((done) => setTimeout(done, pause));
  }
}

function stopped(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((done) => server.close(() => done()));
}

/** Whether a module was built here; the everyday build makes only rten's. */
export const hasModule = (name: string) => existsSync(join(MODULES, name, "build.json"));
