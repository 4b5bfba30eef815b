const http = require('http')
const server = http.createServer((request, response) => response.end(`you asked for ${request.url}`))
server.listen(0, '127.0.0.1', async () => {
  console.log(await (await fetch(`http://127.0.0.1:${server.address().port}/page`)).text())
  server.closeAllConnections()
  server.close()
})
