// In a file of its own, since the page's policy allows no script within it.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#docs", validatorUrl: null });
