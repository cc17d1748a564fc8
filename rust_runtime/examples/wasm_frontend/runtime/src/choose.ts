import { type ErrorData, errorToData, isError, OxidizedVisionError } from "./errors.js";
import type { Recipe, Session, Start, StartOptions } from "./session.js";
import { abortable } from "./signals.js";
import { bestTimes, trialInputs, warmUp } from "./trial.js";
import type { Candidate, Choice, Tensor } from "./types.js";

/** The engine that was chosen, with its worker, and the one for when it fails. */
export interface Chosen {
  session: Session;
  recipe: Recipe;
  alternative?: Recipe | undefined;
  choice: Choice;
}

/** One engine on trial. */
interface Trial {
  recipe: Recipe;
  candidate: Candidate;
  session?: Session;
}

/** Load the model in each engine, time a few runs, keep the faster, and tell why. */
export async function chooseEngine(
  start: Start,
  recipes: Recipe[],
  options: StartOptions,
): Promise<Chosen> {
  const trials: Trial[] = recipes.map((recipe) => ({
    recipe,
    candidate: { engine: recipe.engine, threads: recipe.threads, bestMs: null },
  }));
  try {
    for (const trial of trials) await startTrial(start, trial, options);
    options.onProgress?.({ phase: "trial", loaded: 0, total: null });
    const endAll = (reason: unknown): void => {
      for (const { session } of trials) session?.end(reason);
    };
    const chosen = await abortable(measured(trials), options.signal, endAll, "Choosing an engine");
    for (const { session } of trials) if (session !== chosen.session) session?.end(chosen.choice);
    return chosen;
  } catch (error) {
    for (const { session } of trials) session?.end(error);
    throw error;
  }
}

async function startTrial(start: Start, trial: Trial, options: StartOptions): Promise<void> {
  try {
    trial.session = await start(trial.recipe, options);
    trial.candidate.threads = trial.session.loaded.info.threads;
  } catch (error) {
    if (isOfTheSource(error)) throw error;
    trial.candidate.problem = errorToData(error);
  }
}

/** What no other engine would do better: the model is not to be had, or nobody waits any more. */
function isOfTheSource(error: unknown): boolean {
  return !isError(error) || ["interrupted", "not_found", "unreadable"].includes(error.kind);
}

async function measured(trials: Trial[]): Promise<Chosen> {
  const loaded = trials.filter(hasSession);
  const [first] = loaded;
  if (first === undefined) throw refusedByAll(trials);
  const { info, contract } = first.session.loaded;
  const inputs = trialInputs(info, contract, first.recipe.options.inputShapes);
  const running = await thoseThatRun(loaded, inputs);
  if (running.length > 0) await time(running, inputs);
  const [best, ...others] = running.sort(
    (left, right) => (left.candidate.bestMs ?? 0) - (right.candidate.bestMs ?? 0),
  );
  const kept = best ?? first;
  const candidates = trials.map(({ candidate }) => candidate);
  const { engine, threads } = kept.candidate;
  const why = best === undefined ? unproved(inputs) : reason(trials, running, inputs);
  return {
    session: kept.session,
    recipe: kept.recipe,
    alternative: others[0]?.recipe,
    choice: { engine, threads, why, candidates },
  };
}

function hasSession(trial: Trial): trial is Trial & { session: Session } {
  return trial.session !== undefined;
}

async function thoseThatRun<T extends Trial & { session: Session }>(
  trials: T[],
  inputs: Tensor[],
): Promise<T[]> {
  const running: T[] = [];
  for (const trial of trials) {
    try {
      await warmUp(trial.session, inputs);
      running.push(trial);
    } catch (error) {
      trial.candidate.problem = errorToData(error);
    }
  }
  return running;
}

async function time(trials: (Trial & { session: Session })[], inputs: Tensor[]): Promise<void> {
  const best = await bestTimes(
    trials.map(({ session }) => session),
    inputs,
  );
  for (const [index, { candidate }] of trials.entries()) candidate.bestMs = best[index] ?? null;
}

function reason(trials: Trial[], running: Trial[], inputs: Tensor[]): string {
  const shapes = inputs.map(({ shape }) => `[${shape.join(", ")}]`).join(" ");
  const times = running.map(({ candidate }) => `${candidate.engine} ${text(candidate.bestMs)} ms`);
  const refused = trials
    .filter(({ candidate }) => candidate.problem !== undefined)
    .map(({ candidate }) => `${candidate.engine} cannot: ${candidate.problem?.message}`);
  return [`${times.join(", ")} on ${shapes}`, ...refused].join("; ");
}

function text(milliseconds: number | null): string {
  return (milliseconds ?? 0).toPrecision(3);
}

function unproved(inputs: Tensor[]): string {
  const shapes = inputs.map(({ shape }) => `[${shape.join(", ")}]`).join(" ");
  return `the first that loaded: no engine ran on made-up inputs of ${shapes}`;
}

function refusedByAll(trials: Trial[]): OxidizedVisionError {
  const problems = trials.map(({ candidate }) => [candidate.engine, candidate.problem] as const);
  const [, first] = problems[0] ?? [];
  const messages = problems.map(([engine, problem]) => `${engine}: ${problem?.message}`);
  return new OxidizedVisionError(
    (first as ErrorData | undefined)?.kind ?? "internal",
    messages.join("; "),
    first?.hint ?? "",
  );
}
