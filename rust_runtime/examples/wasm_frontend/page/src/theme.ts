import { replace } from "./dom.ts";

const KEY = "oxidizedvision-theme";
const ORDER = ["auto", "light", "dark"] as const;
type Theme = (typeof ORDER)[number];

const SHOWN: Record<Theme, string> = { auto: "Auto", light: "Light", dark: "Dark" };

/** The button that goes through the system's choice, light and dark. */
export function themeButton(button: HTMLElement): void {
  let theme = kept();
  const show = () => {
    const { dataset } = document.documentElement;
    if (theme === "auto") delete dataset.theme;
    else dataset.theme = theme;
    replace(button, `◐ ${SHOWN[theme]}`);
    button.setAttribute("aria-label", `Colours: ${SHOWN[theme]}`);
  };
  button.addEventListener("click", () => {
    theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? "auto";
    keep(theme);
    show();
  });
  show();
}

// A browser may forbid storage; the page then starts as the system says.
function kept(): Theme {
  try {
    return ORDER.find((known) => known === localStorage.getItem(KEY)) ?? "auto";
  } catch {
    return "auto";
  }
}

function keep(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // See above.
  }
}
