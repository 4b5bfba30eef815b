const childProcess = require('child_process'), dgram = require('dgram'), fs = require('fs'), http = require('http');
const net = require('net'), os = require('os'), { Worker } = require('worker_threads');

fs.fsyncSync(fs.openSync('file', 'w'));
console.log(os.cpus().length > 0, os.loadavg().length, os.totalmem() > 0, os.uptime() > 0, Object.keys(os.networkInterfaces()));
const server = net.createServer((client) => {
  client.setNoDelay(true);
  client.setKeepAlive(true, 1000);
  client.end('tcp');
});
server.listen(0, '127.0.0.1', () => net.connect(server.address().port, '127.0.0.1').on('data', (data) => {
  console.log(data.toString());
  server.close(datagrams);
}));

function datagrams() {
  const udp = dgram.createSocket({ type: 'udp4', reuseAddr: true });
  udp.on('message', (message) => {
    console.log(message.toString());
    udp.close(web);
  });
  udp.bind(0, '127.0.0.1', () => {
    udp.setBroadcast(true);
    udp.setTTL(4);
    udp.setMulticastLoopback(true);
    udp.send('udp', udp.address().port, '127.0.0.1');
  });
}

function web() {
  const web = http.createServer((request, response) => response.end('http')).listen('/tmp/socket', () =>
    http.get({ socketPath: '/tmp/socket', path: '/' }, (response) => response.on('data', (data) => {
      console.log(data.toString());
      web.close(children);
    })));
}

function children() {
  console.log(childProcess.execSync('echo child').toString().trim());
  const worker = new Worker('require("worker_threads").parentPort.postMessage("thread")', { eval: true });
  worker.on('message', (message) => {
    console.log(message);
    const forked = childProcess.fork(__filename, [], { execArgv: ['-e', 'process.send("forked")'] });
    forked.on('message', (message) => {
      console.log(message);
      forked.kill();
    });
  });
}
