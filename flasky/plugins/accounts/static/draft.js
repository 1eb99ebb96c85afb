// Sends the form that was kept on its way. Without scripts its button does.
(() => {
  "use strict";
  document.querySelector("form[data-send-by-itself]")?.submit();
})();
