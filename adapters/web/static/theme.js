// Applies a remembered choice of light or dark before the first paint; without one the system decides.
try {
  const chosen = localStorage.getItem("doorward-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch { /* storage may be forbidden: the system decides */ }
