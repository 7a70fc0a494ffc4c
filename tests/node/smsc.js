// A message centre on node-smpp, for tests and measurements:
// `node smsc.js PORT [--receipts] [--talk] [--decimal] [--late=MS] [--pem=FILE]`.
//
// PORT 0 takes any; the first line on stdout is the port. Every bind is taken, every submit_sm answered with an id
// (hexadecimal, or decimal with --decimal), with --late so many milliseconds after it came. --pem is a key with its
// certificates: then it speaks TLS. --receipts sends a DELIVRD receipt for each, on a bind that may receive.
// --talk prints one JSON line for each submit_sm and each deliver_sm_resp, and sends the messages that come as JSON lines
// on stdin: {"from", "to", "text", "udh": [octets from its length on] or nothing}. SIGUSR1 prints the counts as one JSON line; SIGTERM ends.
const smpp = require("smpp");

const valueOf = (name) => process.argv.find((flag) => flag.startsWith(`${name}=`))?.slice(name.length + 1);
const port = Number(process.argv[2] ?? 0);
const flags = new Set(process.argv.slice(3));
const receipts = flags.has("--receipts");
const talk = flags.has("--talk");
const late = Number(valueOf("--late") ?? 0);
const pem = valueOf("--pem") && require("fs").readFileSync(valueOf("--pem"));
const base = flags.has("--decimal") ? 10 : 16;
const counts = { binds: 0, submits: 0, receipts: 0, acknowledged: 0, refused: 0 };
const receivers = [];
let nextId = 0xabc000;

// The library's own choice is data coding 1, with the octets of the GSM alphabet.
const gsm = (text) => smpp.encodings.detect(text) === "ASCII";

const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");

// Writes that belong together leave as one: what a session sends within one turn of the loop.
function gather(session) {
  if (session.gathering) return;
  session.gathering = true;
  session.socket.cork();
  setImmediate(() => {
    session.gathering = false;
    session.socket.uncork();
  });
}

function deliver(session, fields) {
  gather(session);
  session.deliver_sm(fields, (answer) => {
    counts[answer.command_status === 0 ? "acknowledged" : "refused"] += 1;
    if (talk) say({ event: "deliver_sm_resp", status: answer.command_status, from: fields.source_addr });
  });
}

function stamp() {
  return new Date().toISOString().replace(/[-T:]/g, "").slice(2, 12);
}

function report(pdu, id) {
  const session = receivers[counts.receipts % receivers.length];
  if (!session) return;
  counts.receipts += 1;
  const at = stamp();
  deliver(session, {
    esm_class: 4,
    source_addr_ton: 1,
    source_addr_npi: 1,
    source_addr: pdu.destination_addr,
    dest_addr_ton: 1,
    dest_addr_npi: 1,
    destination_addr: pdu.source_addr,
    short_message: Buffer.from(
      `id:${id} sub:001 dlvrd:001 submit date:${at} done date:${at} stat:DELIVRD err:000 text:`,
    ),
  });
}

function take(session, pdu) {
  gather(session);
  counts.submits += 1;
  const id = (nextId++).toString(base);
  if (late) setTimeout(answer, late, session, pdu, id);
  else answer(session, pdu, id);
  if (talk) {
    const body = pdu.short_message;
    say({
      event: "submit_sm",
      id,
      from: pdu.source_addr,
      to: pdu.destination_addr,
      esm_class: pdu.esm_class,
      data_coding: pdu.data_coding,
      text: Buffer.isBuffer(body.message) ? body.message.toString("latin1") : body.message,
      udh: (body.udh ?? []).map((part) => [...part]),
      payload: pdu.message_payload ? String(pdu.message_payload.message ?? pdu.message_payload) : undefined,
      registered_delivery: pdu.registered_delivery,
    });
  }
}

function answer(session, pdu, id) {
  session.send(pdu.response({ message_id: id }));
  if (receipts) report(pdu, id);
}

const server = smpp.createServer(pem ? { key: pem, cert: pem } : {}, (session) => {
  const bind = (receives) => (pdu) => {
    counts.binds += 1;
    session.send(pdu.response({ system_id: "node-smpp" }));
    if (receives) receivers.push(session);
  };
  session.socket.setNoDelay(true);
  session.on("bind_transceiver", bind(true));
  session.on("bind_receiver", bind(true));
  session.on("bind_transmitter", bind(false));
  session.on("submit_sm", (pdu) => take(session, pdu));
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("unbind", (pdu) => {
    session.send(pdu.response());
    session.close();
  });
  session.on("error", () => session.destroy());
  session.on("close", () => {
    const place = receivers.indexOf(session);
    if (place >= 0) receivers.splice(place, 1);
  });
});

server.listen(port, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
process.on("SIGUSR1", () => say(counts));
process.on("SIGTERM", () => process.exit(0));

if (talk) {
  require("readline")
    .createInterface({ input: process.stdin })
    .on("line", (line) => {
      const { from, to, text, udh } = JSON.parse(line);
      deliver(receivers[0], {
        source_addr_ton: 1,
        source_addr_npi: 1,
        source_addr: from,
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: to,
        data_coding: gsm(text) ? 0 : 8,
        short_message: udh ? { message: text, udh: Buffer.from(udh) } : text,
      });
    });
}
