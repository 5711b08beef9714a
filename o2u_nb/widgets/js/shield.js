// Keys that are pressed in a widget stay there: JupyterLab acts on single keys, and would go to
// another cell, or delete this one.

/**
 * Keep all keys that are pressed in `node` from JupyterLab, but for Tab, which must lead out of it,
 * and for those with Ctrl, Alt or Command, such as Ctrl + S, which saves the notebook.
 * @param {HTMLElement} node
 */
export function keepKeys(node) {
  node.setAttribute("data-lm-suppress-shortcuts", "true");
  node.addEventListener("keydown", (event) => {
    const { key, ctrlKey, metaKey, altKey } = event;
    if (key !== "Tab" && !ctrlKey && !metaKey && !altKey) event.stopPropagation();
  });
}
