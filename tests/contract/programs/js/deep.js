function deep(n) { try { return deep(n + 1) } catch { return n } }
console.log(deep(0) > 5000)
