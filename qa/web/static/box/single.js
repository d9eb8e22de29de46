/** Begins the page of a single file: gives each script and part that stands in it an address of its own. */
{
  const address = (/** @type {BlobPart} */ part, type = "") => URL.createObjectURL(new Blob([part], { type }));
  const all = (/** @type {string} */ kind) =>
    /** @type {HTMLElement[]} */ ([...document.querySelectorAll(`[data-${kind}]`)]);
  /** @type {Record<string, string>} */
  const scripts = {};
  for (const { dataset, textContent } of all("module")) {
    const text = String(textContent).replace(/(from ")\.\/([\w.]+)"/g, (_, from, name) => `${from}${scripts[name]}"`);
    scripts[String(dataset.module)] = address(text, "text/javascript"); // those that it imports stand before it
  }
  const parts = Object.fromEntries(
    all("part").map(({ dataset, textContent }) => [dataset.part, address(textContent ?? "")]),
  );
  for (const element of all("part")) element.remove();
  const manifest = { box: scripts["box.js"], worker: scripts["worker.js"], parts };
  const box = /** @type {HTMLElement} */ (document.querySelector("qa-box"));
  box.dataset.index = address(JSON.stringify(manifest), "application/json");
  for (const name of ["widget.js", "page.js"]) {
    const script = Object.assign(document.createElement("script"), { type: "module", src: scripts[name] });
    script.dataset.button = "off";
    document.head.append(script);
  }
}
