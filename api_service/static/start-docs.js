// In a file of its own, since the page's policy allows no script within it.
document.documentElement.classList.toggle("dark-mode", matchMedia("(prefers-color-scheme: dark)").matches);
const schema = document.querySelector("link[rel=service-desc]").href;
SwaggerUIBundle({ url: schema, dom_id: "#docs", validatorUrl: null });
