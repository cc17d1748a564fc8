import type { Site } from "./site.ts";

export type Offline = "ready" | "keeping" | "impossible";

const RELOADED = "oxidizedvision-reloaded-for-threads";
const TEN_SECONDS = 10_000;

/**
 * Keeps the page and its files for use without a network.
 *
 * The service worker also adds the headers that threads need. They count from the next load on, so
 * a page that could have threads is loaded once more, unless the user has begun.
 */
export async function keepForOffline(
  site: Site,
  begun: () => boolean,
  tell: (state: Offline) => void,
): Promise<void> {
  if (!("serviceWorker" in navigator) || !import.meta.env.PROD) return tell("impossible");
  tell("keeping");
  try {
    const registration = await navigator.serviceWorker.register("./sw.js", {
      updateViaCache: "none",
    });
    await navigator.serviceWorker.ready;
    await controlled();
    if (shouldReload(site, begun)) {
      sessionStorage.setItem(RELOADED, "yes");
      location.reload();
      return;
    }
    const worker = registration.active ?? navigator.serviceWorker.controller;
    tell(worker && (await keep(worker, site.files)) ? "ready" : "impossible");
  } catch {
    tell("impossible");
  }
}

function shouldReload(site: Site, begun: () => boolean): boolean {
  if (crossOriginIsolated || !site.threads || begun()) return false;
  return navigator.serviceWorker.controller !== null && sessionStorage.getItem(RELOADED) === null;
}

function controlled(): Promise<void> {
  if (navigator.serviceWorker.controller) return Promise.resolve();
  return new Promise((done) => {
    navigator.serviceWorker.addEventListener("controllerchange", () => done(), { once: true });
    // After a forced reload no worker ever takes control.
    setTimeout(done, TEN_SECONDS);
  });
}

function keep(worker: ServiceWorker, files: string[]): Promise<boolean> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((done) => {
    port1.onmessage = ({ data }) => done(data.kept === true);
    worker.postMessage({ keep: files }, [port2]);
  });
}
