// Texts in (JSON on stdin), what each costs out: [encoding, units, the text of every segment].
const { SegmentedMessage } = require("sms-segments-calculator");

const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
const results = texts.map((text) => {
  const message = new SegmentedMessage(text, "auto", false);
  const segments = message.segments.map((segment) =>
    // A segment's own map() would make a segment again, with a header's octets in it.
    Array.from(segment, (character) => character.raw ?? "").join(""),
  );
  const units = message.encodedChars.reduce((sum, character) => sum + character.codeUnits.length, 0);
  return [message.encodingName, units, segments];
});
process.stdout.write(JSON.stringify(results));
