import { say } from "./dom.ts";
import { type Problem, problemOf, problemView, wasCancelled } from "./problem.ts";
import { type Working, working } from "./progress.ts";

type Work<T> = (signal: AbortSignal, shown: Working) => Promise<T>;
type Ways = (problem: Problem) => HTMLElement[];

/** One long piece of work at a time; a new one ends the one before. */
export class Jobs {
  private current: AbortController | undefined;

  get busy(): boolean {
    return this.current !== undefined;
  }

  /** What came of the work, or undefined where it was stopped or failed, which is then shown. */
  async run<T>(
    place: Element,
    label: string,
    work: Work<T>,
    ways: Ways = () => [],
  ): Promise<T | undefined> {
    this.stop();
    const control = new AbortController();
    this.current = control;
    const shown = working(label, () => control.abort());
    clearTold(place);
    place.prepend(shown.view);
    place.setAttribute("aria-busy", "true");
    say(label);
    try {
      const result = await work(control.signal, shown);
      return control.signal.aborted ? undefined : result;
    } catch (thrown) {
      tellOf(thrown, control.signal, place, ways);
      return undefined;
    } finally {
      shown.stop();
      shown.view.remove();
      if (this.current === control) {
        this.current = undefined;
        place.removeAttribute("aria-busy");
      }
    }
  }

  stop(): void {
    this.current?.abort();
    this.current = undefined;
  }
}

function tellOf(thrown: unknown, signal: AbortSignal, place: Element, ways: Ways): void {
  if (signal.aborted || wasCancelled(thrown)) {
    say("Stopped");
    return;
  }
  const problem = problemOf(thrown);
  place.prepend(problemView(problem, ...ways(problem)));
}

/** Takes away what an earlier piece of work said. */
export function clearTold(place: Element): void {
  for (const told of place.querySelectorAll(":scope > .problem, :scope > .working")) told.remove();
}

/** Shows what went wrong outside of any work. */
export function tellProblem(place: Element, thrown: unknown): void {
  clearTold(place);
  place.prepend(problemView(problemOf(thrown)));
}
