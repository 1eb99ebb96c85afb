// A reply calls whom it answers in the comment that is being written. Without this the link leads to the page anew, with
// a form that begins with the name, and what was typed is lost.
(() => {
  "use strict";
  const field = document.querySelector(".comment-form textarea");
  // As the site finds names, but simpler: where it may not be one, a name too many does less harm than one missing.
  const before = /(?:^|[\s\p{Ps}\p{Pi}\p{Script=Han}]|[，。！？；：、])$/u;
  const after = /^(?:$|[\s\p{Script=Han}]|[\p{Po}\p{Pe}\p{Pf}]+(?:$|[\s\p{Script=Han}]))/u;
  const calls = (text, name) => {
    const parts = text.toLowerCase().split(`@${name.toLowerCase()}`);
    return parts.some((part, place) => place > 0 && before.test(parts[place - 1]) && after.test(part));
  };
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
