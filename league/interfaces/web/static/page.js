// All that the page needs beside htmx: the arrow keys in a replay, the policy to promote, and a word when the server is gone.
document.addEventListener("keydown", (event) => {
  const id = { ArrowLeft: "go-back", ArrowRight: "go-next", Home: "go-first", End: "go-last" }[event.key];
  const step = id && document.getElementById(id);
  const typing = event.target.closest("input, textarea, select, .scroll, pre");
  if (!step || typing || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (step.href) step.click();
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-promote]");
  const field = link && document.getElementById("policy");
  if (!field || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  field.value = link.dataset.promote;
  field.focus();
});
for (const [name, gone] of [["htmx:sseError", true], ["htmx:sseOpen", false]]) {
  document.addEventListener(name, () => {
    document.getElementById("cut").hidden = !gone;
  });
}
