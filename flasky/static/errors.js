// The button that copies the report. Without it the text can be selected by hand.
(() => {
  "use strict";
  for (const button of document.querySelectorAll("[data-copies]")) {
    const source = document.getElementById(button.dataset.copies);
    button.hidden = false;
    button.addEventListener("click", async () => {
      source.select();
      // The clipboard is there only on https and on localhost; elsewhere the selection is left for Ctrl+C.
      if (!navigator.clipboard) return;
      await navigator.clipboard.writeText(source.value);
      button.textContent = button.dataset.done;
    });
  }
})();
