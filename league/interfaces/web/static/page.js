// All that the page needs beside htmx: the arrow keys in a replay, and a word when the server is gone.
document.addEventListener("keydown", (event) => {
  const id = { ArrowLeft: "go-back", ArrowRight: "go-next", Home: "go-first", End: "go-last" }[event.key];
  const step = id && document.getElementById(id);
  const typing = event.target.closest("input, textarea, select, .scroll, pre");
  if (!step || typing || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (step.href) step.click();
});
for (const [name, gone] of [["htmx:sseError", true], ["htmx:sseOpen", false]]) {
  document.addEventListener(name, () => {
    document.getElementById("cut").hidden = !gone;
  });
}
