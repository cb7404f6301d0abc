// Loaded before a server that others wrote: whatever it listens on, and whomever it calls, is this computer alone.
const fs = require("node:fs");
const net = require("node:net");

const NOBODY = 9; // the port of the discard service, which nobody runs
const here = new Set(["127.0.0.1", "::1", "localhost", ""]);
const { connect } = net.Socket.prototype;
const { listen } = net.Server.prototype;

net.Server.prototype.listen = function (...given) {
  const [first, second] = given;
  if (typeof first === "object" && first !== null && "port" in first) {
    given[0] = { ...first, host: "127.0.0.1" };
  } else if (typeof second === "string") {
    given[1] = "127.0.0.1";
  } else {
    given.splice(1, 0, "127.0.0.1");
  }
  return listen.apply(this, given);
};

net.Socket.prototype.connect = function (...given) {
  // `net.connect` hands its arguments on as one list, already put in order.
  const list = Array.isArray(given[0]) ? given[0] : given;
  const options = typeof list[0] === "object" && list[0] !== null ? list[0] : { port: list[0], host: list[1] };
  if (options.path || here.has(options.host ?? "")) {
    return connect.apply(this, given);
  }
  fs.appendFileSync(process.env.REFUSED_LOG, `${options.host}\n`);
  // As if nobody answered there: whoever breaks a connection off any other way ends it.
  const done = list.find((one) => typeof one === "function");
  return connect.call(this, { port: NOBODY, host: "127.0.0.1" }, ...(done ? [done] : []));
};
