// In a file of its own, since the page's policy allows no script within it. Nor does it allow a worker for the search.
const schema = document.querySelector("link[rel=service-desc]").href;
Redoc.init(schema, { disableSearch: true }, document.getElementById("docs"));
