// Puts times into the visitor's own zone, in the language of the page. Without it they are shown in UTC.
(() => {
  "use strict";
  const language = document.documentElement.lang || undefined;
  const exact = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long" });
  const forms = {
    datetime: new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" }),
    date: new Intl.DateTimeFormat(language, { dateStyle: "medium" }),
  };
  for (const element of document.querySelectorAll("time[data-local]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    element.title = exact.format(moment);
    const form = forms[element.dataset.local];
    if (form) element.textContent = form.format(moment);
  }
})();
// A text that was begun for whoever writes goes on behind that. Without it they put the cursor there.
(() => {
  "use strict";
  for (const field of document.querySelectorAll("textarea[data-go-on]")) {
    field.setSelectionRange(field.value.length, field.value.length);
  }
})();
