require("child_process").spawn("/bin/sleep", ["60", "@MARK@"], { detached: true, stdio: "ignore" }).unref();
console.log("HELD");
