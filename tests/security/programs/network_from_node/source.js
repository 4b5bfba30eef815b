const net = require("net");
const socket = net.connect(@PORT@, "127.0.0.1");
socket.on("connect", () => { console.log("ESCAPED"); process.exit(); });
socket.on("error", () => console.log("HELD"));
