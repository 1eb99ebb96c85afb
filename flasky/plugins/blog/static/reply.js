// A reply calls whom it answers in the comment that is being written. Without this the link leads to the page anew, with
// a form that begins with the name, and what was typed is lost.
(() => {
  "use strict";
  const field = document.querySelector(".comment-form textarea");
  const calls = (text, name) => text.split(`@${name}`).slice(1).some((rest) => !/^[\p{L}\p{N}]/u.test(rest));
  for (const link of document.querySelectorAll(".comment-reply")) {
    link.addEventListener("click", (event) => {
      // Whoever wants another window gets it.
      if (!field || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      const { value } = field;
      const { name } = link.dataset;
      if (!calls(value, name)) {
        field.setRangeText(`${/\S$/.test(value) ? " " : ""}@${name} `, value.length, value.length);
      }
      field.focus();
      field.setSelectionRange(field.value.length, field.value.length);
    });
  }
})();
