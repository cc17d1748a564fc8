// Shows openapi.json as a page.

const VERBS = ["get", "post"];

/** An element with text or children. */
function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== "" && child != null));
  return made;
}

/** Text whose parts in backticks are code. */
function prose(text) {
  const parts = text.split("`");
  return parts.map((part, index) => (index % 2 ? element("code", "", part) : part));
}

/** What a reference points to. */
function resolved(spec, value) {
  if (!value || !value.$ref) return value;
  const steps = value.$ref.replace("#/", "").split("/");
  return steps.reduce((at, step) => at?.[step], spec);
}

/** The name of a schema, or what it is, in one line. */
function typeText(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.type === "array") return `array of ${typeText(schema.items) || "values"}`;
  if (schema.format === "binary") return "bytes";
  return [schema.type].flat().filter(Boolean).join(" or ");
}

function row(...cells) {
  return element("tr", "", ...cells.map((cell) => element("td", "", ...prose(cell))));
}

function table(title, rows) {
  if (rows.length === 0) return "";
  return element("div", "", element("h4", "", title), element("table", "", ...rows));
}

function contents(body) {
  return Object.entries(body?.content ?? {}).map(([kind, { schema }]) => [kind, typeText(schema)]);
}

function parameters(spec, path, operation) {
  const all = [...(path.parameters ?? []), ...(operation.parameters ?? [])];
  return all.map((given) => {
    const parameter = resolved(spec, given);
    const where = parameter.required ? `${parameter.in}, required` : parameter.in;
    const kind = `${typeText(parameter.schema)} (${where})`;
    return row(parameter.name, kind, parameter.description ?? "");
  });
}

function responses(spec, operation) {
  return Object.entries(operation.responses).map(([status, given]) => {
    const response = resolved(spec, given);
    const kinds = contents(response).map(([kind, type]) => `${kind}: ${type}`);
    return row(status, response.description, kinds.join(", "));
  });
}

function quoted(text) {
  return `'${text}'`;
}

/** A command that asks for it. */
function command(address, verb, operation) {
  if (verb === "get") return `curl ${address}`;
  if (address.endsWith("/predict")) {
    return `curl ${address} -H ${quoted("Content-Type: image/jpeg")} --data-binary @picture.jpg`;
  }
  return operation.requestBody?.required
    ? `curl ${address} -d ${quoted("{…}")}`
    : `curl -X POST ${address}`;
}

function operationCard(spec, address, verb, path, operation) {
  const summary = element(
    "summary",
    "",
    element("span", "verb", verb.toUpperCase()),
    element("span", "path", address),
    element("span", "summary", operation.summary ?? ""),
  );
  const body = contents(operation.requestBody).map(([kind, type]) => row(kind, type));
  const place = new URL(address.slice(1), document.baseURI).href;
  const detail = element(
    "div",
    "detail",
    operation.description ? element("p", "", ...prose(operation.description)) : "",
    element("h4", "", "Example"),
    element("pre", "", command(decodeURI(place), verb, operation)),
    table("Parameters", parameters(spec, path, operation)),
    table("Body", body),
    table("Answers", responses(spec, operation)),
  );
  const card = element("details", "operation", summary, detail);
  card.id = operation.operationId;
  return card;
}

function section(spec, tag) {
  const cards = Object.entries(spec.paths).flatMap(([address, path]) =>
    VERBS.filter((verb) => path[verb]?.tags?.includes(tag.name)).map((verb) =>
      operationCard(spec, address, verb, path, path[verb]),
    ),
  );
  const title = element("h2", "tag", `${tag.name} `, element("small", "", tag.description ?? ""));
  return element("section", "", title, ...cards);
}

function schemaCard([name, schema]) {
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties ?? {}).map(([key, value]) =>
    row(required.has(key) ? `${key} *` : key, typeText(value), value.description ?? ""),
  );
  const detail = element(
    "div",
    "detail",
    schema.description ? element("p", "", ...prose(schema.description)) : "",
    rows.length ? table("Members (* always there)", rows) : element("p", "", typeText(schema)),
  );
  const card = element("details", "schema", element("summary", "", element("span", "type", name)), detail);
  card.id = `schema-${name}`;
  return card;
}

function show(spec) {
  document.getElementById("version").textContent = spec.info.version;
  document.getElementById("about").replaceChildren(...prose(spec.info.description));
  const operations = spec.tags.map((tag) => section(spec, tag));
  document.getElementById("operations").replaceChildren(...operations);
  const schemas = Object.entries(spec.components.schemas).map(schemaCard);
  document
    .getElementById("schemas")
    .replaceChildren(element("h2", "tag", "Documents"), ...schemas);
}

async function start() {
  try {
    const reply = await fetch("openapi.json");
    if (!reply.ok) throw new Error(`the server answered ${reply.status}`);
    show(await reply.json());
  } catch (error) {
    const problem = document.getElementById("problem");
    problem.textContent = `The description cannot be shown: ${error.message}`;
    problem.hidden = false;
  }
}

start();
