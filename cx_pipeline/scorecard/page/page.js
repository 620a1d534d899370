// The language: as the address says (#ko…), else as the settings say, else the browser's. Without this script
// the switch still works; it keeps the page's lang and title true.
const root = document.documentElement;
const switches = [...document.querySelectorAll("input[name=language]")];
function speak(language) {
  const chosen = switches.find((input) => input.value === language);
  if (!chosen) return;
  chosen.checked = true;
  root.lang = language;
  document.title = chosen.dataset.title;
}
function fromAddress() {
  const [, language] = location.hash.match(/^#(en|ko)\b/) || [];
  if (language) speak(language);
  return language;
}
for (const input of switches) input.addEventListener("change", () => speak(input.value));
addEventListener("hashchange", fromAddress);
if (!fromAddress() && root.dataset.language === "auto") speak(/^ko\b/.test(navigator.language) ? "ko" : "en");
