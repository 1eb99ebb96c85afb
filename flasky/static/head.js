// Runs before the page is drawn: what needs a script (the menu's button) is shown only where scripts run.
document.documentElement.classList.add("js");
